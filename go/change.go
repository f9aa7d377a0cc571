// SPDX-License-Identifier: Apache-2.0

package n2

// Delete deletes the vector of that id: no later search returns it, and the id is not given out
// again. An id that is unknown, or was deleted, is [ErrNotFound].
//
// In the graph the vector stays a step on the way to others until the next [Index.Build], which takes
// it out and replaces the links that led to it. A thousand such steps in a large index cost a search
// next to nothing; where very many lie beside each other, searches in their midst take longer.
func (x *Index) Delete(id uint32) error {
	err := x.valid()
	if err == nil {
		err = x.adds.do(x.closing, func() error {
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
		err = x.adds.do(x.closing, func() error { return x.core.update(id, v) })
	}
	return wrap("update", err)
}
