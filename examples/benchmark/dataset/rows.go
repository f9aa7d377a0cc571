// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
)

// maxDim is the largest dimension that N2 takes.
const maxDim = 65_535

func checkDim(dim int) error {
	if dim < 1 || dim > maxDim {
		return fmt.Errorf("vectors of %d dimensions; 1 to %d are possible", dim, maxDim)
	}
	return nil
}

// A random is a stream of numbers that stays the same whatever the version of Go: of math/rand/v2
// it uses the generator alone.
type random struct{ source *rand.PCG }

func newRandom(stream uint64) random { return random{rand.NewPCG(seed, stream)} }

// below returns a number from 0 to n - 1; their probabilities differ by less than n / 2^64.
func (r random) below(n int) int {
	high, _ := bits.Mul64(r.source.Uint64(), uint64(n))
	return int(high)
}

// unit returns a multiple of 2^-24 from 0 up to, but not, 1.
func (r random) unit() float32 { return float32(r.source.Uint64()>>40) / (1 << 24) }

// permutation returns the numbers from 0 to n - 1 in the order of that stream (Fisher and Yates).
func permutation(n int, stream uint64) []uint32 {
	r := newRandom(stream)
	p := make([]uint32, n)
	for i := range p {
		j := r.below(i + 1)
		p[i] = p[j]
		p[j] = uint32(i)
	}
	return p
}

// split brings the rows of k.raw() into a random order, writes the first queries of them to the
// file of queries and the others to that of the base.
func (k *kitchen) split(ctx context.Context, queries int) error {
	raw, err := os.Open(k.raw())
	if err != nil {
		return err
	}
	defer raw.Close()
	rows, err := countRows(raw, k.dim)
	if err != nil {
		return err
	}
	if rows <= queries {
		return fmt.Errorf("of %d rows %d cannot be held out as queries", rows, queries)
	}
	order := permutation(rows, 1)
	if queries > 0 {
		if err := copyRows(ctx, raw, k.dim, order[:queries], k.queries()); err != nil {
			return err
		}
	}
	return copyRows(ctx, raw, k.dim, order[queries:], k.base())
}

// copyRows writes the rows of those numbers to path.
func copyRows(ctx context.Context, raw io.ReaderAt, dim int, order []uint32, path string) error {
	row := make([]byte, dim*4)
	return writeFile(path, func(w *bufio.Writer) error {
		for i, from := range order {
			if i%4096 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if _, err := raw.ReadAt(row, int64(from)*int64(len(row))); err != nil {
				return err
			}
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
}

func countRows(f *os.File, dim int) (int, error) {
	if err := checkDim(dim); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	rows := info.Size() / int64(dim*4)
	switch {
	case info.Size()%int64(dim*4) != 0:
		return 0, fmt.Errorf("%d bytes are no whole number of rows of %d values", info.Size(), dim)
	case rows == 0:
		return 0, errors.New("there are no rows")
	case rows > math.MaxInt32:
		return 0, fmt.Errorf("%d rows are too many", rows)
	}
	return int(rows), nil
}

// checkRows returns how many rows of dim values the file has. Each value must be finite, and with
// the metric angular each row must have a direction.
func checkRows(path string, dim int, metric string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	rows, err := countRows(f, dim)
	if err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(f, 1<<20)
	bytes := make([]byte, dim*4)
	for i := range rows {
		if _, err := io.ReadFull(r, bytes); err != nil {
			return 0, err
		}
		zero := true
		for j := range dim {
			v := decode(bytes[j*4:])
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return 0, fmt.Errorf("a vector has the value %v, in dimension %d", v, j)
			}
			zero = zero && v == 0
		}
		if zero && metric == "angular" {
			return 0, fmt.Errorf("a vector is all zeros (row %d), which has no direction: "+
				"the metric cannot be angular", i)
		}
	}
	return rows, nil
}

func decode(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }

// encode appends values as little-endian float32.
func encode(dst []byte, values ...float32) []byte {
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
	}
	return dst
}

// readRows reads the first rows of a file of float32.
func readRows(path string, rows, dim int) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	values := make([]float32, rows*dim)
	r := bufio.NewReaderSize(f, 1<<20)
	bytes := make([]byte, dim*4)
	for i := range rows {
		if _, err := io.ReadFull(r, bytes); err != nil {
			return nil, err
		}
		for j := range dim {
			values[i*dim+j] = decode(bytes[j*4:])
		}
	}
	return values, nil
}
