// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"iter"
	"reflect"
)

// A Match is one result of a search in a [Map]: a vector's key and its distance to the query by the
// [Metric].
type Match[K Key] struct {
	Key      K
	Distance float32
}

// Search finds the k vectors nearest to q and returns their keys, as [Index.Search] does. Of those at
// the same distance, the one that was put first, under this key, comes first. Allow is of ids, as
// [Map.ID] gives them.
func (m *Map[K]) Search(q []float32, k int, o *SearchOptions) ([]Match[K], error) {
	x := m.Index()
	found, err := x.results(k)
	if err == nil {
		found, err = x.search(found, q, o)
	}
	var matches []Match[K]
	if err == nil {
		matches, err = m.matches(found)
	}
	return matches, wrap("search", err)
}

// SearchByKey is [Map.Search] for the vector of that key, which is not left out of the results.
func (m *Map[K]) SearchByKey(key K, k int, o *SearchOptions) ([]Match[K], error) {
	x := m.Index()
	found, err := x.results(k)
	if err == nil {
		var id uint32
		if id, err = m.find(key); err == nil {
			found, err = x.searchID(found, id, o)
		}
	}
	var matches []Match[K]
	if err == nil {
		matches, err = m.matches(found)
	}
	return matches, wrap("search", err)
}

// SearchBatch is [Map.Search] for several queries, arranged as those of [Index.SearchBatch].
func (m *Map[K]) SearchBatch(ctx context.Context, qs []float32, k int, o *SearchOptions) ([][]Match[K], error) {
	found, err := m.Index().SearchBatch(ctx, qs, k, o)
	if err != nil {
		return nil, err
	}
	results := make([][]Match[K], len(found))
	for i := range found {
		if results[i], err = m.matches(found[i]); err != nil {
			return nil, wrap("search batch", err)
		}
	}
	return results, nil
}

// SearchIter is [Index.SearchIter] with keys in the place of ids.
func (m *Map[K]) SearchIter(q []float32, o *SearchOptions) iter.Seq2[Match[K], error] {
	found := m.Index().SearchIter(q, o)
	return func(yield func(Match[K], error) bool) {
		for neighbor, err := range found {
			var match Match[K]
			if err == nil {
				match, err = m.match(neighbor)
				err = wrap("search", err)
			}
			if !yield(match, err) || err != nil {
				return
			}
		}
	}
}

// All is [Index.All] with keys in the place of ids. A key that does not fit K is left out.
func (m *Map[K]) All() iter.Seq2[K, []float32] {
	return func(yield func(K, []float32) bool) {
		for id, v := range m.Index().All() {
			key, err := m.Key(id)
			if err == nil && !yield(key, v) {
				return
			}
		}
	}
}

// matches puts the keys of ids in their place. An id keeps its key when it is deleted, so what a
// search has found has one.
func (m *Map[K]) matches(found []Neighbor) ([]Match[K], error) {
	matches := make([]Match[K], len(found))
	for i := range found {
		matches[i].Distance = found[i].Distance
	}
	if kindOf[K]() == keysBytes {
		return matches, m.setTexts(matches, found)
	}
	return matches, m.setNumbers(matches, found)
}

func (m *Map[K]) match(found Neighbor) (match Match[K], err error) {
	matches, err := m.matches([]Neighbor{found})
	if err == nil {
		match = matches[0]
	}
	return match, err
}

func (m *Map[K]) setNumbers(matches []Match[K], found []Neighbor) error {
	x := m.x
	numbers := make([]uint64, len(found))
	err := x.reads.do(x.closing, func() error { return x.core.numbersOf(found, numbers) })
	for i := 0; i < len(matches) && err == nil; i++ {
		err = setNumber(&matches[i].Key, numbers[i])
	}
	return err
}

// usualKey is how many bytes the keys of results have on average, or they are fetched twice.
const usualKey = 40

func (m *Map[K]) setTexts(matches []Match[K], found []Neighbor) error {
	x := m.x
	ends, buffer, n := make([]int, len(found)), make([]byte, usualKey*len(found)), 0
	for {
		err := x.reads.do(x.closing, func() error { return x.core.textsOf(found, buffer, ends) })
		if err != nil {
			return err
		}
		if len(ends) > 0 {
			n = ends[len(ends)-1]
		}
		if n <= len(buffer) {
			break
		}
		buffer = make([]byte, n)
	}
	all, from := string(buffer[:n]), 0 // one piece of memory for all of them
	for i, end := range ends {
		reflect.ValueOf(&matches[i].Key).Elem().SetString(all[from:end])
		from = end
	}
	return nil
}
