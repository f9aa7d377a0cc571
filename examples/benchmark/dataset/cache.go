// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	metaFile    = "meta.json"
	baseFile    = "base.f32"
	queriesFile = "queries.f32"
)

// layout is the version of what a recipe writes: a set of another one is made again.
const layout = 1

var errDamaged = errors.New("the copy in the cache is damaged")

// meta is what meta.json holds.
type meta struct {
	Name       string    `json:"name"`
	Metric     string    `json:"metric"`
	Dim        int       `json:"dim"`
	Base       int       `json:"n_base"`
	Queries    int       `json:"n_queries"`
	Seed       uint64    `json:"seed"`
	Provenance string    `json:"provenance"`
	Licence    string    `json:"licence"`
	SHA256     checksums `json:"sha256"`
	Layout     int       `json:"layout"`
}

type checksums struct {
	Base    string `json:"base"`
	Queries string `json:"queries"`
}

// CacheDir returns the folder in which sets, downloads and Python environments are kept. It is made
// when something is put there.
func CacheDir() (string, error) {
	if dir := os.Getenv("N2_BENCH_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder; set N2_BENCH_CACHE: %w", err)
	}
	return filepath.Join(dir, "n2-benchmark"), nil
}

// load reads and checks the set in dir: fs.ErrNotExist says that there is none, errDamaged that it
// is not what was put there.
func load(dir string) (*meta, error) {
	text, err := os.ReadFile(filepath.Join(dir, metaFile))
	if err != nil {
		return nil, err
	}
	m := &meta{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: %s: %v", errDamaged, metaFile, err)
	}
	if m.Layout != layout || m.Dim < 1 || m.Base < 1 || m.Queries < 1 {
		return nil, fmt.Errorf("%w: %s is of another version", errDamaged, metaFile)
	}
	for _, part := range []struct {
		file, sum string
		rows      int
	}{{baseFile, m.SHA256.Base, m.Base}, {queriesFile, m.SHA256.Queries, m.Queries}} {
		path := filepath.Join(dir, part.file)
		info, err := os.Stat(path)
		if err != nil || info.Size() != int64(part.rows)*int64(m.Dim)*4 {
			return nil, fmt.Errorf("%w: %s has not the size of %d x %d values",
				errDamaged, part.file, part.rows, m.Dim)
		}
		if sum, err := fileSum(path); err != nil || sum != part.sum {
			return nil, fmt.Errorf("%w: the checksum of %s differs", errDamaged, part.file)
		}
	}
	return m, nil
}

// cook makes the set with a base of rows rows, as far as the recipe lets itself be told, in a
// temporary folder that becomes the set's at the end: there is a whole set, or none.
func (r *recipe) cook(ctx context.Context, cache string, rows int, log io.Writer) (*meta, error) {
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return nil, err
	}
	sweep(cache)
	work, err := os.MkdirTemp(cache, ".making-"+r.name+"-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	fmt.Fprintf(log, "data set %s: is being made\n", r.name)
	start := time.Now()
	k := &kitchen{recipe: r, cache: cache, dir: work, rows: max(rows, r.least), log: log,
		metric: r.metric, provenance: r.provenance, licence: r.licence}
	if err := r.make(ctx, k); err != nil {
		return nil, err
	}
	m, err := k.seal()
	if err != nil {
		return nil, err
	}
	if err := replaceFolder(work, filepath.Join(cache, r.name)); err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "data set %s: %d x %d, %d queries, made in %.0f s\n", r.name, m.Base, m.Dim,
		m.Queries, time.Since(start).Seconds())
	return m, nil
}

// sweep removes what runs that were killed left in the cache. None works for a day.
func sweep(cache string) {
	left, _ := filepath.Glob(filepath.Join(cache, ".making-*")) // the pattern is a good one
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.RemoveAll(dir) // which is tidiness, and may fail
		}
	}
}

// seal checks what a recipe left in its folder, describes it in meta.json and clears the rest away.
func (k *kitchen) seal() (*meta, error) {
	m := &meta{Name: k.recipe.name, Metric: k.metric, Dim: k.dim, Seed: seed, Layout: layout,
		Provenance: k.provenance, Licence: k.licence}
	for _, part := range []struct {
		file string
		rows *int
		sum  *string
	}{{baseFile, &m.Base, &m.SHA256.Base}, {queriesFile, &m.Queries, &m.SHA256.Queries}} {
		path := filepath.Join(k.dir, part.file)
		rows, err := checkRows(path, k.dim, k.metric)
		if err != nil {
			return nil, err
		}
		*part.rows = rows
		if *part.sum, err = fileSum(path); err != nil {
			return nil, err
		}
	}
	leftovers, err := filepath.Glob(filepath.Join(k.dir, "raw*.f32"))
	if err != nil {
		return nil, err
	}
	for _, path := range leftovers {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return nil, err
	}
	return m, os.WriteFile(filepath.Join(k.dir, metaFile), append(text, '\n'), 0o666)
}

// replaceFolder gives the folder from the name to, whether or not there is one of that name. The
// ground truth in the old one is lost with it.
func replaceFolder(from, to string) error {
	if err := os.Chmod(from, 0o755); err != nil { // it is a temporary one, of mode 0700
		return err
	}
	old := from + "-old"
	if err := os.Rename(to, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	defer os.RemoveAll(old)
	return os.Rename(from, to)
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, bufio.NewReaderSize(f, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeFile creates path by the function write. It appears whole or not at all.
func writeFile(path string, write func(w *bufio.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+strings.TrimPrefix(filepath.Base(path), ".")+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
