// SPDX-License-Identifier: Apache-2.0

package model

import (
	"slices"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// firstPage is how many neighbours the first search of an iterator is for. Without a radius, behind
// which a scan may find some more, these come in order.
const firstPage = 32

// searchIter takes some neighbours or all.
func (m *machine) searchIter(t *rapid.T) {
	q := m.drawQuery(t)
	o, _ := m.drawSearch(t, q)
	some := -1
	if rapid.Bool().Draw(t, "partly") {
		some = rapid.IntRange(0, 200).Draw(t, "some")
	}
	var found []n2.Neighbor
	for f, err := range m.x.SearchIter(q, o) {
		must(t, err)
		if len(found) == some {
			break
		}
		found = append(found, f)
	}
	if o == nil {
		o = &n2.SearchOptions{}
	}
	m.judgeEach(t, q, o, found)
	if o.Radius == nil {
		m.judgeOrder(t, found[:min(len(found), firstPage)])
	}
	want := m.within(t, q, o)
	if some >= 0 {
		want = want[:min(len(want), some)]
		if len(found) != len(want) {
			t.Fatalf("%d results, not %d; options %+v", len(found), len(want), *o)
		}
		return
	}
	m.judgeSame(t, found, want)
}

// within returns, of an exact search for all, those that the options let through. Distances of all
// searches are equal, bit for bit, and so is what lies within a radius.
func (m *machine) within(t *rapid.T, q []float32, o *n2.SearchOptions) []n2.Neighbor {
	found, err := m.x.SearchExact(q, m.want.live+1)
	must(t, err)
	return slices.DeleteFunc(found, func(f n2.Neighbor) bool {
		return !allows(o.Allow, f.ID) ||
			o.Radius != nil && rank(m.want.metric, float64(f.Distance)) > rank(m.want.metric, float64(*o.Radius))
	})
}

// judgeSame checks that two have the same neighbours, each once, in any order.
func (m *machine) judgeSame(t *rapid.T, found, want []n2.Neighbor) {
	at := map[uint32]float32{}
	for _, f := range found {
		if _, twice := at[f.ID]; twice {
			t.Fatalf("id %d comes twice", f.ID)
		}
		at[f.ID] = f.Distance
	}
	for _, w := range want {
		if d, ok := at[w.ID]; !ok || d != w.Distance {
			t.Fatalf("id %d at %v: found %v at %v", w.ID, w.Distance, ok, d)
		}
	}
	if len(found) != len(want) {
		t.Fatalf("%d results, not %d", len(found), len(want))
	}
}

// changeWhileIterating changes, in the body of the loop, what is still to come.
func (m *machine) changeWhileIterating(t *rapid.T) {
	q := m.drawQuery(t)
	before := m.want.list()
	touched := map[uint32]bool{} // deleted or replaced, or new
	came := map[uint32]bool{}
	for f, err := range m.x.SearchIter(q, nil) {
		must(t, err)
		if came[f.ID] || !m.want.has(f.ID) {
			t.Fatalf("id %d comes: %v came, %v is there", f.ID, came[f.ID], m.want.has(f.ID))
		}
		came[f.ID] = true
		if len(came)%8 != 1 || m.want.live == 0 || len(came) > 200 {
			continue
		}
		id := m.want.pick(rapid.Uint32().Draw(t, "id"))
		touched[id] = true
		if rapid.Bool().Draw(t, "replace") {
			v := m.source.draw(t, 1, "vector")
			must(t, m.x.Update(id, v))
			m.want.update(id, m.stored(t, id, v))
			continue
		}
		must(t, m.x.Delete(id))
		m.want.delete(id)
	}
	for _, id := range before {
		if !touched[id] && !came[id] {
			t.Fatalf("id %d did not come", id)
		}
	}
}

// all lists the vectors, and deletes some that are still to come.
func (m *machine) all(t *rapid.T) {
	next := uint32(0)
	every := rapid.IntRange(2, 50).Draw(t, "every")
	n := 0
	for id, v := range m.x.All() {
		for ; next < id; next++ {
			if m.want.has(next) {
				t.Fatalf("id %d did not come", next)
			}
		}
		if !m.want.has(id) || !slices.Equal(v, m.want.vector(id)) {
			t.Fatalf("id %d comes as %v", id, v)
		}
		next++
		if n++; n%every == 0 {
			gone := m.want.pick(id + 1)
			must(t, m.x.Delete(gone))
			m.want.delete(gone)
		}
	}
	for ; int(next) < m.want.ids(); next++ {
		if m.want.has(next) {
			t.Fatalf("id %d did not come", next)
		}
	}
}
