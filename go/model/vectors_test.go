// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math/rand/v2"

	"pgregory.net/rapid"
)

// A shape is how vectors are distributed.
type shape int

const (
	spread   shape = iota
	grid           // of few values, so that many distances are equal
	clusters       // far apart
	alike          // all the same, but for their length
	pixels         // bytes, but for few vectors that need 16 bits, or all of a float's
	shapes
)

// A source makes vectors of one distribution, the same ones for the same seed. One in three is from a
// small pool, and so comes again.
type source struct {
	dim    int
	shape  shape
	scale  float32
	origin bool // the zero vector may come, on a grid
	pool   []float32
}

const poolSize = 60

func newSource(t *rapid.T, dim int, zero bool) *source {
	s := &source{
		dim:    dim,
		shape:  shape(rapid.IntRange(0, int(shapes)-1).Draw(t, "shape")),
		scale:  rapid.SampledFrom([]float32{1, 1, 1, 0.01, 100}).Draw(t, "scale"),
		origin: zero,
	}
	r := rand.New(rand.NewPCG(uint64(rapid.Uint32().Draw(t, "seed of the pool")), 0))
	for range poolSize {
		s.pool = s.fresh(r, s.pool)
	}
	return s
}

// fresh appends a vector that is not from the pool.
func (s *source) fresh(r *rand.Rand, to []float32) []float32 {
	from := len(to)
	center, length, rare := r.IntN(5), float32(1+r.IntN(4)), r.IntN(200)
	any := false
	for j := range s.dim {
		var x float32
		switch s.shape {
		case spread:
			x = float32(r.NormFloat64())
		case grid:
			x = float32(r.IntN(4) - 1)
		case clusters:
			x = float32(0.02 * r.NormFloat64())
			if j%5 == center || s.dim < 5 && j == center%s.dim {
				x += length
			}
		case alike:
			x = length
		case pixels:
			x = float32(r.IntN(256))
			if j == center%s.dim && rare < 2 {
				x += []float32{0.5, 0.1}[rare]
			}
		}
		any = any || x != 0
		to = append(to, x*s.scale)
	}
	if !any && !s.origin {
		to[from] = s.scale
	}
	return to
}

// vectors makes n vectors, one behind the other.
func (s *source) vectors(seed uint32, n int) []float32 {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	vs := make([]float32, 0, n*s.dim)
	for range n {
		if r.IntN(3) > 0 {
			vs = s.fresh(r, vs)
			continue
		}
		i := r.IntN(poolSize)
		vs = append(vs, s.pool[i*s.dim:(i+1)*s.dim]...)
	}
	return vs
}

// draw chooses n vectors.
func (s *source) draw(t *rapid.T, n int, what string) []float32 {
	return s.vectors(rapid.Uint32().Draw(t, what), n)
}
