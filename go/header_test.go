// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// headerConstants reads the enumerations of C's header.
func headerConstants(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("../csrc/n2.h")
	must(t, err)
	constants := map[string]string{}
	enumerator := regexp.MustCompile(`\b(N2_\w+)\s*=\s*(-?\d+)`)
	for _, m := range enumerator.FindAllStringSubmatch(string(b), -1) {
		constants[m[1]] = m[2]
	}
	return constants
}

func TestEnumsAreThoseOfC(t *testing.T) {
	constants := headerConstants(t)
	for name, value := range map[string]int32{
		"N2_ANGULAR":               int32(n2.Angular),
		"N2_L2":                    int32(n2.L2),
		"N2_DOT":                   int32(n2.Dot),
		"N2_HEURISTIC":             int32(n2.Heuristic),
		"N2_HEURISTIC_KEEP_PRUNED": int32(n2.HeuristicKeepPruned),
		"N2_NAIVE":                 int32(n2.Naive),
		"N2_MERGE_SKIP":            int32(n2.MergeSkip),
		"N2_MERGE_LEVEL0":          int32(n2.MergeLevel0),
		"N2_NAVIGATE_AUTO":         int32(n2.NavigateAuto),
		"N2_NAVIGATE_CODES":        int32(n2.NavigateCodes),
		"N2_NAVIGATE_VECTORS":      int32(n2.NavigateVectors),
		"N2_SKETCH_AUTO":           int32(n2.SketchAuto),
		"N2_SKETCH_ON":             int32(n2.SketchOn),
		"N2_SKETCH_OFF":            int32(n2.SketchOff),
		"N2_STORE_FLOAT32":         int32(n2.StoreFloat32),
		"N2_STORE_FLOAT16":         int32(n2.StoreFloat16),
		"N2_STORE_SQ8":             int32(n2.StoreSQ8),
	} {
		if constants[name] != fmt.Sprint(value) {
			t.Errorf("%s is %s in C and %d in Go", name, constants[name], value)
		}
	}
}

func TestErrorsAreThoseOfC(t *testing.T) {
	known := map[string]error{
		"N2_ERR_CLOSED":      n2.ErrClosed,
		"N2_ERR_DIMENSION":   n2.ErrDimension,
		"N2_ERR_NOT_FINITE":  n2.ErrNotFinite,
		"N2_ERR_ZERO_VECTOR": n2.ErrZeroVector,
		"N2_ERR_MAGNITUDE":   n2.ErrMagnitude,
		"N2_ERR_NOT_FOUND":   n2.ErrNotFound,
		"N2_ERR_OPTION":      n2.ErrOption,
		"N2_ERR_NO_MEMORY":   n2.ErrNoMemory,
		"N2_ERR_FULL":        n2.ErrFull,
		"N2_ERR_FORMAT":      n2.ErrFormat,
		"N2_ERR_TRUNCATED":   n2.ErrTruncated,
		"N2_ERR_VERSION":     n2.ErrVersion,
		"N2_ERR_CORRUPT":     n2.ErrCorrupt,
		"N2_ERR_CANCELLED":   nil, // Go has the cause of the context instead
	}
	for name := range headerConstants(t) {
		if _, ok := known[name]; strings.HasPrefix(name, "N2_ERR_") && !ok {
			t.Errorf("%s has no error in Go", name)
		}
	}
	seen := map[string]bool{}
	for name, err := range known {
		if err == nil {
			continue
		}
		text := err.Error()
		if seen[text] || !strings.HasPrefix(text, "n2: ") || text != strings.TrimSuffix(text, ".") {
			t.Errorf("%s has the text %q", name, text)
		}
		seen[text] = true
	}
}

func TestErrorText(t *testing.T) {
	_, err := n2.Load("missing.n2", nil)
	const want = "n2: load missing.n2: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("text %q, not %q", err, want)
	}
	var e *n2.Error
	if !errors.As(err, &e) || e.Op != "load" || e.Path != "missing.n2" {
		t.Errorf("error %#v", err)
	}
	_, err = n2.New(0, nil)
	if want := "n2: new: wrong dimension: 0"; err == nil || err.Error() != want {
		t.Errorf("text %q, not %q", err, want)
	}
}

func TestMetricNames(t *testing.T) {
	for m, name := range map[n2.Metric]string{n2.Angular: "angular", n2.L2: "L2", n2.Dot: "dot"} {
		if m.String() != name {
			t.Errorf("metric %d is called %q, not %q", m, m, name)
		}
		if parsed, err := n2.ParseMetric(name); err != nil || parsed != m {
			t.Errorf("%q is parsed as %v, %v", name, parsed, err)
		}
	}
	for _, name := range []string{"", "l2", "Angular", "cosine", "Metric(1)"} {
		if m, err := n2.ParseMetric(name); !errors.Is(err, n2.ErrOption) || m != 0 {
			t.Errorf("%q is parsed as %v, %v", name, m, err)
		}
	}
	if s := n2.Metric(7).String(); s != "Metric(7)" {
		t.Errorf("an unknown metric is called %q", s)
	}
}

// TestNames prints options as the names that they have in the documentation.
func TestNames(t *testing.T) {
	text := fmt.Sprint(n2.Heuristic, n2.HeuristicKeepPruned, n2.Naive, n2.MergeSkip, n2.MergeLevel0, n2.NavigateAuto,
		n2.NavigateCodes, n2.NavigateVectors, n2.SketchAuto, n2.SketchOn, n2.SketchOff, n2.StoreFloat32, n2.StoreFloat16,
		n2.StoreSQ8, n2.Storage(0), n2.Sketch(-1))
	want := "heuristic heuristic keep pruned naive skip level 0 auto codes vectors auto on off float32 float16 sq8 " +
		"Storage(0) Sketch(-1)"
	if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
