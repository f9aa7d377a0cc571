// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// recalls are those at which the fronts are read.
var recalls = []float64{0.90, 0.95, 0.99}

// searchTable reads each peer's front at the recalls. keep restricts the build parameters (nil: the
// front over all of them); the ratio is to the reference under the same restriction.
func (s *set) searchTable(caption string, v view, keep func(map[string]any) bool) table {
	t := table{Caption: caption, Header: []string{"peer"}, Text: 1}
	for _, r := range recalls {
		t.Header = append(t.Header, fmt.Sprintf("QPS at %.2f", r), "ratio")
	}
	type line struct {
		cells []string
		order [2]float64
	}
	var lines []line
	var single, least bool
	for _, peer := range s.peers() {
		points, fallback := s.points(peer, v, keep)
		if len(points) == 0 && (keep != nil || !s.failed(peer)) {
			continue
		}
		row := line{cells: []string{displayName(peer)}}
		if len(points) == 0 {
			row.cells[0] += " (failed)"
		}
		if fallback {
			row.cells[0] += " ¹"
			single = true
		}
		f, base := frontOf(points), s.referenceFront(points, v, keep)
		for i, r := range recalls {
			got := f.at(r)
			mark := ""
			if got.least {
				mark, least = "≥ ", true
			}
			other := base.at(r)
			rel := ratio(got, other)
			text := times(rel)
			if rel > 0 && got.least != other.least {
				text = map[bool]string{true: "≥ ", false: "≤ "}[got.least] + text
			} else if rel > 0 && got.least && peer != reference {
				text = none // a quotient of two bounds bounds nothing
			}
			row.cells = append(row.cells, prefix(mark, figures(got.qps)), text)
			if i == 1 && got.ok {
				row.order = [2]float64{1, got.qps}
			}
		}
		if len(points) > 0 && row.order[0] == 0 {
			row.order[1] = points[0].recall
		}
		lines = append(lines, row)
	}
	sort.SliceStable(lines, func(i, j int) bool {
		a, b := lines[i].order, lines[j].order
		return a[0] > b[0] || a[0] == b[0] && a[1] > b[1]
	})
	for _, l := range lines {
		t.Rows = append(t.Rows, l.cells)
	}
	var notes []string
	if single {
		notes = append(notes, "¹ one query a call; the others in batches on one thread.")
	}
	if least {
		notes = append(notes, "≥: even its fastest measured point lies above that recall.")
	}
	t.Note = strings.Join(notes, " ")
	return t
}

func prefix(mark, text string) string {
	if text == none {
		return text
	}
	return mark + text
}

// failed tells whether a peer failed at anything in this set that leads to points.
func (s *set) failed(peer string) bool {
	for _, f := range s.failures {
		if f.Peer == peer && !strings.HasPrefix(f.Stage, "live ") && f.Stage != "filter" {
			return true
		}
	}
	return false
}

// buildGroup is one build configuration with its repeats.
type buildGroup struct {
	peer    string
	params  map[string]any
	threads int
	repeats []measure.Build
}

// best gives the smallest value over the repeats that recorded one, 0 when none did.
func (g buildGroup) best(value func(measure.Build) float64) float64 {
	least := 0.0
	for _, b := range g.repeats {
		if v := value(b); v > 0 && (least == 0 || v < least) {
			least = v
		}
	}
	return least
}

func wall(b measure.Build) float64 { return b.WallS }
func cpu(b measure.Build) float64  { return b.CPUS }

// memory is what the index holds per vector once the build is over and the raw vectors are freed
// where the peer allows it: the growth of the process's resident memory.
func memory(b measure.Build) float64 { return perVector(b, float64(b.RSSAfter-b.RSSBefore)) }

func memoryPeak(b measure.Build) float64 { return perVector(b, float64(b.RSSPeak-b.RSSBefore)) }

func fileSize(b measure.Build) float64 { return perVector(b, float64(b.FileBytes)) }

func perVector(b measure.Build, bytes float64) float64 {
	if b.N <= 0 {
		return 0
	}
	return bytes / float64(b.N)
}

