// SPDX-License-Identifier: Apache-2.0

package model

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// The operations of all sequences together, unless N2_MODEL_OPERATIONS says otherwise, and those of one
// sequence on average: enough for some builds between changes.
const (
	usualOperations    = 20_000
	operationsSequence = 150
)

// machines is how many share them: see TestModel.
const machines = 6

// operations is how many there are to be, on average.
var operations = usualOperations

// Without flags, a run makes the same sequences as the last one and leaves no file.
func TestMain(m *testing.M) {
	if s := os.Getenv("N2_MODEL_OPERATIONS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "N2_MODEL_OPERATIONS is %q, not a number above 0\n", s)
			os.Exit(2)
		}
		operations = n
	}
	for name, value := range map[string]string{
		"rapid.seed":       "1",
		"rapid.steps":      strconv.Itoa(operationsSequence),
		"rapid.checks":     strconv.Itoa(max(1, operations/(operationsSequence*machines))),
		"rapid.nofailfile": "true",
	} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse() // what is given there comes after
	os.Exit(m.Run())
}
