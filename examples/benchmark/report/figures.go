// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// leastRecall is where the recall plot begins: what lies left of it is of no use to anybody, and
// would press the rest together.
const leastRecall = 0.5

// curveOf is what the recall plot shows of one peer.
type curveOf struct {
	peer          string
	line, on, off plotter.XYs
	speed         float64 // at recall 0.95, for the order of the legend
}

// steps is how many pieces a line has between two points: one graph may become faster than another there.
const steps = 4

// line is a front as it is drawn, and which of the points lie on it.
func (f front) line() (line plotter.XYs, on []point) {
	var at []float64
	for _, points := range f {
		for _, p := range points {
			at = append(at, p.recall)
			if f.at(p.recall).qps <= p.qps {
				on = append(on, p)
			}
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	for i, recall := range at {
		for step := 0; i > 0 && step < steps-1; step++ {
			between := at[i-1] + (recall-at[i-1])*float64(step+1)/steps
			line = append(line, plotter.XY{X: between, Y: f.at(between).qps})
		}
		line = append(line, plotter.XY{X: recall, Y: f.at(recall).qps})
	}
	return line, on
}

// recallFigure plots recall against QPS: the front of each peer as a line, its other points faint.
func (s *set) recallFigure(v view) (figure, bool) {
	var curves []curveOf
	low, high, bottom, top := 1.0, 0.0, 0.0, 0.0
	for _, peer := range s.peers() {
		points, _ := s.points(peer, v, nil)
		f := frontOf(points)
		c := curveOf{peer: peer, speed: f.at(0.95).qps}
		line, best := f.line()
		on := map[string]bool{}
		for _, p := range best {
			on[searchKey(p.m)] = true
			c.on = append(c.on, plotter.XY{X: p.recall, Y: p.qps})
		}
		for _, p := range points {
			if p.recall >= leastRecall {
				low, high = min(low, p.recall), max(high, p.recall)
				if bottom == 0 || p.qps < bottom {
					bottom = p.qps
				}
				top = max(top, p.qps)
				if !on[searchKey(p.m)] {
					c.off = append(c.off, plotter.XY{X: p.recall, Y: p.qps})
				}
			}
		}
		c.line, c.on = clip(line, leastRecall), clip(c.on, leastRecall)
		if len(c.line) > 0 {
			curves = append(curves, c)
		}
	}
	if len(curves) == 0 {
		return figure{}, false
	}
	sort.SliceStable(curves, func(i, j int) bool { // the legend in the order of the curves
		return curves[i].speed > curves[j].speed
	})
	how := "one thread"
	if v.threads != 1 {
		how = fmt.Sprintf("%d threads", v.threads)
	}
	if v.mode != "" {
		how = map[string]string{"single": "one query a call", "batch": "in batches"}[v.mode] + ", " + how
	}
	title := fmt.Sprintf("%s: recall and speed (%s)", s.title(), how)
	draw := func(t theme) (*plot.Plot, []entry, error) {
		p := newPlot(t, title, fmt.Sprintf("recall@%d (log scale of the misses; right is better)", v.k),
			"queries per second (log scale; up is better)")
		var legend []entry
		for _, c := range curves {
			for _, off := range c.off {
				g := t.glyph(c.peer)
				g.Color, g.Radius = t.faint(t.palette()[lookOf(c.peer).color]), g.Radius*0.7
				p.Add(&plotter.Scatter{XYs: plotter.XYs{off}, GlyphStyle: g})
			}
		}
		for _, c := range curves {
			legend = append(legend, entry{c.peer, displayName(c.peer)})
		}
		onTop := slices.Clone(curves)
		slices.SortFunc(onTop, func(a, b curveOf) int {
			if peerLess(b.peer, a.peer) {
				return -1
			}
			return 1
		})
		for _, c := range onTop { // N2 and the reference last
			p.Add(&plotter.Line{XYs: c.line, LineStyle: t.line(c.peer)},
				&plotter.Scatter{XYs: c.on, GlyphStyle: t.glyph(c.peer)})
		}
		p.X.Scale, p.X.Tick.Marker = missScale{}, missTicks{}
		p.X.Min, p.X.Max = max(leastRecall, 1-(1-low)*1.15), 1-(1-high)/1.3
		if p.X.Max > 1-2*missFloor {
			p.X.Max = 1 - missFloor
		}
		if misses(p.X.Max)-misses(p.X.Min) < 0.3 {
			p.X.Min = max(0, 1-2*(1-p.X.Max))
		}
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
		p.Y.Min, p.Y.Max = logRange(bottom, top)
		return p, legend, nil
	}
	name := fmt.Sprintf("recall-%s", s.slug())
	if v != oneThread {
		name += fmt.Sprintf("-k%d-%s-%dt", v.k, v.mode, v.threads)
	}
	return figure{name: name, caption: title, draw: draw}, true
}

// clip drops the points left of a recall.
func clip(points plotter.XYs, least float64) plotter.XYs {
	var kept plotter.XYs
	for _, p := range points {
		if p.X >= least {
			kept = append(kept, p)
		}
	}
	return kept
}

// series is one line of a plot with logarithmic axes.
type series struct {
	peer, text string // text: in the legend
	xys        plotter.XYs
}

// logLog plots series over two logarithmic axes. xs are labelled on the x axis, all of them.
func logLog(name, title, x, y string, list []series, xs []float64) figure {
	return figure{name: name, caption: title, draw: func(t theme) (*plot.Plot, []entry, error) {
		p := newPlot(t, title, x, y)
		var legend []entry
		least, most := list[0].xys[0].Y, list[0].xys[0].Y
		for i := range list {
			s := list[len(list)-1-i]
			p.Add(&plotter.Line{XYs: s.xys, LineStyle: t.line(s.peer)},
				&plotter.Scatter{XYs: s.xys, GlyphStyle: t.glyph(s.peer)})
			legend = append(legend, entry{list[i].peer, list[i].text})
			for _, v := range s.xys {
				least, most = min(least, v.Y), max(most, v.Y)
			}
		}
		p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
		var ticks []plot.Tick
		for _, v := range xs {
			ticks = append(ticks, plot.Tick{Value: v, Label: tickLabel(v)})
		}
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(ticks), logTicks{}
		p.X.Min, p.X.Max = xs[0]/1.15, xs[len(xs)-1]*1.15
		p.Y.Min, p.Y.Max = logRange(least, most)
		return p, legend, nil
	}}
}

// buildFigure plots the build time by the number of threads, at equal M where a peer has one.
func (s *set) buildFigure() (figure, bool) {
	var list []series
	seen := map[float64]bool{}
	for _, g := range typical(s.groups()) {
		v := g.best(wall)
		if v <= 0 || g.threads <= 0 {
			continue
		}
		if len(list) == 0 || list[len(list)-1].peer != g.peer {
			list = append(list, series{peer: g.peer, text: displayName(g.peer)})
		}
		l := &list[len(list)-1]
		l.xys = append(l.xys, plotter.XY{X: float64(g.threads), Y: v})
		seen[float64(g.threads)] = true
	}
	if len(list) == 0 {
		return figure{}, false
	}
	return logLog("build-"+s.slug(), s.title()+": build time "+s.comparedAt(), "threads",
		"wall seconds (log scale; down is better)", list, sortedKeys(seen)), true
}

func sortedKeys(m map[float64]bool) []float64 {
	var list []float64
	for v := range m {
		list = append(list, v)
	}
	sort.Float64s(list)
	return list
}

// bar is one bar of the memory plot.
type bar struct {
	peer  string
	value float64
}

// memoryFigure plots the memory after the build, per vector, the least at the top.
func (s *set) memoryFigure() (figure, bool) {
	var bars []bar
	for _, g := range typical(s.groups()) {
		v := g.best(memory)
		if v <= 0 {
			continue
		}
		if n := len(bars); n > 0 && bars[n-1].peer == g.peer {
			bars[n-1].value = v // groups rise in threads: the most threads stay
			continue
		}
		bars = append(bars, bar{g.peer, v})
	}
	if len(bars) == 0 {
		return figure{}, false
	}
	sort.SliceStable(bars, func(i, j int) bool { return bars[i].value > bars[j].value })
	title := s.title() + ": memory after the build " + s.comparedAt()
	draw := func(t theme) (*plot.Plot, []entry, error) {
		p := newPlot(t, title, "resident bytes per vector (left is better; dashed: the vectors alone)", "")
		p.Y.Width, p.Y.Tick.Length = 0, 0
		names := make([]string, len(bars))
		for i, b := range bars {
			chart, err := plotter.NewBarChart(plotter.Values{b.value}, vg.Points(13))
			if err != nil {
				return nil, nil, err
			}
			chart.Horizontal, chart.XMin = true, float64(i)
			chart.Color, chart.LineStyle.Width = t.palette()[lookOf(b.peer).color], 0
			p.Add(chart)
			names[i] = displayName(b.peer)
		}
		if s.dim > 0 {
			raw := plotter.XYs{{X: 4 * float64(s.dim), Y: -0.6}, {X: 4 * float64(s.dim), Y: float64(len(bars)) - 0.4}}
			p.Add(&plotter.Line{XYs: raw, LineStyle: draw.LineStyle{Color: t.ink, Width: vg.Points(1.2),
				Dashes: []vg.Length{vg.Points(4), vg.Points(3)}}})
		}
		p.Add(barValues{bars, t})
		p.NominalY(names...)
		p.Y.Tick.Label.XAlign, p.Y.Tick.Label.YAlign = draw.XRight, draw.YCenter
		p.X.Tick.Marker = groupedTicks{}
		p.X.Min, p.X.Max = 0, bars[0].value*1.12
		p.X.Max = max(p.X.Max, 4.2*float64(s.dim))
		p.Y.Min, p.Y.Max = -0.6, float64(len(bars))-0.4
		return p, nil, nil
	}
	height := vg.Points(95 + 20*float64(len(bars)))
	return figure{name: "memory-" + s.slug(), caption: title, height: height, draw: draw}, true
}

// barValues writes the value of each bar at its end, on a ground that hides what crosses it.
type barValues struct {
	bars []bar
	t    theme
}

// Plot implements plot.Plotter.
func (v barValues) Plot(c draw.Canvas, p *plot.Plot) {
	style := p.X.Tick.Label
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	toX, toY := p.Transforms(&c)
	for i, b := range v.bars {
		text, at := figures(b.value), vg.Point{X: toX(b.value) + 4, Y: toY(float64(i)) + 1.5}
		width, half := style.Width(text), vg.Points(6.5)
		c.FillPolygon(v.t.page, []vg.Point{{X: at.X - 2, Y: at.Y - half}, {X: at.X + width + 2, Y: at.Y - half},
			{X: at.X + width + 2, Y: at.Y + half}, {X: at.X - 2, Y: at.Y + half}})
		c.FillText(style, at, text)
	}
}

// growthRecall is the recall at which the search time of different n is compared.
const growthRecall = 0.95

// alike leaves those of the subsets, by n, in which the subject was measured at the commit that it had in
// the largest: its costs at different ones do not compare. Of other peers there is one version.
func alike(sets []*set, peer string) []*set {
	if !isSubject(peer) {
		return sets
	}
	commit := func(s *set) string {
		for _, b := range s.builds {
			if b.Peer == peer {
				return s.commits[b.Run]
			}
		}
		return ""
	}
	last := ""
	for _, s := range sets {
		last = cmp.Or(commit(s), last)
	}
	return slices.DeleteFunc(slices.Clone(sets), func(s *set) bool { return commit(s) != last })
}

// growthOf follows the costs of each peer over the subsets of one data set: build time on the most
// threads that all subsets share, search time at growthRecall in µs, memory in MiB.
func growthOf(sets []*set) (build, search, mem []growthRow) {
	var names []string
	seen := map[string]bool{}
	for _, s := range sets {
		for _, peer := range s.peers() {
			if !seen[peer] {
				seen[peer] = true
				names = append(names, peer)
			}
		}
	}
	sort.Slice(names, func(i, j int) bool { return peerLess(names[i], names[j]) })
	for _, peer := range names {
		b, q, m := growthRow{peer: peer}, growthRow{peer: peer}, growthRow{peer: peer}
		sets := alike(sets, peer)
		threads := sharedThreads(sets, peer)
		for _, s := range sets {
			n := float64(s.n)
			for _, g := range typical(s.groups()) {
				if g.peer == peer && g.threads == threads {
					b.add(n, g.best(wall))
					m.add(n, g.best(memory)*n/(1<<20))
				}
			}
			points, _ := s.points(peer, oneThread, nil)
			if got := frontOf(points).at(growthRecall); got.ok && !got.least {
				q.add(n, 1e6/got.qps)
			}
		}
		for _, row := range []*growthRow{&b, &q, &m} {
			row.exponent, _, row.ok = growth(row.n, row.value)
		}
		build, search, mem = append(build, b), append(search, q), append(mem, m)
	}
	return build, search, mem
}

func (r *growthRow) add(n, value float64) {
	if value > 0 {
		r.n, r.value = append(r.n, n), append(r.value, value)
	}
}

// sharedThreads is the largest number of threads with which a peer was built on most subsets.
func sharedThreads(sets []*set, peer string) int {
	count := map[int]int{}
	for _, s := range sets {
		for _, g := range typical(s.groups()) {
			if g.peer == peer {
				count[g.threads]++
			}
		}
	}
	best := 0
	for threads, c := range count {
		if c > count[best] || c == count[best] && threads > best {
			best = threads
		}
	}
	return best
}

// growthFigure plots one cost over n.
func growthFigure(name, title, y string, rows []growthRow) (figure, bool) {
	var list []series
	seen := map[float64]bool{}
	for _, r := range rows {
		if !r.ok {
			continue
		}
		s := series{peer: r.peer, text: fmt.Sprintf("%s  n^%.2f", displayName(r.peer), r.exponent)}
		for i := range r.n {
			s.xys = append(s.xys, plotter.XY{X: r.n[i], Y: r.value[i]})
			seen[r.n[i]] = true
		}
		list = append(list, s)
	}
	if len(list) == 0 {
		return figure{}, false
	}
	return logLog(name, title, "n, vectors (log scale)", y, list, sortedKeys(seen)), true
}
