// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// An element is a type of numbers in files, little-endian.
type element struct {
	bytes  int
	decode func(b []byte) float64
}

var (
	float64s = element{8, func(b []byte) float64 {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}}
	float32s = element{4, func(b []byte) float64 { return float64(decode(b)) }}
	int32s   = element{4, func(b []byte) float64 { return float64(int32(binary.LittleEndian.Uint32(b))) }}
	uint8s   = element{1, func(b []byte) float64 { return float64(b[0]) }}
	int8s    = element{1, func(b []byte) float64 { return float64(int8(b[0])) }}
)

// reader returns a function that reads one row.
func (e element) reader(r io.Reader, dim int) func(row []float32) error {
	bytes := make([]byte, dim*e.bytes)
	return func(row []float32) error {
		if _, err := io.ReadFull(r, bytes); err != nil {
			return truncated(err)
		}
		for i := range row {
			v := e.decode(bytes[i*e.bytes:])
			row[i] = float32(v)
			if math.IsNaN(v) || math.IsInf(float64(row[i]), 0) {
				return fmt.Errorf("the value %v in dimension %d", v, i)
			}
		}
		return nil
	}
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file is truncated")
	}
	return err
}

// openVecs reads the format of the sets SIFT1M and GIST1M: each vector is its dimension as int32,
// then its values. All must have the same dimension.
func openVecs(r io.Reader, size int64, e element) (*table, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, truncated(err)
	}
	dim := int(int32(binary.LittleEndian.Uint32(head[:])))
	if err := checkDim(dim); err != nil {
		return nil, err
	}
	each := int64(4 + dim*e.bytes)
	if size%each != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of vectors of %d dimensions (%d bytes each): "+
			"the file is truncated, has trailing bytes, or vectors of several dimensions", size, dim, each)
	}
	values, first := e.reader(r, dim), true
	return &table{rows: int(size / each), dim: dim, next: func(row []float32) error {
		if !first { // whose dimension is read already
			if _, err := io.ReadFull(r, head[:]); err != nil {
				return truncated(err)
			}
		}
		first = false
		if d := int(int32(binary.LittleEndian.Uint32(head[:]))); d != dim {
			return fmt.Errorf("it has %d dimensions, the first one %d", d, dim)
		}
		return values(row)
	}}, nil
}

// openBin reads the format of big-ann-benchmarks: the number of vectors and their dimension as
// uint32, then the values.
func openBin(r io.Reader, size int64, e element) (*table, error) {
	var head [2]uint32
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return nil, truncated(err)
	}
	rows, dim := int64(head[0]), int(head[1])
	if err := checkDim(dim); err != nil {
		return nil, err
	}
	if rows < 1 || rows > math.MaxInt32 {
		return nil, fmt.Errorf("%d vectors", rows)
	}
	if want := 8 + rows*int64(dim)*int64(e.bytes); size != want {
		return nil, fmt.Errorf("%d bytes where %d vectors of %d dimensions take %d", size, rows, dim, want)
	}
	return &table{rows: int(rows), dim: dim, next: e.reader(r, dim)}, nil
}
