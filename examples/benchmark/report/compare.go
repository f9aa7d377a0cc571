// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// change is one quantity of a point that both files have.
type change struct {
	name, quantity string
	a, b           float64
	spread         float64 // of the ratio, as a share; negative when a single repeat left it unknown
	fewer          bool    // less is better
	note           string
}

func (c change) ratio() float64 { return c.b / c.a }

// exceeds tells whether the change is more than the spread explains: the ratio lies outside
// [1/(1+spread), 1+spread].
func (c change) exceeds() bool {
	return c.spread >= 0 && math.Abs(math.Log(c.ratio())) > math.Log1p(c.spread)
}

// verdict is empty where the change does not exceed the spread.
func (c change) verdict() string {
	switch {
	case c.spread < 0:
		return "one repeat"
	case !c.exceeds():
		return ""
	case (c.ratio() < 1) == c.fewer:
		return "better"
	}
	return "WORSE"
}

// Compare writes to w what changed from the results a to the results b, for points that both have:
// first the speed at equal recall, then each point and build, with the ratio b/a. Where both have
// the reference measured beside a point, its change is divided out. The spread of a ratio is the sum
// of those of the two values; there is a verdict only on what exceeds it. Points that only one of
// the two has are counted, and their peers named.
func Compare(a, b []measure.Record, w io.Writer) error {
	da, db := collect(a), collect(b)
	if len(da.sets) == 0 || len(db.sets) == 0 {
		return errEmpty
	}
	searches, onlyA, onlyB := compareSearches(da, db)
	builds, buildsA, buildsB := compareBuilds(da, db)
	var out strings.Builder
	fmt.Fprintf(&out, "A: %s\nB: %s\n", orNone(da.machineLine()), orNone(db.machineLine()))
	if drift := referenceDrift(da, db); drift > 0 {
		fmt.Fprintf(&out, "%s beside the points ran at %s of its speed in A; this is divided out.\n", reference, times(drift))
	}
	fmt.Fprintln(&out)
	for _, part := range []struct {
		title   string
		changes []change
	}{
		{"Speed at equal recall (front, one thread, recall@10)", compareFronts(da, db)},
		{"Searches", searches}, {"Builds", builds},
	} {
		writeChanges(&out, part.title, part.changes)
	}
	onlyA, onlyB = append(onlyA, buildsA...), append(onlyB, buildsB...)
	writeOnly(&out, "A", onlyA)
	writeOnly(&out, "B", onlyB)
	writeFailures(&out, da, db)
	_, err := io.WriteString(w, out.String())
	return err
}

func orNone(s string) string {
	if s == "" {
		return "machine not recorded"
	}
	return s
}

// writeChanges writes the table of changes and counts the verdicts.
func writeChanges(out *strings.Builder, title string, changes []change) {
	if len(changes) == 0 {
		return
	}
	t := table{Text: 2, Header: []string{"point", "quantity", "A", "B", "B/A", "spread", "verdict", "note"}}
	better, worse := 0, 0
	for _, c := range changes {
		spread := none
		if c.spread >= 0 {
			spread = fmt.Sprintf("%.1f %%", 100*c.spread)
		}
		verdict := c.verdict()
		switch verdict {
		case "better":
			better++
		case "WORSE":
			worse++
		}
		t.Rows = append(t.Rows, []string{c.name, c.quantity, figures(c.a), figures(c.b),
			fmt.Sprintf("%.3f", c.ratio()), spread, verdict, c.note})
	}
	fmt.Fprintf(out, "## %s: %d compared, %d better, %d worse beyond the spread\n\n%s\n", title, len(changes), better, worse, t.markdown())
}

// compareFronts reads the fronts of each peer at the recalls, in the sets that both files have.
func compareFronts(da, db *data) []change {
	var list []change
	eachPair(da, db, func(a, b *set) {
		for _, peer := range b.peers() {
			pa, _ := a.points(peer, oneThread, nil)
			pb, _ := b.points(peer, oneThread, nil)
			drift := drifts(pa, pb)
			for _, r := range recalls {
				ra, rb := frontOf(pa).at(r), frontOf(pb).at(r)
				if !ra.ok || !rb.ok || ra.least || rb.least {
					continue
				}
				c := change{name: fmt.Sprintf("%s %s", b.title(), displayName(peer)), quantity: fmt.Sprintf("QPS at %.2f", r),
					a: ra.qps, b: rb.qps / drift, spread: ra.spread + rb.spread}
				list = append(list, c)
			}
		}
	})
	return list
}

// eachPair calls f for the sets that both files have.
func eachPair(da, db *data, f func(a, b *set)) {
	for _, b := range db.sets {
		for _, a := range da.sets {
			if a.dataset == b.dataset && a.n == b.n {
				f(a, b)
			}
		}
	}
}

// drift is by how much the reference beside a point ran faster in b than in a; 1 where that was not
// recorded in both, or the peer is the reference itself.
func drift(a, b measure.Search) float64 {
	if a.Peer == reference || a.Reference == nil || b.Reference == nil ||
		a.Reference.QPS <= 0 || b.Reference.QPS <= 0 || a.Reference.Peer != b.Reference.Peer {
		return 1
	}
	return b.Reference.QPS / a.Reference.QPS
}

