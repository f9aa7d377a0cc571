// SPDX-License-Identifier: Apache-2.0

package model

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// drawQuery chooses one like the vectors, often one of them.
func (m *machine) drawQuery(t *rapid.T) []float32 {
	if m.want.live > 0 && rapid.IntRange(0, 3).Draw(t, "known") == 0 {
		return slices.Clone(m.want.vector(m.want.pick(rapid.Uint32().Draw(t, "id"))))
	}
	return m.source.draw(t, 1, "query")
}

// drawK chooses how many to look for: mostly few, now and then more than there are.
func (m *machine) drawK(t *rapid.T) int {
	if rapid.IntRange(0, 19).Draw(t, "wide") == 0 {
		return rapid.IntRange(1, m.want.live+10).Draw(t, "k")
	}
	return rapid.IntRange(1, 30).Draw(t, "k")
}

// drawAllow chooses a filter of any density and length, or none.
func (m *machine) drawAllow(t *rapid.T) []uint64 {
	words := (m.want.ids() + 63) / 64
	switch rapid.IntRange(0, 7).Draw(t, "filter") {
	case 0:
		return nil
	case 1:
		return []uint64{}
	case 2:
		words /= 2
	case 3:
		words += 3
	}
	r := rand.New(rand.NewPCG(uint64(rapid.Uint32().Draw(t, "seed")), 2))
	density := rapid.SampledFrom([]float64{0, 0.002, 0.02, 0.1, 0.5, 0.9, 1}).Draw(t, "density")
	allow := make([]uint64, words)
	for i := range 64 * words {
		if r.Float64() < density {
			allow[i/64] |= 1 << (i % 64)
		}
	}
	return allow
}

// drawRadius chooses one at which there often is a vector, exactly.
func (m *machine) drawRadius(t *rapid.T, q []float32) *float32 {
	var radius float32
	switch rapid.IntRange(0, 6).Draw(t, "radius") {
	case 0:
		radius = 0
	case 1:
		radius = -1
	case 2:
		radius = rapid.SampledFrom([]float32{1, 3, 1e9, -1e9}).Draw(t, "r")
	case 3:
		radius = float32(math.Inf(rapid.SampledFrom([]int{-1, 1}).Draw(t, "sign")))
	default:
		k := rapid.IntRange(1, 60).Draw(t, "of neighbour")
		found, err := m.x.SearchExact(q, k)
		must(t, err)
		if len(found) > 0 {
			radius = found[len(found)-1].Distance
		}
	}
	return &radius
}

// drawEffort chooses how well to look, and says under which name the recall is counted.
func (m *machine) drawEffort(t *rapid.T, o *n2.SearchOptions) string {
	switch rapid.IntRange(0, 5).Draw(t, "effort") {
	case 0, 1:
		o.Ef = rapid.IntRange(1, 100).Draw(t, "Ef")
		return "Ef"
	case 2:
		o.Recall = rapid.SampledFrom([]float64{0.5, 0.9, 0.99, 1}).Draw(t, "Recall")
		return "Recall"
	}
	return "default"
}

// drawSearch chooses the options of a search, and names what it is.
func (m *machine) drawSearch(t *rapid.T, q []float32) (o *n2.SearchOptions, name string) {
	o = &n2.SearchOptions{}
	name = m.drawEffort(t, o)
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if kind == 1 || kind == 3 {
		o.Allow = m.drawAllow(t)
		name += ", filter"
	}
	if kind == 2 || kind == 3 {
		o.Radius = m.drawRadius(t, q)
		name += ", radius"
	}
	if kind == 5 && name == "default" {
		return nil, name
	}
	return o, name
}

func (m *machine) search(t *rapid.T) {
	q, k := m.drawQuery(t), m.drawK(t)
	o, name := m.drawSearch(t, q)
	var found []n2.Neighbor
	var err error
	if rapid.Bool().Draw(t, "into") {
		dst := make([]n2.Neighbor, k)
		n, err := m.x.SearchInto(dst, q, o)
		must(t, err)
		found = dst[:n]
	} else {
		found, err = m.x.Search(q, k, o)
		must(t, err)
	}
	m.judge(t, name, q, k, o, found)
}

func (m *machine) searchByID(t *rapid.T) {
	if m.want.live == 0 {
		return
	}
	id, k := m.want.pick(rapid.Uint32().Draw(t, "id")), m.drawK(t)
	q := m.want.vector(id)
	o, name := m.drawSearch(t, q)
	found, err := m.x.SearchByID(id, k, o)
	must(t, err)
	m.judge(t, name, q, k, o, found)
	o = &n2.SearchOptions{Ef: 16 * (m.x.Stats().Nodes + 1)} // it and its copies come first, in order
	found, err = m.x.SearchByID(id, k, o)
	must(t, err)
	exact, err := m.x.SearchExact(q, k)
	must(t, err)
	if !slices.Equal(found, exact) {
		t.Fatalf("the widest search gives %v, an exact one %v", found, exact)
	}
}

func (m *machine) searchBatch(t *rapid.T) {
	n, k, dim := rapid.IntRange(0, 40).Draw(t, "n"), m.drawK(t), m.want.dim
	qs := m.source.draw(t, n, "queries")
	o, name := m.drawSearch(t, m.drawQuery(t))
	found, err := m.x.SearchBatch(context.Background(), qs, k, o)
	must(t, err)
	if len(found) != n {
		t.Fatalf("%d results for %d queries", len(found), n)
	}
	for i, f := range found {
		m.judge(t, name, qs[i*dim:(i+1)*dim], k, o, f)
	}
	exact, err := m.x.SearchExactBatch(context.Background(), qs, k)
	must(t, err)
	for i, f := range exact[:min(n, 3)] {
		m.judgeExact(t, qs[i*dim:(i+1)*dim], k, f)
	}
}

func (m *machine) searchBatchByID(t *rapid.T) {
	if m.want.live == 0 {
		return
	}
	ids, k := make([]uint32, rapid.IntRange(0, 20).Draw(t, "n")), m.drawK(t)
	for i := range ids {
		ids[i] = m.want.pick(rapid.Uint32().Draw(t, "id"))
	}
	o, name := m.drawSearch(t, m.drawQuery(t))
	found, err := m.x.SearchBatchByID(context.Background(), ids, k, o)
	must(t, err)
	if len(found) != len(ids) {
		t.Fatalf("%d results for %d ids", len(found), len(ids))
	}
	for i, f := range found {
		m.judge(t, name, m.want.vector(ids[i]), k, o, f)
	}
}

func (m *machine) searchExact(t *rapid.T) {
	q, k := m.drawQuery(t), m.drawK(t)
	found, err := m.x.SearchExact(q, k)
	must(t, err)
	m.judgeExact(t, q, k, found)
}
