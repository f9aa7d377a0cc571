// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/n2ann/n2/examples/benchmark/peer"
)

// Options say what a run measures.
type Options struct {
	Data      Data
	Peers     []peer.Spec // the reference among them, unless there is none
	Reference string      // its name; empty for none
	Out       string      // the result file, which is appended to
	Commit    string
	Scratch   string // a folder for indexes and ids; they are removed

	Ks           []int // how many neighbours are searched; the first is searched on all cores too
	Cores        int
	BuildThreads []int // the first is that of the index that is searched
	BuildRepeats int
	Repeats      int // how often each point is measured
	Tiers        int // how many parameter sets of each peer are built
	Points       int // how many points of each peer's sweep are searched; 0 is all
	Together     int // how many indexes are in memory at once; 0 is as many as fit
	Memory       int64
	Budget       time.Duration // how long one repeat of a point may take, beyond which it makes fewer searches

	BuildLimit  time.Duration // after which a build is ended
	SearchLimit time.Duration // and any other request

	Log      io.Writer // what adapters print
	Progress func(Progress)
	// Start starts a peer; nil is peer.Start.
	Start func(context.Context, peer.Spec, io.Writer) (Process, error)
}

// A Process is what a run needs of a *peer.Process.
type Process interface {
	Call(ctx context.Context, request, answer any, limit time.Duration) error
	Pin(cores []int) error
	Close()
}

// A Progress tells how far a run is.
type Progress struct {
	Done, Total int
	What        string
	Left        time.Duration // an estimate; negative while there is none
	Failure     string        // why something was not measured, when that has just turned out
}

// A runner is a run in progress.
type runner struct {
	*Options
	run     string
	done    map[string]bool
	refused map[string]bool // peers that cannot be started: not to be tried again
	judges  map[int]*Judge
	cores   []int
	machine Machine
	clock   clock
}

// Run measures what the options say and appends it to the result file, point by point. What the
// file holds for the same commit and parameters is not repeated. When ctx ends, Run does too, with
// its cause. A peer that fails is recorded as that, and is no error.
func Run(ctx context.Context, o *Options) error {
	r, end, err := newRunner(o)
	if err != nil {
		return err
	}
	defer end()
	for _, k := range o.Ks {
		j, err := NewJudge(ctx, o.Data, k)
		if err != nil {
			return err
		}
		defer j.Close()
		r.judges[k] = j
	}
	stages := schedule(o)
	for i := range stages {
		r.prune(&stages[i])
		r.clock.add(&stages[i], o.Repeats)
	}
	if r.clock.builds == 0 {
		return nil // all of it is in the file
	}
	if err := r.preflight(ctx, stages); err != nil {
		return err
	}
	for i := range stages {
		if err := r.stage(ctx, &stages[i]); err != nil {
			return err
		}
	}
	return nil
}

