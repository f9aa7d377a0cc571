// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/n2ann/n2/examples/benchmark/measure"
	"github.com/n2ann/n2/examples/benchmark/workload"
)

// liveNote says what a reader must know to judge the figures.
const liveNote = "A closed loop: each worker makes one call after the other, within the process that has the index. " +
	"hnswlib forbids searches beside adds: its workers share a read-write lock, as its users must, and wait for it in the times " +
	"given. hnswlib and usearch are called from Python, whose own lock their workers share between calls. N2 links what is added in " +
	"the background, on the same cores; its memory afterwards holds what was not linked yet, and what was deleted and not yet " +
	"taken out. Latencies are to three digits."

// liveKey names what was measured, the same in each run.
func liveKey(v measure.LiveRun) string {
	return fmt.Sprintf("%s n=%d %s %s %s workers=%d", v.Dataset, v.N, v.Peer, label(v.Params), v.Workload, v.Workers)
}

// A scenario is what the peers did under one workload, with the same number of workers.
type scenario struct {
	workload string
	workers  int
	runs     []measure.LiveRun
}

// scenarios groups what was measured, in the order in which the workloads are listed.
func (s *set) scenarios() []scenario {
	var list []scenario
	for _, v := range s.lives {
		i := slices.IndexFunc(list, func(c scenario) bool { return c.workload == v.Workload && c.workers == v.Workers })
		if i < 0 {
			i = len(list)
			list = append(list, scenario{workload: v.Workload, workers: v.Workers})
		}
		list[i].runs = append(list[i].runs, v)
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := slices.Index(measure.Workloads, list[i].workload), slices.Index(measure.Workloads, list[j].workload)
		return a < b || a == b && list[i].workers < list[j].workers
	})
	for _, c := range list {
		sort.SliceStable(c.runs, func(i, j int) bool { return peerLess(c.runs[i].Peer, c.runs[j].Peer) })
	}
	return list
}

// liveSection shows what the peers did while they were changed.
func (s *set) liveSection() (section, bool) {
	out := section{title: s.title() + ": searched while it changes"}
	list := s.scenarios()
	add := func(f figure, ok bool) {
		if ok {
			out.figures = append(out.figures, f)
		}
	}
	for _, c := range list {
		add(s.timeFigure(c, workload.Search))
		add(s.timeFigure(c, workload.Add))
		out.tables = append(out.tables, c.operations())
		if c.churns() {
			add(s.roundFigure(c, "recall", fmt.Sprintf("recall@%d (up is better)", c.runs[0].K), func(recall float64, _ int64) float64 { return recall }))
			add(s.roundFigure(c, "memory", "resident MiB of the index (down is better)", func(_ float64, bytes int64) float64 { return mib(bytes) }))
			out.details = append(out.details, c.rounds())
		}
	}
	if len(list) > 0 {
		out.tables = append(out.tables, states(list))
	}
	return out, len(list) > 0
}

// churns says whether there were several rounds.
func (c scenario) churns() bool {
	return slices.ContainsFunc(c.runs, func(v measure.LiveRun) bool { return len(v.Rounds) > 1 })
}

func (c scenario) title() string { return fmt.Sprintf("%s, %d workers", c.workload, c.workers) }

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// operations tells how many operations there were and how long they took.
func (c scenario) operations() table {
	t := table{Caption: c.title() + ": operations a second of all workers, and latencies in µs", Text: 2,
		Header: []string{"peer", "operation", "count", "per second", "p50", "p99", "p99.9", "max"}}
	for _, v := range c.runs {
		for _, kind := range workload.Kinds {
			if l, ok := v.Operations[kind.String()]; ok {
				t.Rows = append(t.Rows, []string{displayName(v.Peer), kind.String(), thousands(float64(l.Count)), figures(l.PerS),
					figures(l.P50), figures(l.P99), figures(l.P999), figures(l.Max)})
			}
		}
	}
	return t
}

// states tells how the indexes were before and after.
func states(list []scenario) table {
	t := table{Caption: "The indexes before and after, and what a call that does nothing takes", Text: 3, Note: liveNote,
		Header: []string{"workload", "peer", "search", "vectors", "recall", "MiB", "vectors after", "recall after", "MiB after",
			"nothing, p50 µs", "p99 µs"}}
	for _, c := range list {
		for _, v := range c.runs {
			last := measure.Round{}
			if n := len(v.Rounds); n > 0 {
				last = v.Rounds[n-1]
			}
			t.Rows = append(t.Rows, []string{c.title(), displayName(v.Peer), label(v.Search), thousands(float64(v.Start)),
				recallText(v.Recall), figures(mib(v.Memory)), thousands(float64(last.Len)), recallText(last.Recall),
				figures(mib(last.Memory)), figures(v.Nothing.P50), figures(v.Nothing.P99)})
		}
	}
	return t
}

func recallText(recall float64) string {
	if recall <= 0 {
		return none
	}
	return fmt.Sprintf("%.4f", recall)
}

