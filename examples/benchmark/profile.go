// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/n2ann/n2/examples/benchmark/dataset"
)

//go:embed profile/profile.c
var profileProgram []byte

const (
	// profileQueries is how many searches are profiled: callgrind slows them down about fifty times.
	profileQueries = 300
	// profileN is how many vectors are, unless --n says otherwise.
	profileN = 20000
)

// profile runs a build of N2 and searches in what it built under callgrind, which counts the
// instructions of each line of source; it writes build.callgrind and search.callgrind, for
// callgrind_annotate or kcachegrind, and shows the functions that weigh most.
func profile(ctx context.Context, set *dataset.Set, m, efConstruction, k, ef int, dir string, out io.Writer) (err error) {
	for _, tool := range []string{"cc", "valgrind", "callgrind_annotate"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("a profile needs %s: %w", tool, err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "n2-profile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	program, index := filepath.Join(work, "profile"), filepath.Join(work, "index")
	if err := compileProfile(ctx, program); err != nil {
		return err
	}
	dim := strconv.Itoa(set.Dim)
	queries := min(set.Queries, profileQueries)
	for _, run := range []struct {
		name, collect string
		args          []string
	}{
		{"build", "n2_build", []string{"build", set.Metric, dim, set.BasePath(), strconv.Itoa(set.N),
			strconv.Itoa(m), strconv.Itoa(efConstruction), index}},
		{"search", "n2_search", []string{"search", index, dim, set.QueriesPath(), strconv.Itoa(queries),
			strconv.Itoa(k), strconv.Itoa(ef)}},
	} {
		file := filepath.Join(dir, run.name+".callgrind")
		fmt.Fprintf(os.Stderr, "profiling %s\n", run.name)
		args := append([]string{"--tool=callgrind", "--quiet", "--dump-instr=yes", "--toggle-collect=" + run.collect,
			"--callgrind-out-file=" + file, program}, run.args...)
		if text, err := exec.CommandContext(ctx, "valgrind", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("valgrind: %w\n%s", err, text)
		}
		text, err := exec.CommandContext(ctx, "callgrind_annotate", "--threshold=99", "--auto=no", "--tree=none", file).Output()
		if err != nil {
			return fmt.Errorf("callgrind_annotate: %w", err)
		}
		fmt.Fprintf(out, "%s: %s\n%s\n", run.name, file, heaviest(string(text)))
	}
	return nil
}

// compileProfile makes the program, of the sources of N2 that the harness itself is made of.
func compileProfile(ctx context.Context, program string) error {
	core, err := coreDir(ctx)
	if err != nil {
		return err
	}
	source := program + ".c"
	if err := os.WriteFile(source, profileProgram, 0o666); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(core, "*.c"))
	if err != nil {
		return err
	}
	args := append([]string{"-std=c11", "-O3", "-g", "-DNDEBUG", "-pthread", "-I" + core, "-o", program, source}, files...)
	if text, err := exec.CommandContext(ctx, "cc", append(args, "-lm")...).CombinedOutput(); err != nil {
		return fmt.Errorf("cc: %w\n%s", err, text)
	}
	return nil
}

// coreDir finds csrc/ as the go command does.
func coreDir(ctx context.Context) (string, error) {
	const path = "github.com/n2ann/n2/csrc"
	dir, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		return "", fmt.Errorf("the sources of %s are not found from here; run in the harness's folder: %w", path, err)
	}
	return strings.TrimSpace(string(dir)), nil
}

// heaviest sums up callgrind_annotate's listing by function, where lines of a function that come
// from other files by inlining stand apart, and returns the ten that weigh most.
func heaviest(listing string) string {
	shares := map[string]float64{}
	for line := range strings.Lines(listing) {
		count, place, ok := strings.Cut(line, "%)  ")
		_, percent, _ := strings.Cut(count, "(")
		share, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
		if !ok || err != nil {
			continue
		}
		place, _, _ = strings.Cut(place, " [")
		if _, function, ok := strings.Cut(filepath.Base(strings.TrimSpace(place)), ":"); ok {
			shares[function] += share
		}
	}
	names := slices.SortedFunc(maps.Keys(shares), func(a, b string) int {
		return cmp.Or(cmp.Compare(shares[b], shares[a]), strings.Compare(a, b))
	})
	var lines []string
	for _, name := range names[:min(10, len(names))] {
		lines = append(lines, fmt.Sprintf("  %5.1f %%  %s", shares[name], name))
	}
	return strings.Join(lines, "\n")
}