// newRunner makes a runner, with a folder for what it writes besides; end removes that.
func newRunner(o *Options) (r *runner, end func(), err error) {
	records, err := Read(o.Out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	own := *o // whose defaults are filled in
	r = &runner{
		Options: &own,
		run:     time.Now().UTC().Format("20060102T150405.000"),
		done:    o.done(records),
		refused: map[string]bool{},
		judges:  map[int]*Judge{},
		cores:   peer.Cores(),
	}
	if r.Start == nil {
		r.Start = func(ctx context.Context, s peer.Spec, log io.Writer) (Process, error) {
			return peer.Start(ctx, s, log)
		}
	}
	if r.Scratch, err = os.MkdirTemp(o.Scratch, "n2-benchmark-"); err != nil {
		return nil, nil, err
	}
	r.machine = ThisMachine(r.run)
	r.machine.Commit = o.Commit
	return r, func() { os.RemoveAll(r.Scratch) }, nil
}

// prune takes out what is done already, and members for which nothing is left to do.
func (r *runner) prune(s *stage) {
	for i := range s.points {
		p := &s.points[i]
		left := 0
		for _, e := range p.entries {
			if !r.done[r.searchKey(s.members[e.member], *p, e.search)] {
				left++
			}
		}
		if left == 0 {
			p.entries = nil
		}
		p.entries = slices.DeleteFunc(p.entries, func(e entry) bool {
			m := s.members[e.member]
			return !m.reference && r.done[r.searchKey(m, *p, e.search)]
		})
	}
	s.points = slices.DeleteFunc(s.points, func(p point) bool { return len(p.entries) == 0 })
	searched := map[int]bool{}
	for _, p := range s.points {
		for _, e := range p.entries {
			searched[e.member] = true
		}
	}
	s.builds = slices.DeleteFunc(s.builds, func(b build) bool {
		m := s.members[b.member]
		if !m.spec.Knows(r.Data.Metric) {
			return true
		}
		for _, threads := range []int{r.BuildThreads[0], b.threads} {
			if r.done[failedKey(r.Data.Name, r.Data.N, m.spec.Name, m.params, threads)] {
				return true
			}
		}
		return r.done[r.buildKey(m, b)] && !(b.keep && searched[b.member])
	})
}

// stage builds the indexes of a group and searches them.
func (r *runner) stage(ctx context.Context, s *stage) error {
	running := map[int]Process{}
	defer func() {
		for _, p := range running {
			p.Close()
		}
	}()
	failed := map[int]bool{} // what the first build of a member, on most threads, cannot do, others need not try
	for _, b := range s.builds {
		m := s.members[b.member]
		r.clock.begin(r.Progress, fmt.Sprintf("building %s, %s, %d threads", m.spec.Name, label(m.params), b.threads))
		if !r.refused[m.spec.Name] && !failed[b.member] {
			p, err := r.build(ctx, m, b)
			if err != nil {
				return err
			}
			if p != nil {
				running[b.member] = p
			}
			failed[b.member] = b.keep && p == nil
		}
		r.clock.built()
	}
	for _, p := range s.points {
		if err := r.point(ctx, s, p, running); err != nil {
			return err
		}
	}
	return nil
}

// failed records that a peer failed. It returns an error only when the run must end: because it
// was interrupted, which makes calls fail too, or because the result file cannot be written.
func (r *runner) failed(ctx context.Context, m member, threads int, stage string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f := &Failure{Run: r.run, Dataset: r.Data.Name, N: r.Data.N, Peer: m.spec.Name, Params: m.params,
		Threads: threads, Stage: stage, Reason: err.Error()}
	r.clock.failure(r.Progress, strings.TrimRight(f.Peer+" "+label(m.params), " ")+": "+stage+": "+f.Reason)
	return Append(r.Out, Record{Failure: f})
}

// preflight starts, and so installs, each peer that has something to do, and records the machine
// with their versions, then those that cannot be started.
func (r *runner) preflight(ctx context.Context, stages []stage) error {
	type refusal struct {
		m     member
		stage string
		err   error
	}
	var refusals []refusal
	asked := map[string]bool{}
	for _, s := range stages {
		for _, b := range s.builds {
			m := s.members[b.member]
			if asked[m.spec.Name] {
				continue
			}
			asked[m.spec.Name] = true
			r.clock.tell(r.Progress, "starting "+m.spec.Name, "")
			p, version, stage, err := r.begin(ctx, m)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				r.refused[m.spec.Name] = true
				refusals = append(refusals, refusal{m, stage, err})
				continue
			}
			p.Close()
			r.machine.Versions[m.spec.Name] = version
		}
	}
	if err := Append(r.Out, Record{Machine: &r.machine}); err != nil {
		return err
	}
	for _, f := range refusals {
		if err := r.failed(ctx, member{spec: f.m.spec}, 0, f.stage, f.err); err != nil {
			return err
		}
	}
	return nil
}

// begin starts a peer and asks its version. If it cannot, it names the stage that failed.
func (r *runner) begin(ctx context.Context, m member) (p Process, version, stage string, err error) {
	if p, err = r.Start(ctx, m.spec, r.Log); err != nil {
		return nil, "", "install", err
	}
	var hello struct{ Version string }
	err = p.Call(ctx, map[string]any{"op": "hello"}, &hello, r.SearchLimit)
	if err == nil && m.spec.Kind != "go" && hello.Version != m.spec.Version {
		err = fmt.Errorf("version %s instead of %s", hello.Version, m.spec.Version)
	}
	if err != nil {
		p.Close()
		return nil, "", "start", err
	}
	return p, hello.Version, "", nil
}

// bind restricts a peer to some cores, the last ones, which have the least else to do.
func (r *runner) bind(p Process, threads int) {
	n := min(threads, len(r.cores))
	if err := p.Pin(r.cores[len(r.cores)-n:]); err != nil {
		fmt.Fprintln(r.Log, "threads are not pinned:", err)
	}
}

