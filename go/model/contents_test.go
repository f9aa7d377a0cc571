// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"
	"slices"

	n2 "github.com/n2ann/n2/go"
)

// contents are what an index should hold: a vector for each id that was ever given out, and whether it
// is still there.
type contents struct {
	metric  n2.Metric
	dim     int
	flat    []float32
	lengths []float64 // of the vectors
	there   []bool
	live    int
}

// ids is how many ids were given out.
func (c *contents) ids() int { return len(c.there) }

func (c *contents) has(id uint32) bool { return int(id) < len(c.there) && c.there[id] }

func (c *contents) vector(id uint32) []float32 {
	return c.flat[int(id)*c.dim : (int(id)+1)*c.dim]
}

func (c *contents) add(v []float32) {
	c.flat = append(c.flat, v...)
	c.lengths = append(c.lengths, norm(v))
	c.there = append(c.there, true)
	c.live++
}

func (c *contents) update(id uint32, v []float32) {
	copy(c.vector(id), v)
	c.lengths[id] = norm(v)
}

func (c *contents) delete(id uint32) {
	c.there[id] = false
	c.live--
}

// list returns the ids that are there, in ascending order.
func (c *contents) list() []uint32 {
	ids := make([]uint32, 0, c.live)
	for id, there := range c.there {
		if there {
			ids = append(ids, uint32(id))
		}
	}
	return ids
}

// pick returns the first id that is there, from some number on; there must be one.
func (c *contents) pick(from uint32) uint32 {
	id := from % uint32(c.ids())
	for !c.there[id] {
		id = (id + 1) % uint32(c.ids())
	}
	return id
}

// distinct is how many vectors there are, equal ones counted once.
func (c *contents) distinct() int {
	seen := map[string]bool{}
	key := make([]byte, 4*c.dim)
	for _, id := range c.list() {
		for i, x := range c.vector(id) {
			b := math.Float32bits(x)
			key[4*i], key[4*i+1], key[4*i+2], key[4*i+3] = byte(b), byte(b>>8), byte(b>>16), byte(b>>24)
		}
		seen[string(key)] = true
	}
	return len(seen)
}

// ranks returns the ranks of all ids that are there and allowed, nearest first.
func (c *contents) ranks(q []float32, allow []uint64) []float64 {
	ranks := make([]float64, 0, c.live)
	for id := range c.there {
		if c.there[id] && allows(allow, uint32(id)) {
			ranks = append(ranks, rank(c.metric, distance(c.metric, c.vector(uint32(id)), q)))
		}
	}
	slices.Sort(ranks)
	return ranks
}

// longest is the length of the longest vector that there is.
func (c *contents) longest() (longest float64) {
	for id, there := range c.there {
		if there {
			longest = max(longest, c.lengths[id])
		}
	}
	return longest
}

// allows says whether a filter lets an id through.
func allows(allow []uint64, id uint32) bool {
	return allow == nil || int(id/64) < len(allow) && allow[id/64]>>(id%64)&1 == 1
}
