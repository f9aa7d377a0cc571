// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/n2ann/n2/examples/benchmark/workload"
)

// LiveOptions say what is measured of indexes in use. Of Options it takes those that are not about
// points.
type LiveOptions struct {
	Options
	Workloads  []string // some of Workloads
	Workers    int      // threads that search and change the index; the process has as many cores
	Operations int      // of a mixed workload
	Rounds     int      // of churn, each of which replaces all vectors
	K          int
	Target     float64 // recall on the index as it is built, at which peers are compared
	Params     map[string]any
}

// Workloads are those there are, in the order in which they are measured.
var Workloads = []string{"mixed-95-5", "mixed-50-50", "churn", "build"}

// shares are those of adds in the mixed workloads.
var shares = map[string]float64{"mixed-95-5": 0.05, "mixed-50-50": 0.5}

const (
	// sliceCount is into how many slices a workload is cut.
	sliceCount = 60
	// idleCalls is how many calls that do nothing each worker makes.
	idleCalls = 5000
	// buildFirst is how many vectors peers have that add one by one, when a build begins beside searches:
	// some find nothing in an index of fewer than k.
	buildFirst = 1000
	// liveSeed is that of all plans.
	liveSeed = 1
)

// A liveRunner measures indexes in use.
type liveRunner struct {
	*runner
	o      *LiveOptions
	truths truths
	chosen map[string]choice // by peer
}

// A choice is how a peer is asked, and the recall that gives on the index as it was built.
type choice struct {
	search map[string]any
	recall float64
}

// Live measures what the options say and appends it to the result file, with [Run]'s rules.
func Live(ctx context.Context, o *LiveOptions) error {
	r, end, err := newRunner(&o.Options)
	if err != nil {
		return err
	}
	defer end()
	l := &liveRunner{runner: r, o: o, truths: truths{data: o.Data, k: o.K}, chosen: map[string]choice{}}
	defer l.truths.close()
	s := stage{}
	for i, spec := range o.Peers {
		s.members = append(s.members, member{spec: spec, params: o.Params})
		for range o.Workloads {
			s.builds = append(s.builds, build{member: i})
		}
	}
	left := false
	for _, m := range s.members {
		for _, w := range o.Workloads {
			left = left || !r.done[l.key(m, w)]
		}
	}
	if !left {
		return nil
	}
	r.clock.add(&s, 0)
	if err := r.preflight(ctx, []stage{s}); err != nil {
		return err
	}
	for _, w := range o.Workloads {
		for _, m := range s.members { // one after the other, so that a slow hour hits all
			if err := l.measure(ctx, m, w); err != nil {
				return err
			}
			r.clock.built()
		}
	}
	return nil
}

func (l *liveRunner) key(m member, name string) string {
	return liveKey(l.Data.Name, l.Data.N, m.spec.Name, m.params, l.o.K, name, l.o.Workers, l.size(name))
}

// size is how much of a workload there is: operations of a mixed one, rounds of churn.
func (l *liveRunner) size(name string) int {
	if _, mixed := shares[name]; mixed {
		return l.o.Operations
	}
	if name == "churn" {
		return l.o.Rounds
	}
	return 1
}

// measure makes one workload with one peer, unless that is done, and records it.
func (l *liveRunner) measure(ctx context.Context, m member, name string) error {
	if l.refused[m.spec.Name] || l.done[l.key(m, name)] {
		return nil
	}
	l.clock.begin(l.Progress, name+": "+m.spec.Name)
	record := &LiveRun{Run: l.run, Dataset: l.Data.Name, N: l.Data.N, Dim: l.Data.Dim, Metric: l.Data.Metric,
		Peer: m.spec.Name, Params: m.params, Workload: name, Workers: l.o.Workers, Size: l.size(name), K: l.o.K}
	var err error
	if name == "build" {
		err = l.besideBuild(ctx, m, record)
	} else {
		err = l.changes(ctx, m, record)
	}
	if err != nil {
		return l.failed(ctx, m, 0, "live "+name, err)
	}
	l.done[l.key(m, name)] = true
	return Append(l.Out, Record{Live: record})
}

// A session is a peer's process with an index in use.
type session struct {
	Process
	before int64 // resident bytes before there was anything
	model  *workload.Model
}

