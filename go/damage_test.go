// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// What these tests know of the format (csrc/FORMAT.md): where some fields of the header stand. Its
// last one is its checksum.
const (
	versionAt     = 8
	headerBytesAt = 12
	mustAt        = 16
	mayAt         = 24
	nSectionsAt   = 160
	sectionsAt    = 640 // of each: kind and stride, 4 bytes, offset and length, 8 bytes
	sectionBytes  = 24
)

func headerBytes(b []byte) int { return int(binary.LittleEndian.Uint32(b[headerBytesAt:])) }

// seal puts the right checksum into the header of a file that was changed.
func seal(b []byte) {
	if len(b) < 16 {
		return
	}
	if n := binary.LittleEndian.Uint32(b[headerBytesAt:]); 4 <= n && int64(n) <= int64(len(b)) {
		crc := crc32.Checksum(b[:n-4], crc32.MakeTable(crc32.Castagnoli))
		binary.LittleEndian.PutUint32(b[n-4:], crc)
	}
}

// section returns the bytes of the file that belong to a section which is not empty; i counts them
// round and round.
func section(b []byte, i int) []byte {
	n := int(binary.LittleEndian.Uint32(b[nSectionsAt:]))
	for ; ; i++ {
		entry := b[sectionsAt+sectionBytes*(i%n):]
		offset, size := binary.LittleEndian.Uint64(entry[8:]), binary.LittleEndian.Uint64(entry[16:])
		if size > 0 {
			return b[offset : offset+size]
		}
	}
}

// sample is a file of an index with a graph of several levels and a few pending vectors.
func sample(t testing.TB, m n2.Metric) []byte {
	t.Helper()
	x := builtIndex(t, 4, &n2.Options{Metric: m, M: 4}, gauss(1, 200, 4))
	_, err := x.AddBatch(gauss(2, 10, 4))
	must(t, err)
	return saved(t, x)
}

// samples are one such file for each metric.
func samples(t testing.TB) (files [][]byte) {
	for _, m := range metrics {
		files = append(files, sample(t, m))
	}
	return files
}

// loadEach loads a file mapped and not.
func loadEach(t testing.TB, b []byte, check func(x *n2.Index, err error)) {
	t.Helper()
	path := written(t, b)
	for _, o := range []*n2.LoadOptions{nil, {NoMap: true}} {
		x, err := n2.Load(path, o)
		check(x, err)
		x.Close()
	}
}

func TestTruncatedFile(t *testing.T) {
	b := sample(t, n2.L2)
	lengths := []int{len(b) - 1, len(b) - 4, len(b) - 5}
	for n := range 600 { // the header and a little more
		lengths = append(lengths, n)
	}
	for n := 4096; n < len(b); n += 4096 { // sections begin at multiples of 65,536
		lengths = append(lengths, n-1, n, n+1)
	}
	for _, n := range lengths {
		want := n2.ErrTruncated
		if n < 8 {
			want = n2.ErrFormat // not even the mark of an N2 file
		}
		loadEach(t, b[:n], func(x *n2.Index, err error) {
			if !errors.Is(err, want) {
				t.Errorf("the first %d of %d bytes: %v, not %v", n, len(b), err, want)
			}
		})
	}
	loadEach(t, append(b, 0), func(x *n2.Index, err error) {
		if !errors.Is(err, n2.ErrCorrupt) {
			t.Errorf("one byte more: %v", err)
		}
	})
}

func TestNewerFile(t *testing.T) {
	b := sample(t, n2.L2)
	for name, change := range map[string]struct {
		at   int
		want error
	}{
		"version":              {versionAt, n2.ErrVersion},
		"feature":              {mustAt, n2.ErrVersion},
		"feature of no matter": {mayAt, nil},
	} {
		newer := bytes.Clone(b)
		newer[change.at] += 2
		seal(newer)
		loadEach(t, newer, func(x *n2.Index, err error) {
			if !errors.Is(err, change.want) {
				t.Errorf("a newer %s gives %v", name, err)
			}
		})
	}
	b[versionAt]++ // whose header need not have its checksum in this place
	loadEach(t, b, func(x *n2.Index, err error) {
		if !errors.Is(err, n2.ErrVersion) {
			t.Errorf("another version with another checksum gives %v", err)
		}
	})
}

// Each bit of a header counts.
func TestDamagedHeader(t *testing.T) {
	b := sample(t, n2.L2)
	file, err := os.OpenFile(written(t, b), os.O_RDWR, 0)
	must(t, err)
	defer file.Close()
	for i := range headerBytes(b) {
		for bit := range 8 {
			damaged := b[i] ^ 1<<bit
			want := n2.ErrCorrupt
			switch {
			case i < versionAt:
				want = n2.ErrFormat
			case i < headerBytesAt:
				want = n2.ErrVersion
			}
			_, err := file.WriteAt([]byte{damaged}, int64(i))
			must(t, err)
			if x, err := n2.Load(file.Name(), nil); x != nil || !errors.Is(err, want) {
				t.Errorf("bit %d of byte %d: %v, not %v", bit, i, err, want)
			}
		}
		_, err := file.WriteAt(b[i:i+1], int64(i))
		must(t, err)
	}
	loadIndex(t, file.Name(), nil)
}