// drifts is the median drift over the points that two fronts share.
func drifts(a, b []point) float64 {
	byKey := map[string]measure.Search{}
	for _, p := range a {
		byKey[searchKey(p.m)] = p.m
	}
	var list []float64
	for _, p := range b {
		if old, ok := byKey[searchKey(p.m)]; ok {
			list = append(list, drift(old, p.m))
		}
	}
	return median(list)
}

// referenceDrift is the median over all points; 0 when there is none.
func referenceDrift(da, db *data) float64 {
	var list []float64
	eachPair(da, db, func(a, b *set) {
		old := map[string]measure.Search{}
		for _, p := range a.searches {
			old[searchKey(p)] = p
		}
		for _, p := range b.searches {
			if o, ok := old[searchKey(p)]; ok && p.Reference != nil && o.Reference != nil && p.Peer != reference {
				list = append(list, drift(o, p))
			}
		}
	})
	if len(list) == 0 {
		return 0
	}
	return median(list)
}

// median gives the middle value, of an even number the geometric mean of the middle two, and 1 for
// none.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 1
	}
	list = slices.Sorted(slices.Values(list))
	return math.Sqrt(list[(len(list)-1)/2] * list[len(list)/2])
}

// compareSearches matches points by all that was chosen about them.
func compareSearches(da, db *data) (list []change, onlyA, onlyB []string) {
	old, used := map[string]measure.Search{}, map[string]bool{}
	for _, s := range da.sets {
		for _, p := range s.searches {
			old[searchKey(p)] = p
		}
	}
	for _, s := range db.sets {
		for _, p := range s.searches {
			o, ok := old[searchKey(p)]
			if !ok {
				onlyB = append(onlyB, p.Peer)
				continue
			}
			used[searchKey(p)] = true
			if o.QPS <= 0 || p.QPS <= 0 {
				continue
			}
			c := change{name: searchKey(p), quantity: "QPS", a: o.QPS, b: p.QPS / drift(o, p), spread: o.QPSSpread + p.QPSSpread}
			if o.Repeats == 1 || p.Repeats == 1 {
				c.spread = -1
			}
			if d := recallOf(p) - recallOf(o); math.Abs(d) >= 0.0005 {
				c.note = fmt.Sprintf("recall %.4f to %.4f", recallOf(o), recallOf(p))
			}
			list = append(list, c)
		}
	}
	for key, p := range old {
		if !used[key] {
			onlyA = append(onlyA, p.Peer)
		}
	}
	return list, onlyA, onlyB
}

// compareBuilds matches builds, and compares their best repeats in time and memory.
func compareBuilds(da, db *data) (list []change, onlyA, onlyB []string) {
	old, used := map[string]buildGroup{}, map[string]bool{}
	for _, s := range da.sets {
		for _, g := range s.groups() {
			old[buildKey(g.repeats[0])] = g
		}
	}
	quantities := []struct {
		name  string
		value func(measure.Build) float64
	}{{"wall s", wall}, {"CPU s", cpu}, {"bytes/vector", memory}, {"file bytes/vector", fileSize}}
	for _, s := range db.sets {
		for _, g := range s.groups() {
			key := buildKey(g.repeats[0])
			o, ok := old[key]
			if !ok {
				onlyB = append(onlyB, g.peer)
				continue
			}
			used[key] = true
			for _, q := range quantities {
				c := change{name: key, quantity: q.name, a: o.best(q.value), b: g.best(q.value), fewer: true}
				if c.a <= 0 || c.b <= 0 {
					continue
				}
				sa, okA := o.spread(q.value)
				sb, okB := g.spread(q.value)
				if c.spread = sa + sb; !okA || !okB {
					c.spread = -1
				}
				list = append(list, c)
			}
		}
	}
	for key, g := range old {
		if !used[key] {
			onlyA = append(onlyA, g.peer)
		}
	}
	return list, onlyA, onlyB
}

// spread is (max - min) / median over the repeats; ok is false with fewer than two.
func (g buildGroup) spread(value func(measure.Build) float64) (spread float64, ok bool) {
	var list []float64
	for _, b := range g.repeats {
		if v := value(b); v > 0 {
			list = append(list, v)
		}
	}
	if len(list) < 2 {
		return 0, false
	}
	return (slices.Max(list) - slices.Min(list)) / median(list), true
}

// writeOnly names the peers of what only one file has.
func writeOnly(out *strings.Builder, file string, peers []string) {
	if len(peers) == 0 {
		return
	}
	count := map[string]int{}
	for _, p := range peers {
		count[p]++
	}
	var words []string
	for p, n := range count {
		words = append(words, fmt.Sprintf("%s (%d)", displayName(p), n))
	}
	sort.Strings(words)
	fmt.Fprintf(out, "Only in %s: %d: %s\n", file, len(peers), strings.Join(words, ", "))
}

// writeFailures lists the failures that only one file has.
func writeFailures(out *strings.Builder, da, db *data) {
	a, _ := da.failures(0)
	b, _ := db.failures(0)
	in := func(rows [][]string, row []string) bool {
		return slices.ContainsFunc(rows, func(r []string) bool { return slices.Equal(r, row) })
	}
	for _, side := range []struct {
		file       string
		own, other [][]string
	}{{"A", a.Rows, b.Rows}, {"B", b.Rows, a.Rows}} {
		for _, row := range side.own {
			if !in(side.other, row) {
				fmt.Fprintf(out, "Failed only in %s: %s\n", side.file, strings.Join(row, ", "))
			}
		}
	}
}
