// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"errors"
	"iter"
	"slices"
)

// listed is how many ids one call to C lists.
const listed = 256

// All returns an iterator over the ids and vectors that there are, by ascending id. Each vector is as
// [Index.Vector] returns it, in new memory, which may be kept. Between its steps the iterator holds
// nothing: the index may be searched, built and changed, by the body of the loop as well. A vector
// that is deleted before its turn is left out, one that is replaced comes once, as it is then, and one
// that is added may come or not. The iterator ends when the index is closed.
func (x *Index) All() iter.Seq2[uint32, []float32] {
	return func(yield func(uint32, []float32) bool) {
		var room [listed]uint32
		for ids := x.list(0, room[:]); len(ids) > 0; ids = x.list(ids[len(ids)-1]+1, room[:]) {
			for _, id := range ids {
				v, err := x.Vector(id, nil)
				if errors.Is(err, ErrClosed) {
					return
				}
				if err == nil && !yield(id, v) { // else it was deleted
					return
				}
			}
		}
	}
}

// list returns the first ids from from on, in the memory of room; none at the end and of a closed
// index.
func (x *Index) list(from uint32, room []uint32) (ids []uint32) {
	if x.valid() != nil {
		return nil
	}
	_ = x.reads.do(x.closing, func() (err error) { // an error is ErrClosed
		ids, err = x.core.list(from, room)
		return err
	})
	return ids
}

// SearchIter returns an iterator over the neighbours of q, nearest first, for callers who look at each
// and stop when they have found enough. Each vector comes once at most, and in the end all come that
// o allows and that lie within its radius. One may come after another that is farther, if the
// searches so far missed it: o.Recall says how many they find. An error comes last, with a zero
// Neighbor.
//
// The iterator makes searches, each for twice as many as the one before, the first for 32: n
// neighbours cost about two searches for n. Behind the last that is found within a radius, a scan
// makes sure that there is no more. What a bitset can say is better said by [SearchOptions.Allow].
//
// Between its steps the iterator holds nothing: the index may be built and changed, by the body of the
// loop as well. What is deleted before its turn does not come, what is added may come, and what is
// replaced comes, if it does, with the distance that a search found. When the index is closed the
// error is [ErrClosed]. q is copied; what o points to must not change until the loop ends.
func (x *Index) SearchIter(q []float32, o *SearchOptions) iter.Seq2[Neighbor, error] {
	q = slices.Clone(q)
	options, err := o.check()
	return func(yield func(Neighbor, error) bool) {
		err := err
		if err == nil {
			err = x.searchIter(q, options, func(n Neighbor) bool { return yield(n, nil) })
		}
		if err != nil {
			yield(Neighbor{}, wrap("search", err))
		}
	}
}

func (x *Index) searchIter(q []float32, o SearchOptions, yield func(Neighbor) bool) error {
	if err := x.checkVector(q); err != nil {
		return err
	}
	var c *cursor
	err := x.reads.do(x.closing, func() (err error) {
		c, err = x.core.openCursor(q, o)
		return err
	})
	if err != nil {
		return err
	}
	defer c.close() // also when the body of the loop panics
	for {
		var next [1]Neighbor // one, since the body of the loop may delete the one behind it
		n := 0
		err := x.reads.do(x.closing, func() (err error) {
			n, err = c.next(next[:])
			return err
		})
		if err != nil || n == 0 || !yield(next[0]) {
			return err
		}
	}
}
