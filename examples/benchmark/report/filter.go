// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"

	"gonum.org/v1/plot/plotter"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// filterRecall is the recall at which searches under filters are compared.
const filterRecall = 0.95

// filterNote says what a reader must know to judge the figures.
const filterNote = "One query a call, one thread, all indexes with the same parameters. scan compares the query with each allowed vector, " +
	"which lie one behind the other, and finds all. hnswlib's filter is a function in Python, called for each vector that a search " +
	"comes across; a search that finds fewer than k raises an error and counts as one that found nothing. In brackets: the most " +
	"that was found, where the recall is not reached. ≥: even the fastest point lies above that recall."

func filteredKey(v measure.Filtered) string {
	return fmt.Sprintf("%s n=%d %s %s %s k=%d %s %g", v.Dataset, v.N, v.Peer, label(v.Params), label(v.Search), v.K, v.Kind, v.Share)
}

// filterView is how all searches under filters are made.
func filterView(k int) view { return view{k: k, mode: "single", threads: 1} }

// A sieve is what was measured under one filter, as a set whose searches are those.
type sieve struct {
	set
	kind    string
	share   float64
	allowed int
	k       int
}

// sieves groups what was measured, by kind and then from the largest share to the smallest.
func (s *set) sieves() []*sieve {
	var list []*sieve
	for _, v := range s.filtered {
		i := slices.IndexFunc(list, func(f *sieve) bool { return f.kind == v.Kind && f.share == v.Share && f.k == v.K })
		if i < 0 {
			i = len(list)
			f := &sieve{kind: v.Kind, share: v.Share, allowed: v.Allowed, k: v.K}
			f.dataset, f.n = fmt.Sprintf("%s, %s allowed (%s)", s.dataset, percent(v.Share), v.Kind), s.n
			list = append(list, f)
		}
		list[i].searches = append(list[i].searches, measure.Search{Run: v.Run, Dataset: v.Dataset, N: v.N, Peer: v.Peer,
			Params: v.Params, Search: v.Search, K: v.K, Mode: "single", Threads: 1, QPS: v.QPS, QPSSpread: v.QPSSpread,
			Repeats: v.Repeats, P50: v.P50, P99: v.P99, Recall: v.Recall})
	}
	slices.SortStableFunc(list, func(a, b *sieve) int {
		return cmp.Or(cmp.Compare(slices.Index(measure.FilterKinds, a.kind), slices.Index(measure.FilterKinds, b.kind)),
			cmp.Compare(a.k, b.k), cmp.Compare(b.share, a.share))
	})
	return list
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

// filterSection shows searches under filters: for each kind the speed by the share that is allowed,
// and behind these the curves of recall and speed.
func (s *set) filterSection() (section, bool) {
	out := section{title: s.title() + ": searches under filters"}
	list := s.sieves()
	var curves []figure
	for start := 0; start < len(list); {
		end := start
		for end < len(list) && list[end].kind == list[start].kind && list[end].k == list[start].k {
			end++
		}
		group := list[start:end]
		start = end
		if f, ok := s.shareFigure(group); ok {
			out.figures = append(out.figures, f)
		}
		out.tables = append(out.tables, shareTable(group))
		for _, f := range group {
			if c, ok := f.recallFigure(filterView(f.k)); ok {
				c.name = fmt.Sprintf("filter-%s-%s-k%d-%s", f.kind, slug(fmt.Sprint(100*f.share)), f.k, s.slug())
				curves = append(curves, c)
			}
		}
	}
	if len(list) > 0 {
		out.tables[len(out.tables)-1].Note = filterNote
	}
	out.brief = len(out.figures)
	out.figures = append(out.figures, curves...)
	if len(s.filtered) > 0 {
		out.details = []table{s.filteredTable()}
	}
	return out, len(list) > 0
}

// sievePeers lists the peers of a group.
func sievePeers(group []*sieve) []string {
	all := set{}
	for _, f := range group {
		all.searches = append(all.searches, f.searches...)
	}
	return all.peers()
}

// kindText says how the allowed vectors of a kind were chosen.
func kindText(kind string) string {
	switch kind {
	case "near":
		return "those nearest to a vector are allowed"
	case "far":
		return "those farthest from a vector are allowed"
	}
	return "random ones are allowed"
}

// shareTable tells how fast peers are by the share that is allowed.
func shareTable(group []*sieve) table {
	t := table{Caption: fmt.Sprintf("Queries per second at recall@%d %.2f, %s", group[0].k, filterRecall, kindText(group[0].kind)),
		Text: 1, Header: []string{"allowed"}}
	for _, f := range group {
		t.Header = append(t.Header, fmt.Sprintf("%s (%s)", percent(f.share), thousands(float64(f.allowed))))
	}
	for _, peer := range sievePeers(group) {
		row := []string{displayName(peer)}
		for _, f := range group {
			points, _ := f.points(peer, filterView(f.k), nil)
			switch got := frontOf(points).at(filterRecall); {
			case got.ok && got.least && peer != floor:
				row = append(row, "≥ "+figures(got.qps))
			case got.ok:
				row = append(row, figures(got.qps))
			case len(points) > 0:
				row = append(row, fmt.Sprintf("(%.2f)", most(points)))
			default:
				row = append(row, none)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// most is the highest recall of some points.
func most(points []point) float64 {
	highest := 0.0
	for _, p := range points {
		highest = max(highest, p.recall)
	}
	return highest
}

// floor is the peer that scans what is allowed; it has one point, which finds all.
const floor = "scan"

// shareFigure plots the same.
func (s *set) shareFigure(group []*sieve) (figure, bool) {
	var list []series
	seen := map[float64]bool{}
	for _, peer := range sievePeers(group) {
		line := series{peer: peer, text: displayName(peer)}
		for _, f := range slices.Backward(group) {
			points, _ := f.points(peer, filterView(f.k), nil)
			if got := frontOf(points).at(filterRecall); got.ok {
				line.xys = append(line.xys, plotter.XY{X: 100 * f.share, Y: got.qps})
				seen[100*f.share] = true
			}
		}
		if len(line.xys) > 0 {
			list = append(list, line)
		}
	}
	if len(list) == 0 {
		return figure{}, false
	}
	title := fmt.Sprintf("%s: speed at recall@%d of %.2f, %s", s.title(), group[0].k, filterRecall, kindText(group[0].kind))
	return logLog(fmt.Sprintf("filter-%s-k%d-%s", group[0].kind, group[0].k, s.slug()), title, "share that is allowed, % (log scale)",
		"queries per second (log scale; up is better)", list, sortedKeys(seen)), true
}

// filteredTable lists every measured point.
func (s *set) filteredTable() table {
	t := table{Caption: "All searches under filters", Text: 4, Header: []string{"peer", "search", "filter", "allowed", "k", "recall",
		"QPS", "spread", "p50 µs", "p99 µs", "found fewer than there are"}}
	list := slices.Clone(s.filtered)
	slices.SortStableFunc(list, func(a, b measure.Filtered) int {
		switch {
		case peerLess(a.Peer, b.Peer):
			return -1
		case peerLess(b.Peer, a.Peer):
			return 1
		}
		return 0
	})
	for _, v := range list {
		search := label(v.Search)
		if search == "" {
			search = none
		}
		t.Rows = append(t.Rows, []string{displayName(v.Peer), search, v.Kind, percent(v.Share), fmt.Sprint(v.K), fmt.Sprintf("%.4f", v.Recall),
			figures(v.QPS), fmt.Sprintf("%.1f %%", 100*v.QPSSpread), figures(v.P50), figures(v.P99), fmt.Sprintf("%.1f %%", 100*v.Short)})
	}
	return t
}
