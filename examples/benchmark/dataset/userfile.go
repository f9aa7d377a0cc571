// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	n2 "github.com/n2ann/n2/go"
)

// heldOut is how many rows of a user's file become queries, if it has eleven times as many.
const heldOut = 1000

// A table is an opened file of vectors.
type table struct {
	rows, dim int
	// next reads the next row into row[dim].
	next func(row []float32) error
}

// formats are the files of vectors, by ending. size is that of the file.
var formats = []struct {
	ending string
	open   func(r io.Reader, size int64) (*table, error)
}{
	{".fvecs", func(r io.Reader, size int64) (*table, error) { return openVecs(r, size, float32s) }},
	{".bvecs", func(r io.Reader, size int64) (*table, error) { return openVecs(r, size, uint8s) }},
	{".ivecs", func(r io.Reader, size int64) (*table, error) { return openVecs(r, size, int32s) }},
	{".fbin", func(r io.Reader, size int64) (*table, error) { return openBin(r, size, float32s) }},
	{".u8bin", func(r io.Reader, size int64) (*table, error) { return openBin(r, size, uint8s) }},
	{".i8bin", func(r io.Reader, size int64) (*table, error) { return openBin(r, size, int8s) }},
	{".npy", openNpy},
}

var hdf5Endings = []string{".hdf5", ".h5"}

// endings lists those of all files that Open takes.
func endings() []string {
	list := append([]string(nil), hdf5Endings...)
	for _, f := range formats {
		list = append(list, f.ending)
	}
	return list
}

// splitOptions cuts "path?queries=path&metric=name" into its parts.
func splitOptions(name string) (path string, options url.Values, err error) {
	path, text, _ := strings.Cut(name, "?")
	options, err = url.ParseQuery(text)
	return path, options, err
}

func looksLikeFile(name string) bool {
	path, _, _ := strings.Cut(name, "?")
	for _, ending := range endings() {
		if strings.EqualFold(filepath.Ext(path), ending) {
			return true
		}
	}
	return strings.ContainsRune(path, filepath.Separator)
}

// userRecipe returns the recipe for a user's file. Its name depends on the files' paths, sizes and
// times of change, so that a changed file becomes another set.
func userRecipe(name string) (*recipe, error) {
	path, options, err := splitOptions(name)
	if err != nil {
		return nil, fmt.Errorf("data set %s: %w", name, err)
	}
	r := &recipe{licence: "that of the user's file"}
	queries := ""
	for option, values := range options {
		switch value := values[len(values)-1]; option {
		case "metric":
			metric, err := n2.ParseMetric(value)
			if err != nil {
				return nil, fmt.Errorf("data set %s: the metric %q is unknown; there are angular, L2 and dot",
					name, value)
			}
			r.metric = metric.String()
		case "queries":
			queries = value
		default:
			return nil, fmt.Errorf("data set %s: the option %q is unknown; there are metric and queries",
				name, option)
		}
	}
	identity := sha256.New()
	fmt.Fprintln(identity, r.metric)
	for _, file := range []string{path, queries} {
		if file == "" {
			continue
		}
		full, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(full)
		if err != nil {
			return nil, fmt.Errorf("data set %s: %w", name, err)
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("data set %s: %s is not a file", name, file)
		}
		fmt.Fprintln(identity, full, info.Size(), info.ModTime().UnixNano())
	}
	stem := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	r.name = "file-" + stem + "-" + hex.EncodeToString(identity.Sum(nil)[:4])
	r.provenance = "the user's file " + filepath.Base(path)
	if queries != "" {
		r.provenance += ", queries of " + filepath.Base(queries)
	}
	r.make = func(ctx context.Context, k *kitchen) error { return k.readUser(ctx, path, queries) }
	return r, nil
}

// readUser makes a set of one file, or of one for the base and one for the queries.
func (k *kitchen) readUser(ctx context.Context, path, queries string) error {
	found, dim, err := k.convert(ctx, path, k.raw(), k.queries())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	k.dim = dim
	if queries != "" {
		_, dim, err = k.convert(ctx, queries, k.queries(), filepath.Join(k.dir, "raw-unused.f32"))
		if err != nil {
			return fmt.Errorf("%s: %w", queries, err)
		}
		if dim != k.dim {
			return fmt.Errorf("%s has %d dimensions, %s %d", queries, dim, path, k.dim)
		}
		found = true
	}
	if k.metric == "" {
		k.metric = "L2"
	}
	if found {
		return k.split(ctx, 0)
	}
	rows, err := checkRows(k.raw(), k.dim, k.metric)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return k.split(ctx, max(1, min(heldOut, rows/11)))
}

// convert writes the rows of a file to the file rows. If it is one that has queries of its own they
// go to the file queries, and found is true.
func (k *kitchen) convert(ctx context.Context, path, rows, queries string) (
	found bool, dim int, err error) {

	ending := strings.ToLower(filepath.Ext(path))
	for _, e := range hdf5Endings {
		if ending == e {
			return k.convertHDF5(ctx, path, rows, queries)
		}
	}
	for _, format := range formats {
		if ending != format.ending {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return false, 0, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return false, 0, err
		}
		t, err := format.open(bufio.NewReaderSize(f, 1<<20), info.Size())
		if err != nil {
			return false, 0, err
		}
		return false, t.dim, k.copyTable(ctx, t, rows)
	}
	return false, 0, fmt.Errorf("files that end in %q are not known; known are %s", ending,
		strings.Join(endings(), ", "))
}

func (k *kitchen) copyTable(ctx context.Context, t *table, to string) error {
	p := newProgress(k.log, "reading vectors")
	defer p.end()
	return writeFile(to, func(w *bufio.Writer) error {
		row, bytes := make([]float32, t.dim), make([]byte, 0, t.dim*4)
		for i := range t.rows {
			if i%1024 == 0 {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				p.set(i, t.rows)
			}
			if err := t.next(row); err != nil {
				return fmt.Errorf("vector %d: %w", i, err)
			}
			bytes = encode(bytes[:0], row...)
			if _, err := w.Write(bytes); err != nil {
				return err
			}
		}
		return nil
	})
}

// convertHDF5 reads a file of ann-benchmarks, by Python: there is no reader in Go for the Go version
// of this module, and h5py is the one that writes these files.
func (k *kitchen) convertHDF5(ctx context.Context, path, rows, queries string) (
	found bool, dim int, err error) {

	path, err = filepath.Abs(path)
	if err != nil {
		return false, 0, err
	}
	r, err := k.python(ctx, "hdf5.py", "reading vectors", needHDF5,
		map[string]any{"file": path, "base": rows, "queries_out": queries})
	if err != nil {
		return false, 0, err
	}
	if k.metric == "" {
		if k.metric, err = metricOf(r.Distance); err != nil {
			return false, 0, err
		}
	}
	return r.Queries > 0, r.Dim, nil
}

// metricOf returns the metric for what ann-benchmarks calls distance.
func metricOf(distance string) (string, error) {
	switch distance {
	case "angular", "cosine":
		return "angular", nil
	case "euclidean", "l2":
		return "L2", nil
	case "dot", "ip":
		return "dot", nil
	case "":
		return "L2", nil
	}
	return "", fmt.Errorf("its distance is %q, which N2 does not have", distance)
}
