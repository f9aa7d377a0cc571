// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// reference is the peer that all ratios are relative to.
const reference = "hnswlib"

// set is what was measured on one subset of one data set. Of a point that was measured in
// several runs it holds the last one; repeats of a build in one run are all kept.
type set struct {
	dataset  string
	n        int
	dim      int // 0 when no build was recorded
	metric   string
	builds   []measure.Build
	searches []measure.Search
	lives    []measure.LiveRun
	filtered []measure.Filtered
	failures []measure.Failure

	references map[string][]measure.Search // of the reference, by run
	commits    map[string]string           // of the subject, by run
}

// data is a result file, ordered: by data set, then by n.
type data struct {
	machines []measure.Machine // one for each run, in order of appearance
	ofOwn    map[string]bool   // whether a run measured the subject, or a variant of it
	sets     []*set
	other    []measure.Failure // failures that belong to no data set, such as failed installs
}

// collect groups the records. A record that is repeated in a later run replaces the earlier one.
func collect(records []measure.Record) *data {
	d := &data{ofOwn: map[string]bool{}}
	byName, commits := map[string]*set{}, map[string]string{}
	find := func(dataset string, n int) *set {
		key := fmt.Sprintf("%s %d", dataset, n)
		if byName[key] == nil {
			byName[key] = &set{dataset: dataset, n: n, references: map[string][]measure.Search{}, commits: commits}
			d.sets = append(d.sets, byName[key])
		}
		return byName[key]
	}
	builds, searches, failures := map[string]int{}, map[string]int{}, map[string]bool{}
	lives, filtered := map[string]int{}, map[string]int{}
	lastBuild := map[string]string{} // the last run that built this configuration
	for _, r := range records {
		if r.Build != nil {
			lastBuild[buildKey(*r.Build)] = r.Build.Run
		}
	}
	records = evenOut(records)
	for _, r := range records {
		switch {
		case r.Machine != nil:
			d.addMachine(*r.Machine)
			commits[r.Machine.Run] = r.Machine.Commit
		case r.Build != nil:
			b, key := *r.Build, buildKey(*r.Build)
			if lastBuild[key] != b.Run {
				continue
			}
			s := find(b.Dataset, b.N)
			d.note(b.Run, b.Peer)
			s.dim, s.metric = b.Dim, b.Metric
			place(&s.builds, builds, fmt.Sprint(key, b.Repeat), b)
		case r.Search != nil:
			s, key := find(r.Search.Dataset, r.Search.N), searchKey(*r.Search)
			placeBest(&s.searches, searches, key, *r.Search)
			if r.Search.Peer == reference {
				list := s.references[r.Search.Run]
				placeBest(&list, searches, r.Search.Run+" "+key, *r.Search)
				s.references[r.Search.Run] = list
			}
		case r.Live != nil:
			d.note(r.Live.Run, r.Live.Peer)
			place(&find(r.Live.Dataset, r.Live.N).lives, lives, liveKey(*r.Live), *r.Live)
		case r.Filtered != nil:
			d.note(r.Filtered.Run, r.Filtered.Peer)
			place(&find(r.Filtered.Dataset, r.Filtered.N).filtered, filtered, filteredKey(*r.Filtered), *r.Filtered)
		case r.Failure != nil:
			f := *r.Failure
			key := fmt.Sprint(f.Dataset, f.N, f.Peer, label(f.Params), f.Threads, f.Stage, f.Reason)
			if failures[key] {
				continue
			}
			failures[key] = true
			if f.Dataset == "" {
				d.other = append(d.other, f)
			} else {
				s := find(f.Dataset, f.N)
				s.failures = append(s.failures, f)
			}
		}
	}
	sort.SliceStable(d.sets, func(i, j int) bool {
		a, b := d.sets[i], d.sets[j]
		return a.dataset < b.dataset || a.dataset == b.dataset && a.n < b.n
	})
	return d
}

// note keeps in mind that a run measured the peer.
func (d *data) note(run, peer string) { d.ofOwn[run] = d.ofOwn[run] || isSubject(peer) }