// Each bit of the payload counts for Verify, and for what could carry damage on: Build and Save.
func TestDamagedPayload(t *testing.T) {
	const seed = 5
	r, files := rand.New(rand.NewPCG(seed, 0)), samples(t)
	for i := range 120 {
		b := bytes.Clone(files[i%3])
		s := section(b, i)
		at := r.IntN(len(s))
		s[at] ^= 1 << r.IntN(8)
		path := written(t, b)
		where := fmt.Sprintf("round %d (seed %d), byte %d of %d of a section", i, seed, at, len(s))
		if _, err := n2.Load(path, &n2.LoadOptions{Verify: true}); !errors.Is(err, n2.ErrCorrupt) {
			t.Errorf("%s: Load gives %v", where, err)
		}
		x := loadIndex(t, path, nil)
		err := x.Verify(t.Context())
		if !errors.Is(err, n2.ErrCorrupt) || !strings.Contains(err.Error(), n2.ErrCorrupt.Error()[4:]+": ") {
			t.Errorf("%s: Verify gives %v", where, err)
		}
		if err := x.Build(t.Context(), nil); !errors.Is(err, n2.ErrCorrupt) {
			t.Errorf("%s: Build gives %v", where, err)
		}
		if err := x.Save(path); !errors.Is(err, n2.ErrCorrupt) {
			t.Errorf("%s: Save gives %v", where, err)
		}
		use(t, x)
	}
}

// Whatever stands in the payload, there is an answer. Right checksums do not make it right.
func TestRottenPayload(t *testing.T) {
	const seed = 6
	r, files := rand.New(rand.NewPCG(seed, 0)), samples(t)
	for i := range 120 {
		b := bytes.Clone(files[i%3])
		for range 1 + r.IntN(4) {
			s := section(b, r.IntN(100))
			s = s[r.IntN(len(s)):]
			s = s[:1+r.IntN(min(len(s), 1000))]
			fill := byte(r.Uint32())
			for j := range s {
				if s[j] = fill; i%2 == 0 {
					s[j] = byte(r.Uint32())
				}
			}
		}
		loadEach(t, b, func(x *n2.Index, err error) {
			must(t, err)
			use(t, x)
			if t.Failed() {
				t.Fatalf("round %d, seed %d", i, seed)
			}
		})
	}
}

// use calls what reads an index whose file may hold anything. It may fail, but with an error.
func use(t testing.TB, x *n2.Index) {
	t.Helper()
	const k = 12
	allowed := func(call string, err error) bool {
		t.Helper()
		known := []error{n2.ErrCorrupt, n2.ErrNotFound, n2.ErrNotFinite, n2.ErrZeroVector, n2.ErrMagnitude}
		if err != nil && !slices.ContainsFunc(known, func(e error) bool { return errors.Is(err, e) }) {
			t.Errorf("%s gives %v", call, err)
		}
		return err == nil
	}
	s := x.Stats()
	q := make([]float32, s.Dim)
	for i := range q {
		q[i] = float32(i%3) + 0.5
	}
	check := func(call string, results []n2.Neighbor, err error) {
		t.Helper()
		if !allowed(call, err) {
			return
		}
		if len(results) > min(k, s.Len) {
			t.Errorf("%s gives %d results of %d", call, len(results), s.Len)
		}
		for _, r := range results {
			if int(r.ID) >= s.Len+s.Deleted {
				t.Errorf("%s gives id %d of %d", call, r.ID, s.Len+s.Deleted)
			}
		}
	}
	for _, ef := range []int{0, 1, 50, 1000} {
		results, err := x.Search(q, k, &n2.SearchOptions{Ef: ef})
		check("Search", results, err)
	}
	results, err := x.SearchExact(q, k)
	check("SearchExact", results, err)
	for id := range uint32(min(s.Len, 50)) {
		results, err := x.SearchByID(id, k, nil)
		check("SearchByID", results, err)
		_, err = x.Vector(id, nil)
		allowed("Vector", err)
	}
	_, err = x.Degrees(t.Context())
	allowed("Degrees", err)
	allowed("Verify", x.Verify(t.Context()))
	_, err = x.AddBatch(append(q, q...))
	allowed("AddBatch", err)
	s.Len = x.Len()
	results, err = x.Search(q, k, nil)
	check("Search", results, err)
	allowed("Build", x.Build(t.Context(), &n2.BuildOptions{Threads: 1}))
	results, err = x.Search(q, k, nil)
	check("Search", results, err)
}
