// SPDX-License-Identifier: Apache-2.0

package n2

// AddIndex adds copies of all vectors of another index of the same dimension and metric, in the order
// of their ids there, all or none. They get the ids first, first + 1, ... here. Where both store
// alike ([Storage]) the copies are equal, bit for bit; else they are rounded as by [Index.Add]. They
// are found by a scan until the next [Index.Build].
//
// Searches of both go on meanwhile, and so do changes of other, of which those that come in time have
// an effect here. Changes of x wait until all is copied; so does a Build of other, between two of its
// steps, and whatever waits for a WriteTo, which in turn AddIndex waits for. Two indexes may be added
// to each other at the same time.
//
// To add an index to itself, one of another metric, or any to that of a [Map], is [ErrOption];
// one of another dimension is [ErrDimension], and one that was loaded from a file that does not match
// its checksums [ErrCorrupt].
func (x *Index) AddIndex(other *Index) (first uint32, err error) {
	if err = x.valid(); err == nil {
		err = other.valid()
	}
	if err == nil {
		// Nobody who has a place in walks waits for one in adds: so two that are added to each other
		// do not wait in a circle.
		ctx, stop := x.until(other.closing)
		defer stop(nil)
		err = x.change(func() error {
			return other.walks.do(ctx, func() (err error) {
				first, err = x.core.addIndex(other.core)
				x.n.Store(int64(x.core.stats().Len))
				return err
			})
		})
	}
	return first, wrap("add index", err)
}

// Delete deletes the vector of that id: no later search returns it, and the id is not given out
// again. An id that is unknown, or was deleted, is [ErrNotFound].
//
// In the graph the vector stays a step on the way to others until the next [Index.Build], which takes
// it out and replaces the links that led to it. A hundred such steps in a large index cost a search
// next to nothing; where very many lie beside each other, searches in their midst take longer.
func (x *Index) Delete(id uint32) error {
	err := x.valid()
	if err == nil {
		err = x.change(func() error {
			err := x.core.delete(id)
			if err == nil {
				x.n.Add(-1)
			}
			return err
		})
	}
	return wrap("delete", err)
}

// Update makes a copy of v the vector of that id. A search finds the old vector or the new one, never
// both or neither. As for [Index.Add], the new vector is found by a scan until the next
// [Index.Build], which also takes the old one out of the graph. Errors are those of Add and of
// [Index.Delete].
func (x *Index) Update(id uint32, v []float32) error {
	err := x.checkVector(v)
	if err == nil {
		err = x.change(func() error { return x.core.update(id, v) })
	}
	return wrap("update", err)
}