// evenOut corrects speeds for that of the machine, which varies within a run: where the reference,
// at the same point, was slower beside one peer than at its best, so was that peer, by the same factor.
func evenOut(records []measure.Record) []measure.Record {
	beside := func(p *measure.Search) string { // names the point of the reference
		at := *p
		at.Peer, at.Params, at.Search = p.Reference.Peer, p.Reference.Params, p.Reference.Search
		return p.Run + " " + searchKey(at)
	}
	known := func(r measure.Record) bool {
		return r.Search != nil && r.Search.Reference != nil && r.Search.Reference.Search != nil && r.Search.Reference.QPS > 0
	}
	best := map[string]float64{}
	for _, r := range records {
		if known(r) {
			key := beside(r.Search)
			best[key] = max(best[key], r.Search.Reference.QPS)
		}
	}
	even := slices.Clone(records)
	for i, r := range even {
		if known(r) {
			p := *r.Search
			pace := best[beside(r.Search)] / p.Reference.QPS
			p.QPS, p.P50, p.P95, p.P99 = p.QPS*pace, p.P50/pace, p.P95/pace, p.P99/pace
			beside := *p.Reference
			beside.QPS *= pace
			p.Reference = &beside
			even[i] = measure.Record{Search: &p}
		}
	}
	return even
}

// addMachine keeps the last machine record of each run.
func (d *data) addMachine(m measure.Machine) {
	for i := range d.machines {
		if d.machines[i].Run == m.Run {
			d.machines[i] = m
			return
		}
	}
	d.machines = append(d.machines, m)
}

// place appends v, or replaces the element that was placed under the same key.
func place[T any](list *[]T, index map[string]int, key string, v T) {
	if i, ok := index[key]; ok {
		(*list)[i] = v
		return
	}
	index[key] = len(*list)
	*list = append(*list, v)
}

// placeBest does the same for searches, but of two in one run, as of the reference which takes part
// in several rounds, it keeps the faster.
func placeBest(list *[]measure.Search, index map[string]int, key string, p measure.Search) {
	if i, ok := index[key]; ok && (*list)[i].Run == p.Run && (*list)[i].QPS >= p.QPS {
		return
	}
	place(list, index, key, p)
}

// buildKey names a build, the same in each run and repeat.
func buildKey(b measure.Build) string {
	return fmt.Sprintf("%s n=%d %s %s threads=%d", b.Dataset, b.N, b.Peer, label(b.Params), b.Threads)
}

// searchKey names a measured point, the same in each run.
func searchKey(s measure.Search) string {
	return fmt.Sprintf("%s n=%d %s %s %s k=%d %s threads=%d", s.Dataset, s.N, s.Peer,
		label(s.Params), label(s.Search), s.K, s.Mode, s.Threads)
}

// label writes parameters as "M=16 efConstruction=200", sorted by name; empty for none.
func label(params map[string]any) string {
	words := make([]string, 0, len(params))
	for name, value := range params {
		text, err := json.Marshal(value)
		if err != nil {
			text = fmt.Append(nil, value)
		}
		words = append(words, name+"="+strings.Trim(string(text), `"`))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// links gives the M of a parameter set, or 0 where it has none, as trees have none. A degree is the
// most links of a node in a flat graph; HNSW with M holds 2 M on level 0, so half of it compares.
func links(params map[string]any) int {
	if v, ok := number(params["M"]); ok {
		return int(v)
	}
	if v, ok := number(params["degree"]); ok {
		return int(v / 2)
	}
	return 0
}

// atM tells whether these parameters take part in the comparison at equal M: they have this M, and
// efConstruction 200 if they have an efConstruction at all.
func atM(params map[string]any, m int) bool {
	ef, ok := number(params["efConstruction"])
	return links(params) == m && (!ok || ef == 200)
}

// number reads a numeric parameter, whatever Go type it was given in.
func number(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case int:
		return float64(x), true
	case json.Number:
		f, err := x.Float64()
		return f, err == nil
	}
	return 0, false
}

// peers lists the names in a set, those that only failed included, in alphabetical order with N2
// and the reference first.
func (s *set) peers() []string {
	seen := map[string]bool{}
	for _, b := range s.builds {
		seen[b.Peer] = true
	}
	for _, p := range s.searches {
		seen[p.Peer] = true
	}
	for _, f := range s.failures {
		seen[f.Peer] = true
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return peerLess(names[i], names[j]) })
	return names
}

// peerLess orders peers: N2, the reference, then the others by name.
func peerLess(a, b string) bool {
	rank := func(p string) int {
		switch {
		case p == subject:
			return 0
		case p == reference:
			return 1
		}
		return 2
	}
	if rank(a) != rank(b) {
		return rank(a) < rank(b)
	}
	return a < b
}

// title names a set in headings: "glove-100, n = 100,000".
func (s *set) title() string { return fmt.Sprintf("%s, n = %s", s.dataset, thousands(float64(s.n))) }

// slug names a set in file names: "glove-100-n100000".
func (s *set) slug() string { return fmt.Sprintf("%s-n%d", slug(s.dataset), s.n) }

// slug replaces what does not belong in a file name; a data set may be the path of a user's file.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, name)
}