// groups gathers the builds of a set by configuration: by peer, M, parameters, threads.
func (s *set) groups() []buildGroup {
	index := map[string]int{}
	var list []buildGroup
	for _, b := range s.builds {
		key := buildKey(b)
		i, ok := index[key]
		if !ok {
			i = len(list)
			index[key] = i
			list = append(list, buildGroup{peer: b.Peer, params: b.Params, threads: b.Threads})
		}
		list[i].repeats = append(list[i].repeats, b)
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if a.peer != b.peer {
			return peerLess(a.peer, b.peer)
		}
		if links(a.params) != links(b.params) {
			return links(a.params) < links(b.params)
		}
		if la, lb := label(a.params), label(b.params); la != lb {
			return la < lb
		}
		return a.threads < b.threads
	})
	return list
}

// typical chooses for each peer the builds that are compared at equal M: those with M 16 and
// efConstruction 200; of a peer without such, those of its first configuration.
func typical(groups []buildGroup) []buildGroup {
	chosen := map[string]string{}
	for _, g := range groups {
		if _, ok := chosen[g.peer]; !ok && atM(g.params, 16) {
			chosen[g.peer] = label(g.params)
		}
	}
	for _, g := range groups {
		if _, ok := chosen[g.peer]; !ok {
			chosen[g.peer] = label(g.params)
		}
	}
	var list []buildGroup
	for _, g := range groups {
		if label(g.params) == chosen[g.peer] {
			list = append(list, g)
		}
	}
	return list
}

// comparedAt says of what M the typical builds are.
func (s *set) comparedAt() string {
	m := 16
	for _, g := range typical(s.groups()) {
		if own := links(g.params); isSubject(g.peer) && own > 0 {
			m = own
		}
	}
	return fmt.Sprintf("at M %d or the peer's equivalent", m)
}

// counterpart finds the reference build to compare with: the same threads, and the same M where
// the reference was built with it, else M 16.
func counterpart(groups []buildGroup, g buildGroup) (buildGroup, bool) {
	for _, m := range []int{links(g.params), 16} {
		for _, r := range groups {
			if r.peer == reference && r.threads == g.threads && atM(r.params, m) {
				return r, true
			}
		}
	}
	return buildGroup{}, false
}

// mostThreads keeps of each peer the builds on the most threads it was built with.
func mostThreads(groups []buildGroup) []buildGroup {
	most := map[string]int{}
	for _, g := range groups {
		most[g.peer] = max(most[g.peer], g.threads)
	}
	return slices.DeleteFunc(slices.Clone(groups), func(g buildGroup) bool { return g.threads < most[g.peer] })
}

// buildTable lists some of the builds of a set with their ratios to the reference, and the peers
// that have none because they failed.
func (s *set) buildTable(caption string, list []buildGroup) table {
	t := table{Caption: caption, Text: 2, Header: []string{"peer", "parameters", "threads",
		"wall s", "ratio", "CPU s", "ratio", "bytes/vector", "ratio"}}
	groups := s.groups()
	built := map[string]bool{}
	for _, g := range list {
		built[g.peer] = true
		row := []string{displayName(g.peer), label(g.params), fmt.Sprint(g.threads)}
		ref, ok := counterpart(groups, g)
		for _, value := range []func(measure.Build) float64{wall, cpu, memory} {
			own, other := g.best(value), 0.0
			if ok {
				other = ref.best(value)
			}
			text := none
			if own > 0 && other > 0 {
				text = times(own / other)
			}
			row = append(row, figures(own), text)
		}
		t.Rows = append(t.Rows, row)
	}
	for _, peer := range s.peers() {
		if !built[peer] && s.failed(peer) {
			t.Rows = append(t.Rows, []string{displayName(peer), "failed, see below", none, none, none, none, none, none, none})
		}
	}
	if s.dim > 0 {
		t.Note = fmt.Sprintf("bytes/vector: resident memory after the build, less that before it; the vectors alone are %d.", 4*s.dim)
	}
	return t
}

// fileTable lists what saving and loading costs.
func (s *set) fileTable(caption string) table {
	t := table{Caption: caption, Text: 2, Header: []string{"peer", "parameters", "threads", "peak bytes/vector",
		"file bytes/vector", "save s", "load s", "load mapped s", "first 1,000 queries s"}}
	for _, g := range s.groups() {
		t.Rows = append(t.Rows, []string{displayName(g.peer), label(g.params), fmt.Sprint(g.threads),
			figures(g.best(memoryPeak)), figures(g.best(fileSize)),
			figures(g.best(func(b measure.Build) float64 { return b.SaveS })),
			figures(g.best(func(b measure.Build) float64 { return b.LoadS })),
			figures(g.best(func(b measure.Build) float64 { return b.LoadMappedS })),
			figures(g.best(func(b measure.Build) float64 { return b.First1000S }))})
	}
	return t
}