// build makes an index and records what that took. It returns its process if the index is to be
// searched; nil otherwise, and if it failed.
func (r *runner) build(ctx context.Context, m member, b build) (Process, error) {
	p, version, stage, err := r.begin(ctx, m)
	if err != nil {
		return nil, r.failed(ctx, m, b.threads, stage, err)
	}
	r.bind(p, b.threads)
	record := &Build{Run: r.run, Dataset: r.Data.Name, N: r.Data.N, Dim: r.Data.Dim, Metric: r.Data.Metric,
		Peer: m.spec.Name, Version: version, Params: m.params, Threads: b.threads, Repeat: b.repeat}
	request := map[string]any{"op": "build", "base": r.Data.Base, "n": r.Data.N, "dim": r.Data.Dim,
		"metric": r.Data.Metric, "threads": b.threads, "params": m.params,
		"scratch": r.Scratch}
	var a Build // of which the peer fills in what it measured
	if err := p.Call(ctx, request, &a, r.BuildLimit); err != nil {
		p.Close()
		return nil, r.failed(ctx, m, b.threads, "build", err)
	}
	record.WallS, record.CPUS = a.WallS, a.CPUS
	record.RSSBefore, record.RSSRaw, record.RSSPeak, record.RSSAfter = a.RSSBefore, a.RSSRaw, a.RSSPeak, a.RSSAfter
	if b.keep && m.spec.CanSave && !r.done[r.buildKey(m, b)] {
		if err := r.files(ctx, m, p, record); err != nil {
			p.Close()
			return nil, err
		}
	}
	if !r.done[r.buildKey(m, b)] {
		r.done[r.buildKey(m, b)] = true
		if err := Append(r.Out, Record{Build: record}); err != nil {
			p.Close()
			return nil, err
		}
	}
	if !b.keep {
		p.Close()
		return nil, nil
	}
	if err := r.queries(ctx, p); err != nil {
		p.Close()
		return nil, r.failed(ctx, m, 0, "search", err)
	}
	return p, nil
}

// queries hands the queries to a peer.
func (r *runner) queries(ctx context.Context, p Process) error {
	request := map[string]any{"op": "queries", "path": r.Data.Queries, "n": r.Data.QueryCount, "dim": r.Data.Dim}
	return p.Call(ctx, request, nil, r.SearchLimit)
}

// files measures saving, loading, and the first searches after that.
func (r *runner) files(ctx context.Context, m member, p Process, record *Build) error {
	path := filepath.Join(r.Scratch, "index")
	defer func() {
		files, _ := filepath.Glob(path + "*")
		for _, f := range files {
			os.RemoveAll(f)
		}
	}()
	var saved struct {
		WallS float64 `json:"wall_s"`
		Bytes int64   `json:"bytes"`
	}
	if err := p.Call(ctx, map[string]any{"op": "save", "path": path}, &saved, r.SearchLimit); err != nil {
		return r.failed(ctx, m, 0, "save", err)
	}
	record.SaveS, record.FileBytes = saved.WallS, saved.Bytes
	for _, mapped := range []bool{false, true} {
		if mapped && !m.spec.CanMap || !mapped && m.spec.MapOnly {
			continue
		}
		load, first, err := r.load(ctx, m, path, mapped)
		if err != nil {
			if err := r.failed(ctx, m, 0, "load", err); err != nil {
				return err
			}
			continue
		}
		if mapped {
			record.LoadMappedS = load
		} else {
			record.LoadS = load
		}
		record.First1000S = first
	}
	return nil
}

// load loads an index in a new process and makes the first 1,000 searches in it.
func (r *runner) load(ctx context.Context, m member, path string, mapped bool) (load, first float64, err error) {
	p, _, _, err := r.begin(ctx, m)
	if err != nil {
		return 0, 0, err
	}
	defer p.Close()
	r.bind(p, 1)
	if err := r.queries(ctx, p); err != nil {
		return 0, 0, err
	}
	var answer struct {
		WallS float64 `json:"wall_s"`
	}
	request := map[string]any{"op": "load", "path": path, "mmap": mapped, "n": r.Data.N, "dim": r.Data.Dim,
		"metric": r.Data.Metric, "params": m.params}
	if err := p.Call(ctx, request, &answer, r.SearchLimit); err != nil {
		return 0, 0, err
	}
	list := m.spec.SearchParams
	found, err := r.search(ctx, p, point{k: r.Ks[0], mode: "single", threads: 1}, list[len(list)/2], 1000)
	return answer.WallS, found.WallS, err
}

// Peers says which of the specs can be measured with a metric, and which cannot.
func Peers(specs []peer.Spec, metric string) (can, cannot []peer.Spec) {
	for _, s := range specs {
		if s.Knows(metric) {
			can = append(can, s)
		} else {
			cannot = append(cannot, s)
		}
	}
	return can, cannot
}
