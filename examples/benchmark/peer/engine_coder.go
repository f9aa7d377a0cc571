// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"slices"

	"github.com/coder/hnsw"
)

// A coder is github.com/coder/hnsw, an HNSW in pure Go. It builds and searches in one thread and
// has no batch call. A search of it ends as soon as it has k vectors and the next step finds none
// nearer than the nearest of them, so that its EfSearch hardly matters and recall grows with k:
// "ef" is how many vectors are asked for, of which the nearest k are kept.
type coder struct {
	graph *hnsw.Graph[int32]
	fetch int
	found []coderFound
}

type coderFound struct {
	id       int32
	distance float32
}

func newCoder() (engine, string) { return &coder{}, "0.6.1" }

// coderEf is how many candidates a build or search considers.
const coderEf = 200

func (c *coder) make(metric string, params map[string]float64) error {
	c.graph = hnsw.NewGraph[int32]()
	switch metric {
	case "angular":
		c.graph.Distance = hnsw.CosineDistance
	case "L2":
		c.graph.Distance = hnsw.EuclideanDistance
	default:
		return fmt.Errorf("metric %s is not supported", metric)
	}
	c.graph.Rng = rand.New(rand.NewSource(1))
	c.graph.M = int(params["M"])
	c.graph.EfSearch = coderEf
	return nil
}

func (c *coder) build(base []float32, dim int, metric string, _ int, params map[string]float64) error {
	if err := c.make(metric, params); err != nil {
		return err
	}
	for i := range len(base) / dim {
		c.graph.Add(hnsw.MakeNode(int32(i), base[i*dim:(i+1)*dim:(i+1)*dim]))
	}
	return nil
}

func (c *coder) save(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = c.graph.Export(w)
	return errors.Join(err, w.Flush(), f.Close())
}

func (c *coder) load(path string, _ int, metric string, mapped bool, params map[string]float64) error {
	if mapped {
		return errors.New("load cannot map")
	}
	if err := c.make(metric, params); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.graph.Import(bufio.NewReader(f))
}

func (c *coder) prepare(k, _ int, params map[string]float64) error {
	c.fetch = max(k, int(params["ef"]))
	c.graph.EfSearch = max(coderEf, c.fetch)
	return nil
}

func (c *coder) one(query []float32, ids []int32) error {
	c.found = c.found[:0]
	for _, node := range c.graph.Search(query, c.fetch) { // in no order
		c.found = append(c.found, coderFound{node.Key, c.graph.Distance(query, node.Value)})
	}
	slices.SortFunc(c.found, func(a, b coderFound) int { return cmp.Compare(a.distance, b.distance) })
	for i := range min(len(ids), len(c.found)) {
		ids[i] = c.found[i].id
	}
	return nil
}

func (c *coder) batch([]float32, int, []int32) error { return errNoBatch }

func (c *coder) close() { c.graph = nil }
