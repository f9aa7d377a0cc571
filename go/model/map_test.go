// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// The keys of some numbers: different ones for different numbers.
func stringKey(i int) string {
	switch i % 3 {
	case 0:
		return strings.Repeat("x", i) // the empty one among them
	case 1:
		return fmt.Sprintf("%d\x00\xff", i)
	}
	return fmt.Sprintf("key %d", i)
}
func uint64Key(i int) uint64 { return uint64(i) * 0x9e3779b97f4a7c15 }
func int16Key(i int) int16   { return int16(i * 40503) }

// keys is how many keys there are to choose from.
const keys = 700

// A mapMachine is a machine whose index has keys.
type mapMachine[K n2.Key] struct {
	*machine
	m    *n2.Map[K]
	key  func(int) K
	ids  map[K]uint32 // of the keys that are there
	keys []K          // of the ids that were ever given out
}

func (m *mapMachine[K]) drawKey(t *rapid.T) K {
	return m.key(rapid.IntRange(0, keys-1).Draw(t, "key"))
}

// put puts a vector, of a new key or in the place of another.
func (m *mapMachine[K]) put(t *rapid.T) {
	key, v := m.drawKey(t), m.source.draw(t, 1, "vector")
	must(t, m.m.Put(key, v))
	m.tookKeys(t, []K{key}, v)
}

func (m *mapMachine[K]) putBatch(t *rapid.T) {
	list := make([]K, rapid.IntRange(0, min(100, m.most)).Draw(t, "n"))
	first, step := rapid.IntRange(0, keys-1).Draw(t, "first"), rapid.IntRange(0, 5).Draw(t, "step")
	for i := range list { // often the same key again
		list[i] = m.key((first + i*step/2) % keys)
	}
	vs := m.source.draw(t, len(list), "vectors")
	must(t, m.m.PutBatch(list, vs))
	m.tookKeys(t, list, vs)
}

// tookKeys is what the map should have made of vectors that were put.
func (m *mapMachine[K]) tookKeys(t *rapid.T, list []K, vs []float32) {
	last, dim := map[K][]float32{}, m.want.dim
	for i, key := range list {
		last[key] = vs[i*dim : (i+1)*dim]
	}
	for _, key := range list {
		id, known := m.ids[key]
		if !known {
			id = uint32(m.want.ids())
			m.ids[key] = id
			m.keys = append(m.keys, key)
			m.want.add(m.stored(t, id, last[key]))
			continue
		}
		m.want.update(id, m.stored(t, id, last[key]))
	}
}

func (m *mapMachine[K]) deleteKey(t *rapid.T) {
	key := m.drawKey(t)
	err := m.m.Delete(key)
	id, known := m.ids[key]
	if !known {
		if !errors.Is(err, n2.ErrNotFound) {
			t.Fatalf("Delete of key %v, which there is not: %v", key, err)
		}
		return
	}
	must(t, err)
	m.want.delete(id)
	delete(m.ids, key)
}

// settle forgets the keys of ids that were deleted below the map.
func (m *mapMachine[K]) settle() {
	for id, key := range m.keys {
		if now, known := m.ids[key]; known && now == uint32(id) && !m.want.has(now) {
			delete(m.ids, key)
		}
	}
}

// checkKey checks all that a map says of a key.
func (m *mapMachine[K]) checkKey(t *rapid.T, key K) {
	want, known := m.ids[key]
	v, err := m.m.Get(key, nil)
	id, err2 := m.m.ID(key)
	if m.m.Has(key) != known || (err == nil) != known || (err2 == nil) != known {
		t.Fatalf("key %v, there: %v; %v, %v, %v", key, known, m.m.Has(key), err, err2)
	}
	if !known {
		if !errors.Is(err, n2.ErrNotFound) || !errors.Is(err2, n2.ErrNotFound) {
			t.Fatalf("key %v, which there is not: %v, %v", key, err, err2)
		}
		return
	}
	if id != want || !slices.Equal(v, m.want.vector(id)) {
		t.Fatalf("key %v has id %d and vector %v, not id %d", key, id, v, want)
	}
}

func (m *mapMachine[K]) lookKey(t *rapid.T) { m.checkKey(t, m.drawKey(t)) }

// checkKeys checks all keys, and those of all ids, deleted ones as well.
func (m *mapMachine[K]) checkKeys(t *rapid.T) {
	for i := range keys {
		m.checkKey(t, m.key(i))
	}
	for id, key := range m.keys {
		if got, err := m.m.Key(uint32(id)); err != nil || got != key {
			t.Fatalf("id %d has key %v, %v, not %v", id, got, err, key)
		}
	}
	if _, err := m.m.Key(uint32(len(m.keys))); !errors.Is(err, n2.ErrNotFound) {
		t.Fatalf("the key of an id that there is not: %v", err)
	}
}