// latencyTable shows, for each peer, the fastest point of one query a call with at least this
// recall.
func (s *set) latencyTable(k int, recall float64) table {
	t := table{Caption: fmt.Sprintf("Latency of one query at recall@%d of at least %.2f, one thread", k, recall),
		Text: 3, Header: []string{"peer", "parameters", "search", "recall", "QPS", "p50 µs", "p95 µs", "p99 µs"}}
	for _, peer := range s.peers() {
		points, _ := s.points(peer, view{k, "single", 1}, nil)
		for _, p := range pareto(points) {
			if p.recall >= recall {
				t.Rows = append(t.Rows, []string{displayName(peer), label(p.m.Params), label(p.m.Search),
					fmt.Sprintf("%.4f", p.recall), figures(p.qps),
					figures(p.m.P50), figures(p.m.P95), figures(p.m.P99)})
				break
			}
		}
	}
	return t
}

// pointTable lists every measured point.
func (s *set) pointTable(caption string) table {
	t := table{Caption: caption, Text: 4, Header: []string{"peer", "parameters", "search", "mode", "k", "threads",
		"recall by id", "by distance", "QPS", "spread", "repeats", "over " + reference + " beside"}}
	list := append([]measure.Search(nil), s.searches...)
	sort.SliceStable(list, func(i, j int) bool { return peerLess(list[i].Peer, list[j].Peer) })
	for _, p := range list {
		beside := none
		if p.Reference != nil && p.Reference.QPS > 0 {
			beside = times(p.QPS / p.Reference.QPS)
		}
		t.Rows = append(t.Rows, []string{displayName(p.Peer), label(p.Params), label(p.Search), p.Mode, fmt.Sprint(p.K),
			fmt.Sprint(p.Threads), fmt.Sprintf("%.4f", p.Recall), fmt.Sprintf("%.4f", p.RecallDistance),
			figures(p.QPS), fmt.Sprintf("%.1f %%", 100*p.QPSSpread), fmt.Sprint(p.Repeats), beside})
	}
	return t
}

// failureTable lists failures with their reasons, each cut to limit characters; 0 for no limit.
func failureTable(caption string, failures []measure.Failure, limit int) table {
	t := table{Caption: caption, Text: 4, Header: []string{"peer", "parameters", "stage", "reason"}}
	for _, f := range failures {
		params := label(f.Params)
		if f.Threads > 0 {
			params = strings.TrimSpace(params + fmt.Sprintf(" threads=%d", f.Threads))
		}
		if params == "" {
			params = none
		}
		t.Rows = append(t.Rows, []string{displayName(f.Peer), params, f.Stage, oneLine(f.Reason, limit)})
	}
	return t
}

// growthRow is the fitted growth of one cost of one peer.
type growthRow struct {
	peer     string
	n, value []float64
	exponent float64
	ok       bool
}

// growthTable shows the exponents e of the fits value = c n^e.
func growthTable(caption string, costs []string, rows [][]growthRow) table {
	t := table{Caption: caption, Text: 1, Header: append([]string{"peer"}, costs...),
		Note: "Each is the e of the fit c·nᵉ, by least squares on logarithms; 1 is linear in n."}
	byPeer := map[string][]string{}
	var names []string
	for c := range rows {
		for _, r := range rows[c] {
			if !r.ok {
				continue
			}
			if byPeer[r.peer] == nil {
				byPeer[r.peer] = make([]string, len(costs))
				for i := range costs {
					byPeer[r.peer][i] = none
				}
				names = append(names, r.peer)
			}
			byPeer[r.peer][c] = fmt.Sprintf("%.2f", r.exponent)
		}
	}
	sort.Slice(names, func(i, j int) bool { return peerLess(names[i], names[j]) })
	for _, name := range names {
		t.Rows = append(t.Rows, append([]string{displayName(name)}, byPeer[name]...))
	}
	return t
}