// changes builds an index of the first half of the vectors and works on it.
func (l *liveRunner) changes(ctx context.Context, m member, record *LiveRun) error {
	model := workload.NewModel(l.Data.N / 2)
	share, mixed := shares[record.Workload]
	plan := func(round int) workload.Plan {
		e := workload.Extent{Rows: l.Data.N, Queries: l.Data.QueryCount, Workers: l.o.Workers, Seed: liveSeed + uint64(round)}
		if mixed {
			return model.Mixed(l.o.Operations, share, e)
		}
		return model.Replace(e)
	}
	capacity, rounds := model.Len(), l.o.Rounds
	if mixed {
		capacity, rounds = l.Data.N, 1
	}
	s, err := l.half(ctx, m, model, capacity, record)
	if err != nil {
		return err
	}
	defer s.Close()
	idle, err := l.work(ctx, s, workload.Idle(idleCalls, l.o.Workers), record)
	if err != nil {
		return err
	}
	record.Nothing = latencies(idle.timings, idle.WallS)[workload.Nothing.String()]
	record.Memory = idle.memory
	var all liveAnswer
	for round := range rounds {
		l.clock.tell(l.Progress, fmt.Sprintf("%s: %s, round %d of %d", record.Workload, m.spec.Name, round+1, rounds), "")
		a, err := l.work(ctx, s, plan(round), record)
		if err != nil {
			return err
		}
		if err := l.round(ctx, s, a, record); err != nil {
			return err
		}
		all.append(a)
	}
	record.sum(all)
	return nil
}

// round records what was done, and what the index is like afterwards.
func (l *liveRunner) round(ctx context.Context, s *session, a liveAnswer, record *LiveRun) error {
	recall, err := l.recall(ctx, s, record.Search)
	record.Rounds = append(record.Rounds, Round{WallS: a.WallS, Len: s.model.Len(), Recall: recall, Memory: a.memory,
		Operations: latencies(a.timings, a.WallS)})
	return err
}

// open starts a peer and hands it the queries.
func (l *liveRunner) open(ctx context.Context, m member, record *LiveRun) (Process, error) {
	p, version, stage, err := l.begin(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stage, err)
	}
	record.Version = version
	l.bind(p, l.o.Workers)
	if err := l.queries(ctx, p); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// half has a peer build an index of what the model says, and chooses how it is asked, once.
