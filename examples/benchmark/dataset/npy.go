// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
)

// The three entries of the header, which is a Python literal in ASCII:
// {'descr': '<f4', 'fortran_order': False, 'shape': (1000, 128), }
var (
	npyType    = regexp.MustCompile(`'descr': *'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order': *(True|False)`)
	npyShape   = regexp.MustCompile(`'shape': *\(([0-9]+), *([0-9]+),? *\)`)
)

var npyTypes = map[string]element{"<f8": float64s, "<f4": float32s, "<i4": int32s, "|u1": uint8s,
	"|i1": int8s}

// openNpy reads an array of NumPy with two dimensions, versions 1 to 3 of the format.
func openNpy(r io.Reader, size int64) (*table, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, truncated(err)
	}
	if string(head[:6]) != "\x93NUMPY" {
		return nil, errors.New("not a file of NumPy: it begins otherwise")
	}
	version, lengthBytes := head[6], 4
	switch version {
	case 1:
		lengthBytes = 2
	case 2, 3:
	default:
		return nil, fmt.Errorf("version %d of NumPy's format is not known", version)
	}
	var length [4]byte
	if _, err := io.ReadFull(r, length[:lengthBytes]); err != nil {
		return nil, truncated(err)
	}
	n := int64(binary.LittleEndian.Uint32(length[:]))
	start := int64(8+lengthBytes) + n
	if start > size {
		return nil, errors.New("the file is truncated")
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, truncated(err)
	}
	kind, order, shape := npyType.FindSubmatch(text), npyFortran.FindSubmatch(text),
		npyShape.FindSubmatch(text)
	switch {
	case kind == nil || order == nil:
		return nil, fmt.Errorf("the header %q is not understood", text)
	case shape == nil:
		return nil, fmt.Errorf("the array has not two dimensions: %q", text)
	case string(order[1]) == "True":
		return nil, errors.New("the array is stored column by column (fortran_order)")
	}
	e, ok := npyTypes[string(kind[1])]
	if !ok {
		return nil, fmt.Errorf("values of type %q; possible are <f4, <f8, <i4, |u1 and |i1", kind[1])
	}
	rows, err := strconv.ParseInt(string(shape[1]), 10, 64)
	if err != nil || rows < 1 || rows > math.MaxInt32 {
		return nil, fmt.Errorf("%s vectors", shape[1])
	}
	dim, err := strconv.Atoi(string(shape[2]))
	if err != nil {
		return nil, fmt.Errorf("vectors of %s dimensions", shape[2])
	}
	if err := checkDim(dim); err != nil {
		return nil, err
	}
	if want := start + rows*int64(dim)*int64(e.bytes); size != want {
		return nil, fmt.Errorf("%d bytes where %d vectors of %d dimensions take %d", size, rows, dim, want)
	}
	return &table{rows: int(rows), dim: dim, next: e.reader(r, dim)}, nil
}
