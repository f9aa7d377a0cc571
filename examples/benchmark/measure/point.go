// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/n2ann/n2/examples/benchmark/peer"
)

// judged is how many searches precede a point, the same ones whatever the peer: they fill caches, tell
// how long it will take, and are those whose recall counts.
const judged = 1000

// minQueries is how many searches a repeat makes at least, however slow they are.
const minQueries = 200

// A found is the answer to a search.
type found struct {
	WallS     float64   `json:"wall_s"`
	Latencies []float64 `json:"latencies_us"`
	Count     int       `json:"count"`
	ids       []int32
}

func (f *found) qps() float64 { return float64(f.Count) / f.WallS }

// A turn is what is known about one member at one point.
type turn struct {
	entry
	limit   int
	best    found
	qps     []float64
	verdict Verdict
	more    *More
	failed  bool
}

// point has the members search in turns and records each one's best, beside the reference's.
func (r *runner) point(ctx context.Context, s *stage, p point, running map[int]Process) error {
	var turns []*turn
	for _, e := range p.entries {
		if running[e.member] != nil {
			turns = append(turns, &turn{entry: e})
		}
	}
	what := fmt.Sprintf("searching k=%d %s %d threads", p.k, p.mode, p.threads)
	for round := -1; round < r.Repeats; round++ { // the first one warms up
		for i := range turns {
			t := turns[(i+max(round, 0))%len(turns)] // another begins each time
			if t.failed {
				continue
			}
			m := s.members[t.member]
			r.clock.begin(r.Progress, what+": "+m.spec.Name+" "+label(t.search))
			if err := r.turn(ctx, m, p, t, running, round); err != nil {
				return err
			}
		}
	}
	r.clock.searched(len(p.entries) * (r.Repeats + 1))
	var reference *Reference
	for _, t := range turns {
		if m := s.members[t.member]; m.reference && !t.failed && len(t.qps) > 0 {
			reference = &Reference{Peer: r.Reference, Params: m.params, Search: t.search, QPS: t.best.qps()}
		}
	}
	for _, t := range turns {
		m := s.members[t.member]
		key := r.searchKey(m, p, t.search)
		if t.failed || r.done[key] {
			continue
		}
		r.done[key] = true
		if err := Append(r.Out, Record{Search: r.result(m, p, t, reference)}); err != nil {
			return err
		}
	}
	return nil
}

// turn has one member search once. In round -1 it only warms up.
func (r *runner) turn(ctx context.Context, m member, p point, t *turn, running map[int]Process, round int) error {
	process := running[t.member]
	if process == nil {
		t.failed = true
		return nil
	}
	r.bind(process, p.threads)
	limit := t.limit
	if round < 0 {
		limit = min(judged, r.Data.QueryCount)
	}
	f, err := r.search(ctx, process, p, t.search, limit)
	var v Verdict
	if err == nil && round <= 0 {
		v, err = r.judges[p.k].Judge(f.ids, p.k)
	}
	if err != nil {
		t.failed = true
		var e *peer.Error
		if errors.As(err, &e) && e.Fatal {
			process.Close()
			delete(running, t.member)
		}
		return r.failed(ctx, m, 0, "search", fmt.Errorf("k=%d, %s, %s: %w", p.k, label(t.search), p.mode, err))
	}
	if round < 0 {
		t.verdict = v
		t.limit = int(min(f.qps()*r.Budget.Seconds(), float64(r.Data.QueryCount)))
		t.limit = min(max(t.limit, minQueries), r.Data.QueryCount)
		return nil
	}
	t.qps = append(t.qps, f.qps())
	if round == 0 || f.qps() > t.best.qps() {
		t.best = f
	}
	if round == 0 && f.Count > judged {
		t.more = &More{Judged: f.Count, Recall: v.Recall, RecallDistance: v.RecallDistance}
	}
	if round == 0 && v.Missing > 0 {
		return r.failed(ctx, m, 0, "search", fmt.Errorf("k=%d, %s, %s: fewer than k for %d of %d queries, %d ids missing",
			p.k, label(t.search), p.mode, v.Short, f.Count, v.Missing))
	}
	return nil
}

