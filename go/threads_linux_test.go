// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// osThreads counts the process's threads.
func osThreads(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	must(t, err)
	n, err := strconv.Atoi(string(regexp.MustCompile(`(?m)^Threads:\s*(\d+)`).FindSubmatch(b)[1]))
	must(t, err)
	return n
}
