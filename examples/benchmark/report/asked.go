// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
)

// leastAsked is how many queries tell a recall to half a hundredth.
const leastAsked = 2000

// asked tells what searches of N2 found that were asked for one of the recalls: a data set, and a
// number of neighbours, a line.
func (s *set) asked() [][]string {
	var rows [][]string
	var params string
	for _, g := range typical(s.groups()) {
		if g.peer == subject {
			params = label(g.params)
		}
	}
	for _, k := range s.ks() {
		row, queries := []string{s.title(), fmt.Sprint(k), none}, 0
		points, _ := s.points(subject, view{k: k, threads: 1}, nil)
		for _, r := range recalls {
			text := none
			for _, p := range points {
				wanted, ok := number(p.m.Search["recall"])
				if !ok || wanted != r || label(p.m.Params) != params {
					continue
				}
				n, found := p.m.Judged, p.recall
				if m := p.m.More; m != nil {
					n, found = m.Judged, max(m.Recall, m.RecallDistance)
				}
				text = fmt.Sprintf("%.3f", found)
				if queries == 0 || n < queries {
					queries = n
				}
			}
			row = append(row, text)
		}
		if queries >= leastAsked {
			row[2] = thousands(float64(queries))
			rows = append(rows, row)
		}
	}
	return rows
}

// ks lists the numbers of neighbours that were searched for.
func (s *set) ks() []int {
	var list []int
	for _, p := range s.searches {
		if !slices.Contains(list, p.K) {
			list = append(list, p.K)
		}
	}
	slices.Sort(list)
	return list
}

// askedTable shows what is asked for beside what is found, of these sets.
func askedTable(sets []*set) table {
	t := table{
		Caption: "What " + subjectName + "'s searches found that were asked for a recall, by queries that are neither in the index " +
			"nor known to its build",
		Note:   "Data sets with fewer than " + thousands(leastAsked) + " queries are left out.",
		Header: []string{"data set", "neighbours", "queries"},
		Text:   1,
	}
	for _, r := range recalls {
		t.Header = append(t.Header, fmt.Sprintf("asked %.2f", r))
	}
	for _, s := range sets {
		t.Rows = append(t.Rows, s.asked()...)
	}
	return t
}