// search makes the first limit searches.
func (r *runner) search(ctx context.Context, p Process, at point, params map[string]any, limit int) (found, error) {
	limit = min(limit, r.Data.QueryCount)
	out := filepath.Join(r.Scratch, "ids")
	request := map[string]any{"op": "search", "k": at.k, "params": params, "mode": at.mode,
		"threads": at.threads, "limit": limit, "out": out}
	var f found
	if err := p.Call(ctx, request, &f, r.SearchLimit); err != nil {
		return f, err
	}
	if f.Count != limit {
		return f, fmt.Errorf("results for %d queries instead of %d", f.Count, limit)
	}
	if !(f.WallS > 0) {
		return f, fmt.Errorf("wall_s is %v", f.WallS)
	}
	var err error
	f.ids, err = readIDs(out, f.Count, at.k)
	return f, err
}

// result sums up the turns.
func (r *runner) result(m member, p point, t *turn, reference *Reference) *Search {
	sorted := slices.Sorted(slices.Values(t.qps))
	n := len(sorted)
	median := (sorted[(n-1)/2] + sorted[n/2]) / 2
	s := &Search{Run: r.run, Dataset: r.Data.Name, N: r.Data.N, Peer: m.spec.Name, Params: m.params,
		Search: t.search, K: p.k, Mode: p.mode, Threads: p.threads, QPS: sorted[n-1],
		QPSSpread: (sorted[n-1] - sorted[0]) / median, Repeats: n,
		Recall: t.verdict.Recall, RecallDistance: t.verdict.RecallDistance, Judged: min(judged, r.Data.QueryCount),
		More: t.more, Reference: reference}
	if l := t.best.Latencies; len(l) == 3 {
		s.P50, s.P95, s.P99 = l[0], l[1], l[2]
	}
	return s
}

// label writes parameters as "M=16 efConstruction=200", sorted by name.
func label(params map[string]any) string {
	var words []string
	for name, value := range params {
		words = append(words, fmt.Sprintf("%s=%v", name, value))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// A clock counts what is done and estimates what is left, builds and searches apart.
type clock struct {
	builds, searches         int // all
	buildsDone, searchesDone int
	buildTime, searchTime    time.Duration
	mark                     time.Time
}

func (c *clock) add(s *stage, repeats int) {
	c.builds += len(s.builds)
	for _, p := range s.points {
		c.searches += len(p.entries) * (repeats + 1)
	}
}

func (c *clock) progress() Progress {
	p := Progress{Done: c.buildsDone + c.searchesDone, Total: c.builds + c.searches, Left: -1}
	left := func(done, all int, spent time.Duration) (time.Duration, bool) {
		if done == 0 {
			return 0, all == 0
		}
		return spent / time.Duration(done) * time.Duration(all-done), true
	}
	b, ok1 := left(c.buildsDone, c.builds, c.buildTime)
	s, ok2 := left(c.searchesDone, c.searches, c.searchTime)
	if ok1 && ok2 {
		p.Left = b + s
	}
	return p
}

func (c *clock) begin(report func(Progress), what string) {
	if c.mark.IsZero() {
		c.mark = time.Now()
	}
	c.tell(report, what, "")
}

func (c *clock) failure(report func(Progress), why string) { c.tell(report, "", why) }

func (c *clock) tell(report func(Progress), what, failure string) {
	if report != nil {
		p := c.progress()
		p.What, p.Failure = what, failure
		report(p)
	}
}

// lap returns the time since the last one.
func (c *clock) lap() time.Duration {
	now := time.Now()
	d := now.Sub(c.mark)
	c.mark = now
	return d
}

func (c *clock) built() {
	c.buildsDone++
	c.buildTime += c.lap()
}

func (c *clock) searched(n int) {
	c.searchesDone += n
	c.searchTime += c.lap()
}
