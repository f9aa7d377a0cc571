// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

// little joins values of fixed size, little-endian.
func little(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// npy makes a file of NumPy of version 1.
func npy(header string, data []byte) []byte {
	return slices.Concat([]byte("\x93NUMPY\x01\x00"), little(uint16(len(header))), []byte(header), data)
}

const npyHeader = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n"

var (
	nan     = float32(math.NaN())
	six     = little([]float32{1, 2, 3, -4, 5.5, 6})
	sixRows = [][]float32{{1, 2, 3}, {-4, 5.5, 6}}
	ints    = [][]float32{{1, 2, 3}, {4, 5, 255}}
)

// readAll reads bytes as a file of that ending.
func readAll(t *testing.T, ending string, data []byte) ([][]float32, error) {
	t.Helper()
	for _, f := range formats {
		if f.ending != ending {
			continue
		}
		table, err := f.open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, err
		}
		rows := make([][]float32, table.rows)
		for i := range rows {
			rows[i] = make([]float32, table.dim)
			if err := table.next(rows[i]); err != nil {
				return nil, err
			}
		}
		return rows, nil
	}
	t.Fatalf("no format %s", ending)
	return nil, nil
}

func TestReaders(t *testing.T) {
	v2 := slices.Concat([]byte("\x93NUMPY\x02\x00"), little(uint32(len(npyHeader))), []byte(npyHeader), six)
	double := strings.Replace(npyHeader, "<f4", "<f8", 1)
	for _, c := range []struct {
		name, ending string
		data         []byte
		want         [][]float32
	}{
		{"fvecs", ".fvecs", little(int32(3), six[:12], int32(3), six[12:]), sixRows},
		{"bvecs", ".bvecs", little(int32(3), []byte{1, 2, 3}, int32(3), []byte{4, 5, 255}), ints},
		{"ivecs", ".ivecs", little([]int32{3, 1, 2, 3, 3, 4, 5, 255}), ints},
		{"fbin", ".fbin", little(uint32(2), uint32(3), six), sixRows},
		{"u8bin", ".u8bin", little(uint32(2), uint32(3), []byte{1, 2, 3, 4, 5, 255}), ints},
		{"i8bin", ".i8bin", little(uint32(1), uint32(3), []int8{1, -2, -128}), [][]float32{{1, -2, -128}}},
		{"npy", ".npy", npy(npyHeader, six), sixRows},
		{"npy version 2", ".npy", v2, sixRows},
		{"npy of doubles", ".npy", npy(double, little([]float64{1, 2, 3, -4, 5.5, 6})), sixRows},
		{"npy of bytes", ".npy", npy(strings.Replace(npyHeader, "<f4", "|u1", 1),
			[]byte{1, 2, 3, 4, 5, 255}), ints},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := readAll(t, c.ending, c.data)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(rows, c.want, slices.Equal) {
				t.Errorf("read %v, want %v", rows, c.want)
			}
			// No beginning of a good file is one, and no byte may follow.
			for n := range c.data {
				if strings.HasSuffix(c.ending, "vecs") && n == len(c.data)/2 {
					continue // but where it is the first vector
				}
				if _, err := readAll(t, c.ending, c.data[:n]); err == nil {
					t.Errorf("the first %d of %d bytes are read without an error", n, len(c.data))
				}
			}
			if _, err := readAll(t, c.ending, append(slices.Clone(c.data), 7)); err == nil {
				t.Error("a trailing byte is not noticed")
			}
		})
	}
}

func TestReadersRefuse(t *testing.T) {
	header := func(old, new string) []byte { return npy(strings.Replace(npyHeader, old, new, 1), six) }
	for _, c := range []struct {
		name, ending string
		data         []byte
		want         string // in the error
	}{
		{"empty fvecs", ".fvecs", nil, "truncated"},
		{"zero dimension", ".fvecs", little(int32(0)), "0 dimensions"},
		{"negative dimension", ".fvecs", little(int32(-3), six), "-3 dimensions"},
		{"huge dimension", ".fvecs", little(int32(1<<30), six), "dimensions"},
		{"fvecs cut", ".fvecs", little(int32(3), six[:12], int32(3), six[12:20]), "truncated"},
		{"fvecs of two dimensions", ".fvecs", little(int32(3), six[:12], int32(2), six[12:]),
			"it has 2 dimensions, the first one 3"},
		{"fvecs with NaN", ".fvecs", little(int32(2), []float32{1, nan}), "NaN in dimension 1"},
		{"fvecs with infinity", ".fvecs", little(int32(1), float32(math.Inf(1))), "+Inf"},
		{"fbin without rows", ".fbin", little(uint32(0), uint32(3)), "0 vectors"},
		{"fbin of dimension 0", ".fbin", little(uint32(3), uint32(0)), "0 dimensions"},
		{"fbin cut", ".fbin", little(uint32(2), uint32(3), six[:20]), "28 bytes where 2 vectors"},
		{"fbin with more", ".fbin", little(uint32(2), uint32(3), six, byte(0)), "33 bytes where"},
		{"fbin that claims much", ".fbin", little(uint32(1<<31-1), uint32(65535), six), "take"},
		{"fbin with NaN", ".fbin", little(uint32(1), uint32(1), nan), "NaN"},
		{"npy of another kind", ".npy", []byte("PK\x03\x04 and more"), "not a file of NumPy"},
		{"npy version 9", ".npy", []byte("\x93NUMPY\x09\x00aaaa"), "version 9"},
		{"npy long header", ".npy", append([]byte("\x93NUMPY\x03\x00"), little(uint32(1<<31))...), "truncated"},
		{"npy of one dimension", ".npy", header("(2, 3)", "(6,)"), "two dimensions"},
		{"npy of three", ".npy", header("(2, 3)", "(1, 2, 3)"), "two dimensions"},
		{"npy by columns", ".npy", header("False", "True"), "fortran_order"},
		{"npy big-endian", ".npy", header("<f4", ">f4"), `">f4"`},
		{"npy of objects", ".npy", header("<f4", "|O"), `"|O"`},
		{"npy without type", ".npy", header("descr", "other"), "not understood"},
		{"npy of no rows", ".npy", header("(2, 3)", "(0, 3)"), "0 vectors"},
		{"npy of dimension 0", ".npy", header("(2, 3)", "(2, 0)"), "0 dimensions"},
		{"npy of far too many", ".npy", header("(2, 3)", "(99999999999999999999, 3)"), "vectors"},
		{"npy overflow", ".npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }",
			little(1e300)), "1e+300"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(t, c.ending, c.data)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func FuzzReaders(f *testing.F) {
	f.Add(0, little(int32(3), six[:12], int32(3), six[12:]))
	f.Add(3, little(uint32(2), uint32(3), six))
	f.Add(6, npy(npyHeader, six))
	f.Fuzz(func(t *testing.T, format int, data []byte) {
		ending := formats[uint(format)%uint(len(formats))].ending
		rows, err := readAll(t, ending, data)
		if err == nil && (len(rows) == 0 || len(rows[0]) == 0) {
			t.Error("read nothing without an error")
		}
	})
}