func (l *liveRunner) half(ctx context.Context, m member, model *workload.Model, capacity int, record *LiveRun) (
	s *session, err error) {

	p, err := l.open(ctx, m, record)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	var a Build
	request := map[string]any{"op": "build", "base": l.Data.Base, "n": model.Len(), "dim": l.Data.Dim, "metric": l.Data.Metric,
		"threads": l.o.Workers, "params": m.params, "scratch": l.Scratch, "capacity": capacity}
	if err := p.Call(ctx, request, &a, l.BuildLimit); err != nil {
		return nil, err
	}
	s = &session{Process: p, before: a.RSSBefore, model: model}
	c, known := l.chosen[m.spec.Name]
	if known { // of the same ef, as threads do not build the same twice
		c.recall, err = l.recall(ctx, s, c.search)
	} else {
		c, err = l.choose(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	l.chosen[m.spec.Name] = c
	record.Search, record.Start, record.Recall = c.search, model.Len(), c.recall
	return s, nil
}

// mostEf bounds the search for the recall that is asked for.
const mostEf = 4096

// choose finds the smallest ef that gives the recall.
func (l *liveRunner) choose(ctx context.Context, s *session) (choice, error) {
	ask := func(ef int) (choice, error) {
		search := map[string]any{"ef": ef}
		recall, err := l.recall(ctx, s, search)
		return choice{search, recall}, err
	}
	low, high := l.o.K-1, l.o.K // low finds too few, high enough
	best, err := ask(high)
	for err == nil && best.recall < l.o.Target {
		if high >= mostEf {
			return best, fmt.Errorf("recall %.3f at ef %d, not %.3f", best.recall, high, l.o.Target)
		}
		low, high = high, 2*high
		best, err = ask(high)
	}
	for err == nil && high-low > 1 {
		middle := (low + high) / 2
		var c choice
		if c, err = ask(middle); c.recall >= l.o.Target {
			high, best = middle, c
		} else {
			low = middle
		}
	}
	return best, err
}

// recall makes all searches, when nothing changes, and compares with what lives.
func (l *liveRunner) recall(ctx context.Context, s *session, search map[string]any) (float64, error) {
	found, err := l.search(ctx, s, point{k: l.o.K, mode: "single", threads: 1}, search, l.Data.QueryCount)
	if err != nil {
		return 0, err
	}
	rows, err := rowsOf(s.model, found.ids)
	if err != nil {
		return 0, err
	}
	j, err := l.truths.among(ctx, s.model.Rows())
	if err != nil {
		return 0, err
	}
	v, err := j.Judge(rows, l.o.K)
	return max(v.Recall, v.RecallDistance), err
}

// rowsOf turns keys into the rows that live under them.
func rowsOf(model *workload.Model, keys []int32) ([]int32, error) {
	rows := make([]int32, len(keys))
	for i, key := range keys {
		row, ok := model.Row(key)
		switch {
		case key == -1:
			row = -1
		case !ok:
			return nil, fmt.Errorf("wrong ids: %d was deleted, or never added", key)
		}
		rows[i] = row
	}
	return rows, nil
}

// besideBuild searches while an index of all vectors is built, by the ef that was chosen on half of them.
func (l *liveRunner) besideBuild(ctx context.Context, m member, record *LiveRun) error {
	if _, known := l.chosen[m.spec.Name]; !known {
		s, err := l.half(ctx, m, workload.NewModel(l.Data.N/2), 0, &LiveRun{})
		if err != nil {
			return err
		}
		s.Close()
	}
	record.Search = l.chosen[m.spec.Name].search
	p, err := l.open(ctx, m, record)
	if err != nil {
		return err
	}
	s := &session{Process: p, model: workload.NewModel(l.Data.N)}
	defer s.Close()
	first := min(buildFirst, l.Data.N)
	a, err := l.call(ctx, s, map[string]any{"op": "live build", "base": l.Data.Base, "n": l.Data.N, "dim": l.Data.Dim,
		"metric": l.Data.Metric, "build": m.params, "first": first, "capacity": l.Data.N, "k": l.o.K,
		"params": record.Search, "threads": l.o.Workers})
	if err != nil {
		return err
	}
	record.sum(a)
	return l.round(ctx, s, a, record)
}

// A liveAnswer is what a peer says of work that was done. Memory is that of the index.
type liveAnswer struct {
	WallS     float64 `json:"wall_s"`
	Extra     int64   `json:"extra"` // resident bytes that are not the index's, while the workers work
	Kept      int64   `json:"kept"`  // and afterwards
	RSSBefore int64   `json:"rss_before"`
	RSSAfter  int64   `json:"rss_after"`
	memory    int64
	timings   []workload.Timing
	samples   []workload.Sample
}

// sum records what was done in all.
func (v *LiveRun) sum(all liveAnswer) {
	v.Operations = latencies(all.timings, all.WallS)
	v.Slices = cut(all.timings, all.samples, all.WallS, sliceCount)
}

// append puts what was done next behind what was done so far.
func (a *liveAnswer) append(next liveAnswer) {
	shift := int64(a.WallS * 1e9)
	for _, t := range next.timings {
		t.Start, t.End = t.Start+shift, t.End+shift
		a.timings = append(a.timings, t)
	}
	for _, s := range next.samples {
		s.At += shift
		a.samples = append(a.samples, s)
	}
	a.WallS += next.WallS
}

// work has a peer make a plan.
func (l *liveRunner) work(ctx context.Context, s *session, plan workload.Plan, record *LiveRun) (liveAnswer, error) {
	path := filepath.Join(l.Scratch, "plan")
	if err := plan.Write(path); err != nil {
		return liveAnswer{}, err
	}
	return l.call(ctx, s, map[string]any{"op": "live", "plan": path, "base": l.Data.Base, "n": l.Data.N, "k": l.o.K,
		"params": record.Search, "keys": s.model.Keys()})
}

// call has a peer work and reads what it saw of that.
func (l *liveRunner) call(ctx context.Context, s *session, request map[string]any) (liveAnswer, error) {
	out := filepath.Join(l.Scratch, "timings")
	request["out"] = out
	a := liveAnswer{}
	if err := s.Call(ctx, request, &a, l.BuildLimit); err != nil {
		return a, err
	}
	if !(a.WallS > 0) {
		return a, fmt.Errorf("wall_s is %v", a.WallS)
	}
	before := s.before
	if a.RSSBefore > 0 {
		before = a.RSSBefore
	}
	if a.RSSAfter > 0 { // else it is unknown on this system
		a.memory = max(a.RSSAfter-a.Kept-before, 0)
	}
	var err1, err2 error
	a.timings, err1 = workload.ReadTimings(out)
	a.samples, err2 = workload.ReadSamples(out + ".memory")
	for i := range a.samples {
		a.samples[i].Bytes = max(a.samples[i].Bytes-a.Extra-before, 0)
	}
	return a, errors.Join(err1, err2)
}
