// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"slices"

	n2 "github.com/n2ann/n2/go"
)

// An own is N2 itself.
type own struct {
	x       *n2.Index
	k       int
	options n2.SearchOptions
	dst     []n2.Neighbor
	allowed []uint64 // nil for all

	// While it is in use: see own_live.go.
	ids   []uint32 // by key
	keys  []int32  // by id
	found [][]n2.Neighbor

	autoLink bool
}

// storages are what is kept of the vectors, by bits a coordinate.
var storages = map[float64]n2.Storage{0: n2.StoreFloat32, 16: n2.StoreFloat16, 8: n2.StoreSQ8}

func newOwn() (engine, string) { return &own{}, "working tree" }

func (o *own) build(base []float32, dim int, metric string, threads int, params map[string]float64) error {
	if err := o.make(dim, metric, params); err != nil {
		return err
	}
	if _, err := o.x.AddBatch(base); err != nil {
		return err
	}
	return o.x.Build(context.Background(), &n2.BuildOptions{Threads: threads})
}

// make makes an empty index.
func (o *own) make(dim int, metric string, params map[string]float64) error {
	m, err := n2.ParseMetric(metric)
	if err != nil {
		return err
	}
	o.x, err = n2.New(dim, &n2.Options{
		Metric:         m,
		M:              int(params["M"]),
		EfConstruction: int(params["efConstruction"]),
		Selection:      n2.Selection(params["selection"]),
		Merging:        n2.Merging(params["merging"]),
		Store:          storages[params["bits"]],
		Sketch:         n2.Sketch(params["sketch"]),
		Navigation:     n2.Navigation(params["navigation"]),
		AutoLink:       o.autoLink,
	})
	return err
}

func (o *own) save(path string) error { return o.x.Save(path) }

func (o *own) load(path string, _ int, _ string, mapped bool, _ map[string]float64) error {
	var err error
	o.x, err = n2.Load(path, &n2.LoadOptions{NoMap: !mapped})
	return err
}

func (o *own) prepare(k, _ int, params map[string]float64) error {
	o.k, o.options = k, n2.SearchOptions{Ef: int(params["ef"]), Recall: params["recall"], Allow: o.allowed}
	o.dst = slices.Grow(o.dst[:0], k)[:k]
	return nil
}

func (o *own) one(query []float32, ids []int32) error {
	n, err := o.x.SearchInto(o.dst, query, &o.options)
	for i, neighbor := range o.dst[:n] {
		ids[i] = int32(neighbor.ID)
	}
	o.byKey(ids)
	return err
}

func (o *own) batch(queries []float32, dim int, ids []int32) error {
	results, err := o.x.SearchBatch(context.Background(), queries, o.k, &o.options)
	for i, neighbors := range results {
		for j, neighbor := range neighbors {
			ids[i*o.k+j] = int32(neighbor.ID)
		}
	}
	o.byKey(ids)
	return err
}

func (o *own) close() {
	if o.x != nil {
		o.x.Close()
	}
}
