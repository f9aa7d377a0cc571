// SPDX-License-Identifier: Apache-2.0

package model

import (
	"testing"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// operationsOf are those of an index, with or without keys.
func (m *machine) operationsOf() table {
	a := table{"": m.check}
	a.put("update", 3, m.update)
	a.put("delete", 3, m.delete)
	a.put("delete many", 1, m.deleteMany)
	a.put("update many", 1, m.updateMany)
	a.put("search", 12, m.search)
	a.put("search by id", 2, m.searchByID)
	a.put("search batch", 1, m.searchBatch)
	a.put("search batch by id", 1, m.searchBatchByID)
	a.put("search exact", 2, m.searchExact)
	a.put("search iter", 3, m.searchIter)
	a.put("change while iterating", 1, m.changeWhileIterating)
	a.put("all", 1, m.all)
	a.put("build", 1, m.build)
	a.put("compact", 1, m.compact)
	a.put("change while building", 1, m.changeWhileBuilding)
	a.put("cancel build", 1, m.cancelBuild)
	a.put("save", 1, m.save)
	a.put("stream", 1, m.stream)
	a.put("refuse", 1, m.refuse)
	return a
}

// indexSequence makes a sequence of operations on an index.
func indexSequence(outer *testing.T, metric n2.Metric, all *tally) func(*rapid.T) {
	return func(t *rapid.T) {
		m := newMachine(t, outer, metric, all)
		m.open(t)
		defer func() { m.x.Close() }()
		a := m.operationsOf()
		a.put("add", 4, m.add)
		a.put("add batch", 2, m.addBatch)
		a.put("add index", 1, m.addIndex)
		t.Repeat(a)
		m.verify(t)
		must(t, m.x.Build(t.Context(), nil))
		m.checkBuilt(t)
		m.verify(t)
	}
}

// Random sequences of operations, on indexes of each metric and on maps of several kinds of keys.
func TestModel(t *testing.T) {
	all := newTally()
	t.Run("sequences", func(t *testing.T) {
		for i, metric := range []n2.Metric{n2.Angular, n2.L2, n2.Dot} {
			run(t, "index "+metric.String(), i, func(t *testing.T) func(*rapid.T) {
				return indexSequence(t, metric, all)
			})
		}
		run(t, "map of strings", 3, func(t *testing.T) func(*rapid.T) { return mapSequence(t, stringKey, all) })
		run(t, "map of uint64", 4, func(t *testing.T) func(*rapid.T) { return mapSequence(t, uint64Key, all) })
		run(t, "map of int16", 5, func(t *testing.T) func(*rapid.T) { return mapSequence(t, int16Key, all) })
	})
	all.report(t)
}

// run runs sequences beside others. All machines have the same seeds, so number i draws i numbers
// first: its sequences are not those of the others.
func run(t *testing.T, name string, i int, sequence func(*testing.T) func(*rapid.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		next := sequence(t)
		rapid.Check(t, func(t *rapid.T) {
			for range i {
				rapid.Uint8().Draw(t, "of no use")
			}
			next(t)
		})
	})
}
