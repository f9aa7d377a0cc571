// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
)

// overviewRecalls are those of the overview.
var overviewRecalls = []float64{0.95, 0.99}

// largest gives each data set that was searched, at the largest n that it was.
func (d *data) largest() []*set {
	var list []*set
	for _, s := range d.sets { // by data set, then by n
		if len(s.searches) == 0 {
			continue
		}
		if last := len(list) - 1; last >= 0 && list[last].dataset == s.dataset {
			list[last] = s
		} else {
			list = append(list, s)
		}
	}
	return list
}

// overview tells, a data set a line, how N2 stands to the reference and to the best of the others.
func (d *data) overview() table {
	t := table{Caption: fmt.Sprintf("%s's queries per second on one thread at recall@10, and how many times those of %s and of the "+
		"best of all other peers; its build on all cores and its memory at M 16, as shares of %[2]s's", subjectName, reference),
		Text: 1, Header: []string{"data set"}}
	for _, r := range overviewRecalls {
		t.Header = append(t.Header, fmt.Sprintf("QPS at %.2f", r), "× "+reference, "× best other")
	}
	t.Header = append(t.Header, "build", "memory")
	for _, s := range d.largest() {
		if row := s.overviewRow(); row != nil {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// overviewRow is the line of a set; nil where N2 was not measured.
func (s *set) overviewRow() []string {
	if points, _ := s.points(subject, oneThread, nil); len(points) == 0 {
		return nil
	}
	row := []string{s.title()}
	for _, r := range overviewRecalls {
		own, over := s.standing(subject, r)
		row = append(row, figures(own.qps), times(over), s.bestOther(r, own, over))
	}
	groups := typical(s.groups())
	build, mem := none, none
	for _, g := range mostThreads(groups) {
		if ref, ok := counterpart(groups, g); ok && g.peer == subject {
			build, mem = times(g.best(wall)/ref.best(wall)), times(g.best(memory)/ref.best(memory))
		}
	}
	return append(row, build, mem)
}

// standing reads a peer's front at a recall, and how it stands there to the reference in its run; 0
// where only bounds are known.
func (s *set) standing(peer string, recall float64) (reading, float64) {
	points, _ := s.points(peer, oneThread, nil)
	own, ref := frontOf(points).at(recall), s.referenceFront(points, oneThread, nil).at(recall)
	if own.least || ref.least {
		return own, 0
	}
	return own, ratio(own, ref)
}

// bestOther names the fastest peer that is neither N2 nor the reference, and says how many times its
// speed N2 has: by what both are to the reference, where that is known.
func (s *set) bestOther(recall float64, own reading, over float64) string {
	best, name := 0.0, ""
	for _, peer := range s.peers() {
		if peer == reference || isSubject(peer) {
			continue
		}
		other, otherOver := s.standing(peer, recall)
		if other.least {
			continue
		}
		quotient := ratio(own, other)
		if over > 0 && otherOver > 0 {
			quotient = over / otherOver
		}
		if quotient > 0 && (name == "" || quotient < best) {
			best, name = quotient, peer
		}
	}
	if name == "" {
		return none
	}
	return times(best) + " " + displayName(name)
}

// isSubject tells whether a peer is N2 in one of its modes.
func isSubject(peer string) bool {
	return peer == subject || strings.HasPrefix(peer, subject+"-") && peer != original
}
