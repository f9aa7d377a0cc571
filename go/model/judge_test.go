// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// judgeEach checks each result by itself, and their order.
func (m *machine) judgeEach(t *rapid.T, q []float32, o *n2.SearchOptions, found []n2.Neighbor) {
	c := &m.want
	length := norm(q)
	for i, f := range found {
		if !c.has(f.ID) || !allows(o.Allow, f.ID) {
			t.Fatalf("result %d is id %d, which is deleted, unknown or not allowed: %v", i, f.ID, found)
		}
		want := distance(c.metric, c.vector(f.ID), q)
		off := math.Abs(float64(f.Distance) - want)
		if !(off <= slack(c.metric, want, c.lengths[f.ID], length)) {
			t.Fatalf("id %d is at %v, not %v: %v and %v", f.ID, f.Distance, want, c.vector(f.ID), q)
		}
		if o.Radius != nil && rank(c.metric, float64(f.Distance)) > rank(c.metric, float64(*o.Radius)) {
			t.Fatalf("id %d at %v is not within %v", f.ID, f.Distance, *o.Radius)
		}
	}
}

// judgeOrder checks that results are in order, and so that none comes twice.
func (m *machine) judgeOrder(t *rapid.T, found []n2.Neighbor) {
	seen := make(map[uint32]bool, len(found))
	for i, f := range found {
		if seen[f.ID] {
			t.Fatalf("id %d comes twice: %v", f.ID, found)
		}
		seen[f.ID] = true
		if i == 0 {
			continue
		}
		p := found[i-1]
		a, b := rank(m.want.metric, float64(p.Distance)), rank(m.want.metric, float64(f.Distance))
		if a > b || a == b && p.ID > f.ID {
			t.Fatalf("results %d and %d are in disorder: %v", i-1, i, found)
		}
	}
}

// judge checks the results of an approximate search and counts its recall under that name: what is as
// near as the last of the true neighbours is one of them.
func (m *machine) judge(t *rapid.T, name string, q []float32, k int, o *n2.SearchOptions,
	found []n2.Neighbor) {

	if o == nil {
		o = &n2.SearchOptions{}
	}
	m.judgeEach(t, q, o, found)
	m.judgeOrder(t, found)
	ranks := m.want.ranks(q, o.Allow)
	longest, length := m.want.longest(), norm(q)
	within := len(ranks) // of which some may lie on the border
	if o.Radius != nil {
		border := rank(m.want.metric, float64(*o.Radius))
		for within > 0 && ranks[within-1] > border+slack(m.want.metric, ranks[within-1], longest, length) {
			within--
		}
	}
	most := min(k, within)
	if len(found) > most || o.Radius == nil && len(found) < most {
		t.Fatalf("%d results, not %d: k is %d, %d are allowed, options %+v", len(found), most, k,
			len(ranks), *o)
	}
	if most == 0 {
		return
	}
	last := ranks[most-1]
	last += slack(m.want.metric, last, longest, length)
	hits := 0
	for _, f := range found {
		if rank(m.want.metric, float64(f.Distance)) <= last {
			hits++
		}
	}
	if !fair(m.options) {
		name += ", poor graph"
	}
	m.record(name, hits, most)
}

// judgeExact checks the results of an exact search, up to ties.
func (m *machine) judgeExact(t *rapid.T, q []float32, k int, found []n2.Neighbor) {
	m.judgeEach(t, q, &n2.SearchOptions{}, found)
	m.judgeOrder(t, found)
	ranks := m.want.ranks(q, nil)
	if len(found) != min(k, len(ranks)) {
		t.Fatalf("%d results, not %d", len(found), min(k, len(ranks)))
	}
	longest, length := m.want.longest(), norm(q)
	for i, f := range found {
		off := math.Abs(rank(m.want.metric, float64(f.Distance)) - ranks[i])
		if !(off <= slack(m.want.metric, ranks[i], longest, length)) {
			t.Fatalf("result %d is at %v; of all, the one there is at rank %v", i, f.Distance, ranks[i])
		}
	}
}
