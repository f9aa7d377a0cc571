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
	// profileN is how many vectors are, unless --n says otherwise. The build of more is not profiled.
	profileN = 20000
)

// profile runs a build of N2, where it does not take hours, and searches in what it built under
// callgrind, which counts the instructions of each line of source; it writes build.callgrind and
// search.callgrind, for callgrind_annotate or kcachegrind, and shows the files and functions that
// weigh most. m and efConstruction may be 0, for N2's defaults.
func profile(ctx context.Context, set *dataset.Set, m, efConstruction, k int, recall float32, dir string, out io.Writer) (err error) {
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
	build := func(threads string) []string {
		return []string{program, "build", set.Metric, dim, set.BasePath(), strconv.Itoa(set.N),
			strconv.Itoa(m), strconv.Itoa(efConstruction), threads, index}
	}
	if set.N <= profileN {
		err = count(ctx, "build", build("1"), dir, out)
	} else {
		err = run(ctx, build("0")) // on all cores
	}
	if err != nil {
		return err
	}
	return count(ctx, "search", []string{program, "search", index, dim, set.QueriesPath(),
		strconv.Itoa(min(set.Queries, profileQueries)), strconv.Itoa(k), fmt.Sprint(recall)}, dir, out)
}

// count runs a command under callgrind, which counts within n2_build or n2_search alone.
func count(ctx context.Context, name string, command []string, dir string, out io.Writer) error {
	file := filepath.Join(dir, name+".callgrind")
	fmt.Fprintf(os.Stderr, "profiling %s\n", name)
	if err := run(ctx, append([]string{"valgrind", "--tool=callgrind", "--quiet", "--dump-instr=yes",
		"--toggle-collect=n2_" + name, "--callgrind-out-file=" + file}, command...)); err != nil {
		return err
	}
	text, err := exec.CommandContext(ctx, "callgrind_annotate", "--threshold=99", "--auto=no", "--tree=none", file).Output()
	if err != nil {
		return fmt.Errorf("callgrind_annotate: %w", err)
	}
	files, functions := heaviest(string(text))
	fmt.Fprintf(out, "%s: %s\nby file:\n%s\nby function:\n%s\n", name, file, files, functions)
	return nil
}

func run(ctx context.Context, command []string) error {
	if text, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(command[0]), err, text)
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
	args := append([]string{"cc", "-std=c11", "-O3", "-g", "-DNDEBUG", "-pthread", "-I" + core, "-o", program, source}, files...)
	return run(ctx, append(args, "-lm"))
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

// heaviest sums up callgrind_annotate's listing by file, where what is inlined counts for the file
// that it is written in, and by function, where it counts for the function that it is compiled into;
// and returns the ten of each that weigh most.
func heaviest(listing string) (files, functions string) {
	ofFile, ofFunction := map[string]float64{}, map[string]float64{}
	for line := range strings.Lines(listing) {
		count, place, ok := strings.Cut(line, "%)  ")
		_, percent, _ := strings.Cut(count, "(")
		share, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
		if !ok || err != nil {
			continue
		}
		place, _, _ = strings.Cut(place, " [")
		if file, function, ok := strings.Cut(filepath.Base(strings.TrimSpace(place)), ":"); ok {
			if strings.HasPrefix(file, "kernels") || strings.HasSuffix(file, "intrin.h") {
				file = "kernels" // of one instruction set, with the compiler's intrinsics
			}
			ofFile[file] += share
			ofFunction[function] += share
		}
	}
	return ten(ofFile), ten(ofFunction)
}

func ten(shares map[string]float64) string {
	names := slices.SortedFunc(maps.Keys(shares), func(a, b string) int {
		return cmp.Or(cmp.Compare(shares[b], shares[a]), strings.Compare(a, b))
	})
	var lines []string
	for _, name := range names[:min(10, len(names))] {
		lines = append(lines, fmt.Sprintf("  %5.1f %%  %s", shares[name], name))
	}
	return strings.Join(lines, "\n")
}
