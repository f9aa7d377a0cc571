// SPDX-License-Identifier: Apache-2.0

// Package workload decides what is done to an index that is in use: which worker searches for, adds
// and deletes what, in which order. The same arguments give the same plan, so that every peer does
// the same, and what lives after a plan is known without asking an index.
package workload

import (
	"fmt"
	"math/rand/v2"
)

// A Kind is what an operation does. The numbers are those of the adapter protocol.
type Kind int32

const (
	Search  Kind = iota // for the neighbours of query Row
	Add                 // row Row of the base, under Key
	Delete              // Key
	Nothing             // a call that does nothing: what calling costs
	Build               // the making of an index; no part of a plan
)

// Kinds are all of them, in the order of tables.
var Kinds = []Kind{Search, Add, Delete, Build, Nothing}

// String names the kind in results.
func (k Kind) String() string {
	switch k {
	case Search:
		return "search"
	case Add:
		return "add"
	case Delete:
		return "delete"
	case Nothing:
		return "nothing"
	case Build:
		return "build"
	}
	return fmt.Sprintf("Kind(%d)", int32(k))
}

// An Operation is one call of an index.
type Operation struct {
	Kind     Kind
	Key, Row int32
}

// A Plan lists the operations of each worker, which makes one after the other.
type Plan [][]Operation

// Idle is a plan of calls that do nothing.
func Idle(each, workers int) Plan {
	plan := make(Plan, workers)
	for w := range plan {
		plan[w] = make([]Operation, each)
		for i := range plan[w] {
			plan[w][i].Kind = Nothing
		}
	}
	return plan
}

// A Model knows what lives in an index. Keys count from 0 in the order of adding, and none is used
// twice; a vector that was replaced has a new key.
type Model struct {
	rows []int32 // by key; gone for what was deleted
	live int
}

const gone = -1

// NewModel is that of an index of the first n rows, whose keys are their numbers.
func NewModel(n int) *Model {
	m := &Model{}
	for row := range n {
		m.add(int32(row))
	}
	return m
}

// Len says how many vectors live.
func (m *Model) Len() int { return m.live }

// Keys says how many keys there have been.
func (m *Model) Keys() int { return len(m.rows) }

// Row returns the row of the base that lives under a key, if one does.
func (m *Model) Row(key int32) (row int32, ok bool) {
	if key < 0 || int(key) >= len(m.rows) || m.rows[key] == gone {
		return 0, false
	}
	return m.rows[key], true
}

// Rows returns the rows that live, by their keys in ascending order.
func (m *Model) Rows() []int32 {
	rows := make([]int32, 0, m.live)
	for _, row := range m.rows {
		if row != gone {
			rows = append(rows, row)
		}
	}
	return rows
}

func (m *Model) add(row int32) Operation {
	m.rows = append(m.rows, row)
	m.live++
	return Operation{Add, int32(len(m.rows) - 1), row}
}

func (m *Model) remove(key int32) Operation {
	m.rows[key] = gone
	m.live--
	return Operation{Kind: Delete, Key: key}
}

// unused returns which of the first n rows do not live, in ascending order.
func (m *Model) unused(n int) []int32 {
	used := make([]bool, n)
	for _, row := range m.Rows() {
		used[row] = true
	}
	var rows []int32
	for row, is := range used {
		if !is {
			rows = append(rows, int32(row))
		}
	}
	return rows
}

// An Extent says how large a plan is to be.
type Extent struct {
	Rows    int // of the base that may be added
	Queries int
	Workers int
	Seed    uint64
}

// searches returns searches for all queries in turn, in an order that is random but fixed.
func (e Extent) searches(r *rand.Rand) func() Operation {
	order, next := r.Perm(e.Queries), 0
	return func() Operation {
		next++
		return Operation{Kind: Search, Row: int32(order[next%len(order)])}
	}
}

// Mixed plans that many searches and adds in a random order. Of all, the given share are adds, up to
// rounding; where there are too few rows for that, there are fewer operations.
func (m *Model) Mixed(operations int, adds float64, e Extent) Plan {
	r := rand.New(rand.NewPCG(e.Seed, 1))
	rows := m.unused(e.Rows)
	n := int(float64(operations)*adds + 0.5)
	if n > len(rows) {
		n = len(rows)
		operations = int(float64(n) / adds)
	}
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	kinds := make([]Kind, operations)
	for i := range n {
		kinds[i] = Add
	}
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	search := e.searches(r)
	plan := make(Plan, e.Workers)
	for i, kind := range kinds {
		w := i % e.Workers
		if kind == Add {
			plan[w] = append(plan[w], m.add(rows[0]))
			rows = rows[1:]
		} else {
			plan[w] = append(plan[w], search())
		}
	}
	return plan
}

// Replace plans that each vector that lives is deleted and another row added for it, as far as there
// are rows that do not live, with a search before each of the two. A worker deletes a vector before
// it adds one, so that there are never more than there were.
func (m *Model) Replace(e Extent) Plan {
	r := rand.New(rand.NewPCG(e.Seed, 2))
	rows := m.unused(e.Rows)
	var keys []int32
	for key, row := range m.rows {
		if row != gone {
			keys = append(keys, int32(key))
		}
	}
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	search := e.searches(r)
	plan := make(Plan, e.Workers)
	for i := range min(len(keys), len(rows)) {
		plan[i%e.Workers] = append(plan[i%e.Workers], search(), m.remove(keys[i]), search(), m.add(rows[i]))
	}
	return plan
}
