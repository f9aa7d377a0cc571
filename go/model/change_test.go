// SPDX-License-Identifier: Apache-2.0

package model

import (
	"pgregory.net/rapid"

	n2 "github.com/n2ann/n2/go"
)

// change makes one of the small changes.
func (m *machine) change(t *rapid.T) {
	switch n := rapid.IntRange(0, 9).Draw(t, "change"); {
	case n < 4 && !m.keyed:
		m.add(t)
	case n < 7:
		m.update(t)
	default:
		m.delete(t)
	}
}

// isFull says whether there are as many vectors as there may be, or ids.
func (m *machine) isFull() bool {
	return m.want.live >= m.most || m.want.ids() >= 100+6*m.most
}

func (m *machine) add(t *rapid.T) {
	if m.isFull() {
		m.delete(t)
		return
	}
	v := m.source.draw(t, 1, "vector")
	id, err := m.x.Add(v)
	must(t, err)
	m.took(t, id, v)
}

// took is what the index should have made of vectors that were added.
func (m *machine) took(t *rapid.T, first uint32, vs []float32) {
	if len(vs) > 0 && int(first) != m.want.ids() {
		t.Fatalf("the first id is %d, not %d", first, m.want.ids())
	}
	for ; len(vs) > 0; vs = vs[m.want.dim:] {
		m.want.add(m.stored(t, first, vs[:m.want.dim]))
		first++
	}
}

// stored returns the vector of that id, which must be v but for rounding.
func (m *machine) stored(t *rapid.T, id uint32, v []float32) []float32 {
	got, err := m.x.Vector(id, nil)
	must(t, err)
	if !rounds(m.options.Store, v, got) {
		t.Fatalf("id %d is stored as %v, not %v", id, got, v)
	}
	return got
}

// addBatch adds as many as there is room for, or a part of that, or a few.
func (m *machine) addBatch(t *rapid.T) {
	if m.isFull() {
		m.deleteMany(t)
		return
	}
	n := m.room(t)
	vs := m.source.draw(t, n, "vectors")
	first, err := m.x.AddBatch(vs)
	must(t, err)
	m.took(t, first, vs)
}

func (m *machine) room(t *rapid.T) int {
	n, part := max(0, m.most-m.want.live), rapid.SampledFrom([]int{1, 2, 5, 20, 0}).Draw(t, "part")
	if part == 0 {
		return min(n, rapid.IntRange(0, 10).Draw(t, "n"))
	}
	return n / part
}

func (m *machine) update(t *rapid.T) {
	if m.want.live == 0 {
		return
	}
	id := m.want.pick(rapid.Uint32().Draw(t, "id"))
	v := m.source.draw(t, 1, "vector")
	must(t, m.x.Update(id, v))
	m.want.update(id, m.stored(t, id, v))
}

func (m *machine) delete(t *rapid.T) {
	if m.want.live == 0 {
		return
	}
	id := m.want.pick(rapid.Uint32().Draw(t, "id"))
	must(t, m.x.Delete(id))
	m.want.delete(id)
}

// some chooses about one in so many of those that there are, or a row of them.
func (m *machine) some(t *rapid.T) []uint32 {
	ids := m.want.list()
	if len(ids) == 0 {
		return nil
	}
	if rapid.Bool().Draw(t, "in a row") {
		from := rapid.IntRange(0, len(ids)-1).Draw(t, "from")
		return ids[from : from+rapid.IntRange(1, len(ids)-from).Draw(t, "n")]
	}
	every := rapid.IntRange(1, 8).Draw(t, "every")
	seed := rapid.Uint32().Draw(t, "seed")
	var some []uint32
	for _, id := range ids {
		if seed = seed*1664525 + 1013904223; int(seed>>16)%every == 0 {
			some = append(some, id)
		}
	}
	return some
}

func (m *machine) deleteMany(t *rapid.T) {
	for _, id := range m.some(t) {
		must(t, m.x.Delete(id))
		m.want.delete(id)
	}
}

func (m *machine) updateMany(t *rapid.T) {
	ids := m.some(t)
	vs := m.source.draw(t, len(ids), "vectors")
	for _, id := range ids {
		v := vs[:m.want.dim]
		vs = vs[m.want.dim:]
		must(t, m.x.Update(id, v))
		m.want.update(id, m.stored(t, id, v))
	}
}

// addIndex adds a small index, of any store, built or not, of which some are deleted.
func (m *machine) addIndex(t *rapid.T) {
	if m.isFull() {
		m.deleteMany(t)
		return
	}
	other := &machine{options: drawOptions(t, m.options.Metric), most: min(40, m.room(t)), source: m.source,
		tally: m.tally, want: contents{metric: m.want.metric, dim: m.want.dim}}
	other.open(t)
	defer func() { must(t, other.x.Close()) }()
	other.deleteMany(t)
	if rapid.Bool().Draw(t, "built") {
		other.build(t)
	}
	first, err := m.x.AddIndex(other.x)
	must(t, err)
	var vs []float32
	for _, id := range other.want.list() {
		vs = append(vs, other.want.vector(id)...)
	}
	if stores(m.options) == stores(other.options) {
		for i := 0; i < len(vs); i += m.want.dim { // such are copied, and not rounded again
			got, err := m.x.Vector(first+uint32(i/m.want.dim), nil)
			must(t, err)
			if !rounds(n2.StoreFloat32, vs[i:i+m.want.dim], got) {
				t.Fatalf("a copy of %v is %v", vs[i:i+m.want.dim], got)
			}
		}
	}
	m.took(t, first, vs)
	other.verify(t)
}

// stores returns the store, the default one filled in.
func stores(o n2.Options) n2.Storage { return max(o.Store, n2.StoreFloat32) }
