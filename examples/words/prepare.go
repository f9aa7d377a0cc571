// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	n2 "github.com/n2ann/n2/go"
)

// prepare builds the index of a file of vectors, saves it and returns it as loaded from the file,
// mapped. It reports each step to out. An interrupt stops the build.
func prepare(vectors string, vocabulary *Vocabulary, out *os.File) (*n2.Index, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	built, err := addAll(vectors, vocabulary)
	if err != nil {
		return nil, err
	}
	defer built.Close()
	fmt.Fprintf(out, "vectors  %s of %d coordinates, %s\n", thousands(built.Len()), built.Dim(), shortest(vectors))

	took, err := build(ctx, built, out)
	if err != nil {
		return nil, err
	}
	s := built.Stats()
	fmt.Fprintf(out, "build    %s on %s (%s), M %d, efConstruction %d\n", duration(took),
		plural(s.Threads, "thread"), s.Kernel, s.M, s.EfConstruction)
	codes := s.CodeBytes + s.SketchBytes
	fmt.Fprintf(out, "memory   %s in the index: vectors %s, codes %s, links %s, ids %s%s\n",
		megabytes(s.VectorBytes+codes+s.LinkBytes+s.IDBytes), megabytes(s.VectorBytes),
		megabytes(codes), megabytes(s.LinkBytes), megabytes(s.IDBytes), resident())

	dir, err := os.MkdirTemp("", "n2-words-")
	if err != nil {
		return nil, err
	}
	// A mapping outlives the name of its file, so the file need not wait for the end.
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "words.n2")
	start := time.Now()
	if err := built.Save(path); err != nil {
		return nil, err
	}
	took = time.Since(start)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "save     %s, a file of %s\n", duration(took), megabytes(uint64(info.Size())))
	if err := built.Close(); err != nil { // so that what is resident from here on is the loaded one
		return nil, err
	}

	start = time.Now()
	loaded, err := n2.Load(path, nil)
	if err != nil {
		return nil, err
	}
	took = time.Since(start)
	fmt.Fprintf(out, "load     %s, mapped%s\n", duration(took), resident())
	return loaded, nil
}

// addAll makes an index of the rows of a file of vectors, not yet built.
func addAll(path string, vocabulary *Vocabulary) (*n2.Index, error) {
	var index *n2.Index
	err := ReadVectors(path, len(vocabulary.words), func(dim int, block []float32) (err error) {
		if index == nil {
			if index, err = n2.New(dim, &n2.Options{Metric: n2.Angular}); err != nil {
				return err
			}
		}
		if _, err = index.AddBatch(block); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		if index != nil {
			index.Close()
		}
		return nil, err
	}
	return index, nil
}

// build builds the index on all cores, shows progress where someone may be watching, and returns
// the time it took.
func build(ctx context.Context, index *n2.Index, out *os.File) (time.Duration, error) {
	var options n2.BuildOptions
	const erase = "\r                \r"
	if isTerminal(out) {
		shown := -1
		options.Progress = func(done, total int) {
			if percent := done * 100 / max(total, 1); percent != shown {
				shown = percent
				fmt.Fprintf(out, "\rbuild    %d %%", percent)
			}
		}
		defer fmt.Fprint(out, erase)
	}
	if index.Len() > 0 {
		// What will be asked is unlike the words themselves: sums of words.
		sums, err := wordPairs(index, 400, index.Len()/7)
		if err != nil {
			return 0, err
		}
		options.Queries = slices.Concat(sums...)
	}
	start := time.Now()
	err := index.Build(ctx, &options)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return time.Since(start), err
}

// resident returns the memory of this process that is in RAM, as the end of a line. It is empty
// where the system does not tell.
func resident() string {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "VmRSS:" && fields[2] == "kB" {
			if kB, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				return "; resident " + megabytes(kB*1024)
			}
		}
	}
	return ""
}

// shortest returns path relative to the working directory where that is shorter.
func shortest(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if r, err := filepath.Rel(dir, path); err == nil && len(r) < len(path) {
		return r
	}
	return path
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// duration writes d with three digits.
func duration(d time.Duration) string {
	value, unit := d.Seconds(), "s"
	switch {
	case d < time.Millisecond:
		value, unit = value*1e6, "µs"
	case d < time.Second:
		value, unit = value*1e3, "ms"
	}
	switch {
	case value < 10:
		return fmt.Sprintf("%.2f %s", value, unit)
	case value < 100:
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// thousands writes n with a comma before every group of three digits.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
