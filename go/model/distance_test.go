// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"

	n2 "github.com/n2ann/n2/go"
)

// distance is the metric's definition, in float64.
func distance(m n2.Metric, p, q []float32) float64 {
	var dot, pp, qq, l2 float64
	switch m {
	case n2.L2:
		for i := range p {
			d := float64(p[i]) - float64(q[i])
			l2 += d * d
		}
		return l2
	case n2.Dot:
		for i := range p {
			dot += float64(p[i]) * float64(q[i])
		}
		return dot
	}
	for i := range p {
		a, b := float64(p[i]), float64(q[i])
		dot += a * b
		pp += a * a
		qq += b * b
	}
	return 1 - dot/math.Sqrt(pp*qq)
}

// rank is smaller for what is nearer.
func rank(m n2.Metric, d float64) float64 {
	if m == n2.Dot {
		return -d
	}
	return d
}

// Float32 arithmetic has so much of error: of the distance, and of the terms that it is the sum of,
// which under dot and angular may be far larger.
const (
	slackOfDistance = 1e-5
	slackOfTerms    = 1e-6
)

// slack is how far a distance to a vector of that length may be off.
func slack(m n2.Metric, want, length, lengthQuery float64) float64 {
	s := slackOfDistance * math.Abs(want)
	switch m {
	case n2.Angular:
		s += slackOfTerms
	case n2.Dot:
		s += slackOfTerms * length * lengthQuery
	}
	return s
}

func norm(v []float32) float64 { return math.Sqrt(distance(n2.Dot, v, v)) }

// rounds says whether a store may have made got of v.
func rounds(store n2.Storage, v, got []float32) bool {
	low, high := v[0], v[0]
	for _, x := range v {
		low, high = min(low, x), max(high, x)
	}
	for i, x := range v {
		off := math.Abs(float64(got[i]) - float64(x))
		switch store {
		case n2.StoreFloat16: // below 2^-14 they are multiples of 2^-24
			if off > math.Abs(float64(x))/2048+0x1p-25 {
				return false
			}
		case n2.StoreSQ8: // half a step, and float32 arithmetic
			if off > (float64(high)-float64(low))/510*1.001+1e-6*math.Abs(float64(low)) {
				return false
			}
		default:
			if math.Float32bits(got[i]) != math.Float32bits(x) {
				return false
			}
		}
	}
	return true
}