// rounds lists each round of churn.
func (c scenario) rounds() table {
	t := table{Caption: c.title() + ": each round, which replaces all vectors", Text: 1,
		Header: []string{"peer", "round", "seconds", "recall", "MiB", "searches/s", "search p99 µs", "add p99 µs", "delete p99 µs"}}
	for _, v := range c.runs {
		for i, r := range v.Rounds {
			t.Rows = append(t.Rows, []string{displayName(v.Peer), fmt.Sprint(i + 1), figures(r.WallS), recallText(r.Recall),
				figures(mib(r.Memory)), figures(r.Operations["search"].PerS), figures(r.Operations["search"].P99),
				figures(r.Operations["add"].P99), figures(r.Operations["delete"].P99)})
		}
	}
	return t
}

// timeFigure plots the latencies of one kind of operation over the time of a run. Peers take different
// times for the same operations, so that the axis is the share of each one's own.
func (s *set) timeFigure(c scenario, kind workload.Kind) (figure, bool) {
	type curve struct {
		peer     string
		p50, p99 plotter.XYs
	}
	var curves []curve
	least, most := 0.0, 0.0
	for _, v := range c.runs {
		k := curve{peer: v.Peer}
		for i, slice := range v.Slices {
			l := slice.Operations[kind.String()]
			if l.Count == 0 || l.P50 <= 0 {
				continue
			}
			x := 100 * (float64(i) + 0.5) / float64(len(v.Slices))
			k.p50, k.p99 = append(k.p50, plotter.XY{X: x, Y: l.P50}), append(k.p99, plotter.XY{X: x, Y: l.P99})
			if least == 0 || l.P50 < least {
				least = l.P50
			}
			most = max(most, l.P99)
		}
		if len(k.p50) > 0 {
			curves = append(curves, k)
		}
	}
	if len(curves) == 0 {
		return figure{}, false
	}
	title := fmt.Sprintf("%s: latency of each %s (%s)", s.title(), kind, c.title())
	draw := func(t theme) (*plot.Plot, []entry, error) {
		p := newPlot(t, title, "share of the time that the peer took, %", "µs: p99, and faint p50 (log scale; down is better)")
		var legend []entry
		for _, k := range curves {
			legend = append(legend, entry{k.peer, displayName(k.peer)})
		}
		for _, k := range slices.Backward(curves) { // N2 on top
			middle, high := t.line(k.peer), t.line(k.peer)
			middle.Color = t.faint(t.palette()[lookOf(k.peer).color])
			high.Width = min(high.Width, vg.Points(2))
			p.Add(&plotter.Line{XYs: k.p50, LineStyle: middle}, &plotter.Line{XYs: k.p99, LineStyle: high})
		}
		p.X.Min, p.X.Max = 0, 100
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
		p.Y.Min, p.Y.Max = logRange(least, most)
		return p, legend, nil
	}
	return figure{name: fmt.Sprintf("live-%s-%dw-%s-%s", slug(c.workload), c.workers, kind, s.slug()), caption: title, draw: draw}, true
}

// roundFigure plots a figure of the index after each round of churn; round 0 is before it.
func (s *set) roundFigure(c scenario, what, axis string, value func(recall float64, bytes int64) float64) (figure, bool) {
	var list []series
	least, most, rounds := 0.0, 0.0, 0
	for _, v := range c.runs {
		line := series{peer: v.Peer, text: displayName(v.Peer)}
		add := func(round int, y float64) {
			if y <= 0 {
				return // not measured
			}
			line.xys = append(line.xys, plotter.XY{X: float64(round), Y: y})
			if least == 0 || y < least {
				least = y
			}
			most, rounds = max(most, y), max(rounds, round)
		}
		add(0, value(v.Recall, v.Memory))
		for i, r := range v.Rounds {
			add(i+1, value(r.Recall, r.Memory))
		}
		if len(line.xys) > 0 {
			list = append(list, line)
		}
	}
	if len(list) == 0 {
		return figure{}, false
	}
	title := fmt.Sprintf("%s: %s after each round (%s)", s.title(), what, c.title())
	draw := func(t theme) (*plot.Plot, []entry, error) {
		p := newPlot(t, title, "rounds, each of which replaces all vectors", axis)
		var legend []entry
		for _, l := range list {
			legend = append(legend, entry{l.peer, l.text})
		}
		for _, l := range slices.Backward(list) {
			p.Add(&plotter.Line{XYs: l.xys, LineStyle: t.line(l.peer)}, &plotter.Scatter{XYs: l.xys, GlyphStyle: t.glyph(l.peer)})
		}
		p.X.Min, p.X.Max = 0, float64(max(rounds, 1))
		p.X.Tick.Marker = wholeTicks{}
		p.Y.Tick.Marker = groupedTicks{}
		if what == "recall" {
			margin := max(0.1*(most-least), 0.005)
			p.Y.Min, p.Y.Max = max(0, least-margin), min(1, most+margin)
		} else {
			p.Y.Min, p.Y.Max = 0, 1.1*most
		}
		return p, legend, nil
	}
	return figure{name: fmt.Sprintf("live-%s-%dw-%s-%s", slug(c.workload), c.workers, what, s.slug()), caption: title, draw: draw}, true
}

// wholeTicks label an axis of small whole numbers.
type wholeTicks struct{}

// Ticks implements plot.Ticker.
func (wholeTicks) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	step := max(1, int(most-least)/10)
	for v := int(least); v <= int(most); v += step {
		ticks = append(ticks, plot.Tick{Value: float64(v), Label: fmt.Sprint(v)})
	}
	return ticks
}
