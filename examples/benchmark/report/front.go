// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"sort"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// subject is the peer that the benchmark is about; it is drawn thicker. subjectName is what it is
// called in tables and plots. Others whose names begin with it are N2 in other modes, but for
// original, which is another library.
const (
	subject     = "n2"
	subjectName = "N2"
	original    = "n2-original"
)

// view chooses the searches that may be compared with each other.
type view struct {
	k       int
	mode    string // "single", "batch", or "" for the best that a peer offers on one thread
	threads int
}

// oneThread is the main view: one thread, in batches, which takes the call overhead of Python out;
// where a peer was measured one query a call only, that.
var oneThread = view{k: 10, threads: 1}

// point is one measured search, as the front needs it.
type point struct {
	recall float64 // ties count as found
	qps    float64
	spread float64 // (max - min) / median of the repeats
	m      measure.Search
}

// recallOf prefers the recall by distance, where a neighbour at the same distance as a true one
// counts as found: data with duplicates has no unique ids to find.
func recallOf(s measure.Search) float64 { return max(s.Recall, s.RecallDistance) }

// points selects the searches of a peer in a view. keep filters by build parameters; nil keeps all.
// single tells that the view fell back on one query a call.
func (s *set) points(peer string, v view, keep func(params map[string]any) bool) (list []point, single bool) {
	mode := v.mode
	if mode == "" {
		mode = "single"
		for _, p := range s.searches {
			if p.Peer == peer && p.K == v.k && p.Threads == v.threads && p.Mode == "batch" {
				mode = "batch"
			}
		}
		single = mode == "single"
	}
	for _, p := range s.searches {
		if p.Peer != peer || p.K != v.k || p.Threads != v.threads || p.Mode != mode || p.QPS <= 0 {
			continue
		}
		if keep != nil && !keep(p.Params) {
			continue
		}
		list = append(list, point{recall: recallOf(p), qps: p.QPS, spread: p.QPSSpread, m: p})
	}
	return list, single && len(list) > 0
}

// front is what a peer is judged by: the Pareto front of each of its graphs, which are those of
// different build parameters. A reading lies between two points of one graph: between points of two
// there is nothing.
type front [][]point

// frontOf sorts points by their graphs.
func frontOf(points []point) front {
	var graphs []string
	of := map[string][]point{}
	for _, p := range points {
		graph := label(p.m.Params)
		if of[graph] == nil {
			graphs = append(graphs, graph)
		}
		of[graph] = append(of[graph], p)
	}
	var f front
	for _, graph := range graphs {
		f = append(f, pareto(of[graph]))
	}
	return f
}

// pareto returns the points that no other one reaches in both recall and QPS, by rising recall and
// so by falling QPS. Of equal points one is kept.
func pareto(points []point) []point {
	sorted := append([]point(nil), points...)
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		return a.recall > b.recall || a.recall == b.recall && a.qps > b.qps
	})
	var kept []point
	best := 0.0
	for _, p := range sorted {
		if p.qps > best {
			kept = append(kept, p)
			best = p.qps
		}
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	return kept
}

// reading is what a front says at one recall.
type reading struct {
	ok     bool    // the front reaches this recall
	least  bool    // all of the front lies above: at least this QPS
	qps    float64 // interpolated
	spread float64 // the larger one of the two points used
}

// at reads a front at a recall: what the graph says that is fastest there.
func (f front) at(recall float64) reading {
	var best reading
	least := true
	for _, points := range f {
		if got := read(points, recall); got.ok {
			least = least && got.least
			if got.qps > best.qps {
				best = got
			}
		}
	}
	best.least = best.ok && least
	return best
}

// read reads the front of one graph: between two neighbouring points the logarithm of the QPS is
// linear in the recall. Above the front there is no answer; below it, the fastest point is a lower
// bound.
func read(points []point, recall float64) reading {
	i := sort.Search(len(points), func(i int) bool { return points[i].recall >= recall })
	if i == len(points) {
		return reading{}
	}
	b := points[i]
	if i == 0 {
		return reading{ok: true, least: b.recall > recall, qps: b.qps, spread: b.spread}
	}
	a := points[i-1]
	t := (recall - a.recall) / (b.recall - a.recall)
	qps := math.Exp((1-t)*math.Log(a.qps) + t*math.Log(b.qps))
	return reading{ok: true, qps: qps, spread: max(a.spread, b.spread)}
}

// ratio divides two readings; 0 stands for none.
func ratio(a, b reading) float64 {
	if !a.ok || !b.ok {
		return 0
	}
	return a.qps / b.qps
}

// referenceFront is the front that a peer's points are compared with: the reference's in the run
// that measured them, so that the ratio is one within a run. Where that run, or one of several,
// did not measure the reference so, it is the front over all runs.
func (s *set) referenceFront(points []point, v view, keep func(map[string]any) bool) front {
	if len(points) > 0 {
		run := points[0].m.Run
		same := true
		for _, p := range points {
			same = same && p.m.Run == run
		}
		if same {
			in := set{searches: s.references[run]}
			if list, _ := in.points(reference, v, keep); len(list) > 0 {
				return frontOf(list)
			}
		}
	}
	list, _ := s.points(reference, v, keep)
	return frontOf(list)
}

// growth fits y = c x^e by least squares on the logarithms. ok is false with fewer than two
// different x, or where a value is not positive.
func growth(x, y []float64) (e, c float64, ok bool) {
	if len(x) != len(y) || len(x) < 2 {
		return 0, 0, false
	}
	var sx, sy, sxx, sxy float64
	for i := range x {
		if x[i] <= 0 || y[i] <= 0 {
			return 0, 0, false
		}
		lx, ly := math.Log(x[i]), math.Log(y[i])
		sx, sy, sxx, sxy = sx+lx, sy+ly, sxx+lx*lx, sxy+lx*ly
	}
	n := float64(len(x))
	d := n*sxx - sx*sx
	if d < 1e-12 {
		return 0, 0, false
	}
	e = (n*sxy - sx*sy) / d
	return e, math.Exp((sy - e*sx) / n), true
}
