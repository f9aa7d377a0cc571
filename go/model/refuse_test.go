// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// A refusal is a call that must fail.
type refusal struct {
	name string
	want error
	call func() error
}

// noID chooses an id that is deleted or was never given out.
func (m *machine) noID(t *rapid.T) uint32 {
	if m.want.live < m.want.ids() && rapid.Bool().Draw(t, "deleted") {
		id := rapid.Uint32().Draw(t, "id") % uint32(m.want.ids())
		for m.want.has(id) {
			id = (id + 1) % uint32(m.want.ids())
		}
		return id
	}
	past := rapid.SampledFrom([]uint32{0, 1, 63, 64, 1 << 20, 1<<31 - 1, 1<<32 - 1}).Draw(t, "past")
	if m.want.ids() == 0 {
		return past
	}
	return max(past, uint32(m.want.ids())+past%1000)
}

// refusals are calls of all kinds that must fail.
func (m *machine) refusals(t *rapid.T) []refusal {
	id, ctx, dim := m.noID(t), context.Background(), m.want.dim
	v := m.source.draw(t, 1, "vector")
	no := func(_ any, err error) error { return err }
	search := func(o n2.SearchOptions) error { return no(m.x.Search(v, 3, &o)) }
	nan := float32(math.NaN())
	list := []refusal{
		{"Delete", n2.ErrNotFound, func() error { return m.x.Delete(id) }},
		{"Update", n2.ErrNotFound, func() error { return m.x.Update(id, v) }},
		{"Vector", n2.ErrNotFound, func() error { return no(m.x.Vector(id, nil)) }},
		{"SearchByID", n2.ErrNotFound, func() error { return no(m.x.SearchByID(id, 3, nil)) }},
		{"SearchBatchByID", n2.ErrNotFound, func() error {
			return no(m.x.SearchBatchByID(ctx, []uint32{id}, 3, nil))
		}},
		{"Add of another dimension", n2.ErrDimension, func() error { return no(m.x.Add(v[1:])) }},
		{"AddBatch of another dimension", n2.ErrDimension, func() error { return no(m.x.AddBatch(v[1:])) }},
		{"Search of another dimension", n2.ErrDimension, func() error { return no(m.x.Search(v[1:], 3, nil)) }},
		{"k = 0", n2.ErrOption, func() error { return no(m.x.Search(v, 0, nil)) }},
		{"exact k = 0", n2.ErrOption, func() error { return no(m.x.SearchExact(v, 0)) }},
		{"Ef", n2.ErrOption, func() error { return search(n2.SearchOptions{Ef: -1}) }},
		{"Recall", n2.ErrOption, func() error { return search(n2.SearchOptions{Recall: 1.01}) }},
		{"Recall NaN", n2.ErrOption, func() error { return search(n2.SearchOptions{Recall: math.NaN()}) }},
		{"Radius NaN", n2.ErrOption, func() error { return search(n2.SearchOptions{Radius: &nan}) }},
		{"AddIndex to itself", n2.ErrOption, func() error { return no(m.x.AddIndex(m.x)) }},
		{"Threads", n2.ErrOption, func() error { return m.x.Build(ctx, &n2.BuildOptions{Threads: -1}) }},
		{"Queries", n2.ErrDimension, func() error {
			return m.x.Build(ctx, &n2.BuildOptions{Queries: make([]float32, dim+1)})
		}},
	}
	bad, want := m.badVector(t, v)
	// A bad one behind good ones: none of them is added.
	several := slices.Concat(m.source.draw(t, 3, "vectors"), bad, v)
	list = append(list,
		refusal{"Search of a bad vector", want, func() error { return no(m.x.Search(bad, 3, nil)) }},
		refusal{"SearchExact of a bad vector", want, func() error { return no(m.x.SearchExact(bad, 3)) }},
		refusal{"SearchBatch of a bad vector", want, func() error {
			return no(m.x.SearchBatch(ctx, several, 3, nil))
		}},
		refusal{"Queries with a bad vector", want, func() error {
			return m.x.Build(ctx, &n2.BuildOptions{Queries: several})
		}})
	if m.want.live > 0 {
		id := m.want.pick(id)
		list = append(list, refusal{"Update to a bad vector", want, func() error { return m.x.Update(id, bad) }})
	}
	if m.keyed {
		want = n2.ErrOption // there is no vector without a key
		return append(list, refusal{"Add without a key", want, func() error { return no(m.x.Add(v)) }})
	}
	return append(list,
		refusal{"Add of a bad vector", want, func() error { return no(m.x.Add(bad)) }},
		refusal{"AddBatch with a bad vector", want, func() error { return no(m.x.AddBatch(several)) }})
}

// badVector makes a vector that is refused.
func (m *machine) badVector(t *rapid.T, like []float32) (bad []float32, want error) {
	bad = slices.Clone(like)
	at := rapid.IntRange(0, len(bad)-1).Draw(t, "at")
	switch n := rapid.IntRange(0, 4).Draw(t, "bad"); {
	case n == 0:
		bad[at] = float32(math.NaN())
		return bad, n2.ErrNotFinite
	case n == 1:
		bad[at] = float32(math.Inf(-1))
		return bad, n2.ErrNotFinite
	case n == 2 && m.want.metric == n2.Angular:
		clear(bad)
		return bad, n2.ErrZeroVector
	case n == 3 && m.want.metric == n2.Angular:
		clear(bad)
		bad[at] = 0x1p-100
		return bad, n2.ErrMagnitude
	}
	bad[at] = 0x1p121
	return bad, n2.ErrMagnitude
}

// refuse makes several calls that must fail and must not change the index.
func (m *machine) refuse(t *rapid.T) {
	before := m.bytes(t)
	for _, r := range m.refusals(t) {
		err := r.call()
		var named *n2.Error
		if !errors.Is(err, r.want) || !errors.As(err, &named) || named.Op == "" {
			t.Fatalf("%s returns %v, not %v", r.name, err, r.want)
		}
	}
	for name, other := range m.strangers(t) {
		_, err := m.x.AddIndex(other.x)
		if !errors.Is(err, other.want) {
			t.Fatalf("AddIndex of one of another %s returns %v, not %v", name, err, other.want)
		}
		must(t, other.x.Close())
	}
	if !bytes.Equal(before, m.bytes(t)) {
		t.Fatalf("what was refused has changed the index: %+v", m.x.Stats())
	}
}

type stranger struct {
	x    *n2.Index
	want error
}

// strangers are indexes that cannot be added.
func (m *machine) strangers(t *rapid.T) map[string]stranger {
	metric, err := n2.New(m.want.dim, &n2.Options{Metric: m.want.metric%3 + 1})
	must(t, err)
	dim, err := n2.New(m.want.dim+1, &m.options)
	must(t, err)
	want := n2.ErrDimension
	if m.keyed {
		want = n2.ErrOption
	}
	return map[string]stranger{"metric": {metric, n2.ErrOption}, "dimension": {dim, want}}
}
