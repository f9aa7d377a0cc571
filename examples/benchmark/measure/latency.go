// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/n2ann/n2/examples/benchmark/workload"
)

// A Latency sums up the operations of one kind. Percentiles are of the time from the call of an
// operation to its return, in microseconds, to three digits.
type Latency struct {
	Count int     `json:"count"`
	PerS  float64 `json:"per_s"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p999_us"`
	Max   float64 `json:"max_us"`
}

// A Slice is one of equal parts of the time that operations took. An operation belongs to the one
// in which it ended.
type Slice struct {
	EndS       float64         `json:"end_s"`
	Memory     int64           `json:"memory"` // bytes: the largest sample, or 0 where there is none
	Operations map[string]Part `json:"operations"`
}

// A Part is what a slice says of one kind of operation.
type Part struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
}

// longest is the longest time that is told from longer ones.
const longest = time.Hour

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(longest), 3) }

func record(h *hdrhistogram.Histogram, t workload.Timing) {
	_ = h.RecordValue(min(max(t.End-t.Start, 1), int64(longest))) // which it can hold
}

func latency(h *hdrhistogram.Histogram, wall float64) Latency {
	us := func(v int64) float64 { return float64(v) / 1e3 }
	return Latency{Count: int(h.TotalCount()), PerS: digits(float64(h.TotalCount()) / wall), P50: us(h.ValueAtQuantile(50)),
		P99: us(h.ValueAtQuantile(99)), P999: us(h.ValueAtQuantile(99.9)), Max: us(h.Max())}
}

// digits rounds to the five that can mean something.
func digits(v float64) float64 {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64) // it is a number
	return rounded
}

// latencies sums up operations, by kind, that took wall seconds in all.
func latencies(timings []workload.Timing, wall float64) map[string]Latency {
	all := map[string]Latency{}
	h := newHistogram()
	for _, kind := range workload.Kinds {
		h.Reset()
		for _, t := range timings {
			if workload.Kind(t.Kind) == kind {
				record(h, t)
			}
		}
		if h.TotalCount() > 0 {
			all[kind.String()] = latency(h, wall)
		}
	}
	return all
}

// cut cuts operations that took wall seconds in all into n slices.
func cut(timings []workload.Timing, samples []workload.Sample, wall float64, n int) []Slice {
	place := func(at int64) int { return min(max(int(float64(at)/1e9/wall*float64(n)), 0), n-1) }
	parts := make([][]workload.Timing, n)
	for _, t := range timings {
		i := place(t.End)
		parts[i] = append(parts[i], t)
	}
	list := make([]Slice, n)
	for i := range list {
		list[i] = Slice{EndS: digits(wall * float64(i+1) / float64(n)), Operations: map[string]Part{}}
		for kind, l := range latencies(parts[i], wall/float64(n)) {
			list[i].Operations[kind] = Part{l.Count, l.P50, l.P99}
		}
	}
	for _, s := range samples {
		memory := &list[place(s.At)].Memory
		*memory = max(*memory, s.Bytes)
	}
	return list
}
