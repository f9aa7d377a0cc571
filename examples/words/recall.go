// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	n2 "github.com/n2ann/n2/go"
)

// measureRecall compares searches of several widths with the exact one. The queries are sums of two
// words, which the index does not hold: a vector that it holds is an easier query.
func measureRecall(index *n2.Index, out io.Writer) error {
	const k = 10
	if index.Len() < k {
		return nil
	}
	queries, err := wordPairs(index, 300, 0)
	if err != nil {
		return err
	}

	// farthest[i] is the distance of the k-th nearest of query i: what is no farther is a hit.
	farthest := make([]float32, len(queries))
	start := time.Now()
	for i, q := range queries {
		exact, err := index.SearchExact(q, k)
		if err != nil {
			return err
		}
		farthest[i] = exact[k-1].Distance
	}
	exactTime := time.Since(start)

	fmt.Fprintf(out, "Share of the true %d nearest that a search finds, by its ef, and its time on one thread\n"+
		"(mean of %d queries, each the sum of two words):\n\n", k, len(queries))
	fmt.Fprintf(out, "%9s  %7s  %10s\n", "ef", "recall", "time")
	found := make([]n2.Neighbor, k)
	for _, ef := range []int{10, 20, 50, 100, 200, 0} {
		options := &n2.SearchOptions{Ef: ef}
		hits := 0
		var took time.Duration
		for i, q := range queries {
			start := time.Now()
			n, err := index.SearchInto(found, q, options)
			took += time.Since(start)
			if err != nil {
				return err
			}
			for _, f := range found[:n] {
				if f.Distance <= farthest[i] {
					hits++
				}
			}
		}
		name := fmt.Sprint(ef)
		if ef == 0 {
			name = "default"
		}
		writeRecall(out, name, float64(hits)/float64(k*len(queries)), took, len(queries))
	}
	writeRecall(out, "exact", 1, exactTime, len(queries))
	return nil
}

func writeRecall(out io.Writer, ef string, recall float64, took time.Duration, queries int) {
	fmt.Fprintf(out, "%9s  %7.4f  %10s\n", ef, recall, duration(took/time.Duration(queries)))
}

// wordPairs returns n queries, each the sum of two words: the first ones are spread evenly over the
// index, from the word at shift on, the second ones irregularly.
func wordPairs(index *n2.Index, n, shift int) ([][]float32, error) {
	vector := func(id uint32) ([]float32, error) { return index.Vector(id, nil) }
	queries := make([][]float32, n)
	words := index.Len()
	for i := range queries {
		first, second := (i*words/n+shift)%words, (i*7919+words/2+3*shift)%words
		sum, err := Evaluate([]Term{{ID: uint32(first)}, {ID: uint32(second)}}, vector)
		if err != nil {
			return nil, err
		}
		queries[i] = sum
	}
	return queries, nil
}