// searchKeys compares the results of the map with those of its index.
func (m *mapMachine[K]) searchKeys(t *rapid.T) {
	q, k := m.drawQuery(t), m.drawK(t)
	o, name := m.drawSearch(t, q)
	matches, err := m.m.Search(q, k, o)
	must(t, err)
	found := make([]n2.Neighbor, len(matches))
	for i, match := range matches {
		id, known := m.ids[match.Key]
		if !known {
			t.Fatalf("found key %v, which there is not", match.Key)
		}
		found[i] = n2.Neighbor{ID: id, Distance: match.Distance}
	}
	m.judge(t, name, q, k, o, found)
}

func (m *mapMachine[K]) searchByKey(t *rapid.T) {
	key, k := m.drawKey(t), m.drawK(t)
	matches, err := m.m.SearchByKey(key, k, nil)
	id, known := m.ids[key]
	if !known {
		if !errors.Is(err, n2.ErrNotFound) {
			t.Fatalf("SearchByKey of key %v, which there is not: %v", key, err)
		}
		return
	}
	must(t, err)
	found, err := m.x.SearchByID(id, k, nil)
	must(t, err)
	if len(found) != len(matches) {
		t.Fatalf("%d matches, %d neighbours", len(matches), len(found))
	}
	for i, f := range found {
		if m.keys[f.ID] != matches[i].Key || f.Distance != matches[i].Distance {
			t.Fatalf("match %v, neighbour %v", matches[i], f)
		}
	}
}

// refusePuts makes puts that must fail as a whole.
func (m *mapMachine[K]) refusePuts(t *rapid.T) {
	before := m.bytes(t)
	v := m.source.draw(t, 1, "vector")
	bad, want := m.badVector(t, v)
	list := []K{m.drawKey(t), m.drawKey(t)}
	for _, r := range []refusal{
		{"Put of a bad vector", want, func() error { return m.m.Put(list[0], bad) }},
		{"PutBatch with a bad vector", want, func() error { return m.m.PutBatch(list, slices.Concat(v, bad)) }},
		{"Put of another dimension", n2.ErrDimension, func() error { return m.m.Put(list[0], v[1:]) }},
		{"PutBatch of too few", n2.ErrOption, func() error { return m.m.PutBatch(list, v) }},
	} {
		if err := r.call(); !errors.Is(err, r.want) {
			t.Fatalf("%s returns %v, not %v", r.name, err, r.want)
		}
	}
	if !bytes.Equal(before, m.bytes(t)) {
		t.Fatalf("what was refused has changed the map: %+v", m.x.Stats())
	}
}

// openKeys makes an empty map and has files opened as maps.
func (m *mapMachine[K]) openKeys(t *rapid.T) {
	first, err := n2.NewMap[K](m.want.dim, &m.options)
	must(t, err)
	m.m, m.x = first, first.Index()
	m.reopen = func(t *rapid.T, saved []byte, path string, o *n2.LoadOptions) {
		var loaded *n2.Map[K]
		var err error
		if path != "" {
			loaded, err = n2.LoadMap[K](path, o)
		} else {
			loaded, err = n2.ReadMap[K](bytes.NewReader(saved), o)
		}
		must(t, err)
		m.m = loaded
		m.replace(t, loaded.Index())
		m.settle()
		m.checkKeys(t)
	}
}

// mapSequence makes a sequence of operations on a map.
func mapSequence[K n2.Key](outer *testing.T, key func(int) K, all *tally) func(*rapid.T) {
	return func(t *rapid.T) {
		metric := n2.Metric(rapid.IntRange(1, 3).Draw(t, "metric"))
		m := mapMachine[K]{machine: newMachine(t, outer, metric, all), key: key, ids: map[K]uint32{}}
		m.keyed = true
		m.openKeys(t)
		defer func() { m.m.Close() }()
		a := m.operationsOf()
		a.put("put", 8, m.put)
		a.put("put batch", 2, m.putBatch)
		a.put("delete key", 4, m.deleteKey)
		a.put("look", 4, m.lookKey)
		a.put("search keys", 4, m.searchKeys)
		a.put("search by key", 2, m.searchByKey)
		a.put("refuse puts", 1, m.refusePuts)
		a[""] = func(t *rapid.T) {
			m.settle()
			m.check(t)
			if m.m.Len() != len(m.ids) {
				t.Fatalf("%d keys, not %d", m.m.Len(), len(m.ids))
			}
		}
		t.Repeat(a)
		m.checkKeys(t)
		m.verify(t)
	}
}
