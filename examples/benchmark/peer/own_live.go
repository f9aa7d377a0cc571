// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"

	n2 "github.com/n2ann/n2/go"
)

// N2 while it is in use. It gives out ids by itself, in the order of adding, so that it is noted
// here which key has which id. Each element of the two lists is written by one worker, and read by
// that one or after all workers have ended.

func (o *own) expectChanges() { o.autoLink = true }

func (o *own) open(workers, keys int) (bytes int) {
	if o.ids == nil {
		n := o.x.Len()
		o.ids, o.keys = make([]uint32, n, max(n, keys)), make([]int32, n, max(n, keys))
		for i := range n {
			o.ids[i], o.keys[i] = uint32(i), int32(i)
		}
	}
	if more := keys - len(o.ids); more > 0 {
		o.ids = append(o.ids, make([]uint32, more)...)
		o.keys = append(o.keys, make([]int32, more)...)
	}
	o.found = make([][]n2.Neighbor, workers)
	for i := range o.found {
		o.found[i] = make([]n2.Neighbor, o.k)
	}
	return 4*cap(o.ids) + 4*cap(o.keys)
}

func (o *own) find(worker int, query []float32) error {
	_, err := o.x.SearchInto(o.found[worker], query, &o.options)
	return err
}

func (o *own) add(key int32, v []float32) error {
	id, err := o.x.Add(v)
	if err == nil {
		o.ids[key], o.keys[id] = id, key
	}
	return err
}

func (o *own) remove(key int32) error {
	return o.x.Delete(o.ids[key])
}

func (o *own) nothing() { o.x.Len() }

// begin adds all vectors, which searches find by a scan until they are built.
func (o *own) begin(base []float32, dim int, metric string, params map[string]float64) (func() error, error) {
	if err := o.make(dim, metric, params); err != nil {
		return nil, err
	}
	if _, err := o.x.AddBatch(base); err != nil {
		return nil, err
	}
	return func() error { return o.x.Build(context.Background(), &n2.BuildOptions{Threads: 1}) }, nil
}

// byKey turns ids into keys, where these differ.
func (o *own) byKey(ids []int32) {
	if o.keys == nil {
		return
	}
	for i, id := range ids {
		if id >= 0 {
			ids[i] = o.keys[id]
		}
	}
}
