// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
	"unsafe"

	"github.com/n2ann/n2/examples/benchmark/workload"
)

// A liveEngine is one whose index may change while it is searched. Its methods are called by
// several workers at the same time.
type liveEngine interface {
	engine
	// expectChanges is called before the build of an index that will change.
	expectChanges()
	// open is called before each plan, with the number of workers and that of all keys so far. Keys
	// of what was built are the numbers of its rows. It returns how many bytes are taken by what no
	// user of the index would need.
	open(workers, keys int) (bytes int)
	// find searches, for one of the workers, as prepare said.
	find(worker int, query []float32) error
	// add adds a vector under a key that is new.
	add(key int32, v []float32) error
	remove(key int32) error
	// nothing is a call of the index that does as little as one can.
	nothing()
	// begin makes an index to be searched while the function it returns, which is called once, builds it.
	begin(base []float32, dim int, metric string, params map[string]float64) (build func() error, err error)
}

var (
	errNotLive   = errors.New("no search while the index changes")
	errNoQueries = errors.New("no queries, or no worker to search for them")
)

// sampleEvery is how often the resident memory is looked at while workers work.
const sampleEvery = 50 * time.Millisecond

// live makes the operations of a plan.
func (s *server) live(r *request, answer map[string]any) error {
	e, ok := s.engine.(liveEngine)
	if !ok {
		return errNotLive
	}
	if len(s.queries) == 0 {
		return errNoQueries
	}
	if len(s.base) != r.N*s.dim {
		var err error
		if s.base, err = readFloats(r.Base, r.N*s.dim); err != nil {
			return err
		}
	}
	plan, err := workload.Read(r.Plan)
	if err != nil {
		return err
	}
	if err := e.prepare(r.K, len(plan), r.Params); err != nil {
		return err
	}
	kept := 4*len(s.base) + e.open(len(plan), r.Keys)
	w := newWorkers(len(plan))
	for i := range plan {
		kept += int(unsafe.Sizeof(workload.Operation{})) * len(plan[i])
		w.timings[i] = make([]workload.Timing, len(plan[i]))
		for j := range w.timings[i] {
			w.timings[i][j].Kind = -1 // so that its memory is there when it is needed
		}
		w.timings[i] = w.timings[i][:0]
	}
	err = w.run(func(i int) error {
		for _, o := range plan[i] {
			if err := w.do(i, o.Kind, func() error { return s.operation(e, i, o) }); err != nil {
				return err
			}
		}
		return nil
	})
	err = w.finish(r, answer, err, kept)
	runtime.KeepAlive(plan)
	return err
}

func (s *server) operation(e liveEngine, worker int, o workload.Operation) error {
	row := int(o.Row) * s.dim
	switch o.Kind {
	case workload.Search:
		return e.find(worker, s.queries[row:row+s.dim])
	case workload.Add:
		return e.add(o.Key, s.base[row:row+s.dim])
	case workload.Delete:
		return e.remove(o.Key)
	}
	e.nothing()
	return nil
}

// liveBuild has one worker build an index of all vectors, and the others search it until it is built.
func (s *server) liveBuild(r *request, answer map[string]any) error {
	s.fresh()
	e, ok := s.engine.(liveEngine)
	if !ok {
		return errNotLive
	}
	if len(s.queries) == 0 || r.Threads < 2 {
		return errNoQueries
	}
	answer["rss_before"] = statusBytes("VmRSS")
	base, err := readFloats(r.Base, r.N*r.Dim)
	if err != nil {
		return err
	}
	build, err := e.begin(base, r.Dim, r.Metric, r.Build)
	if err != nil {
		return err
	}
	base = nil // for the collector to see
	debug.FreeOSMemory()
	if err := e.prepare(r.K, r.Threads, r.Params); err != nil {
		return err
	}
	kept := e.open(r.Threads, r.N)
	w := newWorkers(r.Threads)
	built := make(chan struct{})
	err = w.run(func(i int) error {
		if i == 0 {
			defer close(built)
			return w.do(i, workload.Build, build)
		}
		for q := i * s.dim; ; q = (q + s.dim) % len(s.queries) {
			select {
			case <-built:
				return nil
			default:
			}
			if err := w.do(i, workload.Search, func() error { return e.find(i, s.queries[q:q+s.dim]) }); err != nil {
				return err
			}
		}
	})
	return w.finish(r, answer, err, kept)
}

// workers are what works on an index, and what was seen of it.
type workers struct {
	start   time.Time
	wall    time.Duration
	timings [][]workload.Timing // by worker
	samples []workload.Sample
}

func newWorkers(n int) *workers {
	runtime.GOMAXPROCS(n)
	runtime.GC()
	return &workers{timings: make([][]workload.Timing, n)}
}

// run has all workers work, and looks at the memory meanwhile. It returns the first error.
func (w *workers) run(work func(worker int) error) error {
	errs := make([]error, len(w.timings))
	var group, sampler sync.WaitGroup
	done := make(chan struct{})
	w.start = time.Now()
	sampler.Add(1)
	go func() {
		defer sampler.Done()
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			w.samples = append(w.samples, workload.Sample{At: int64(time.Since(w.start)), Bytes: statusBytes("VmRSS")})
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	for i := range errs {
		group.Add(1)
		go func() {
			defer group.Done()
			errs[i] = work(i)
		}()
	}
	group.Wait()
	w.wall = time.Since(w.start)
	close(done)
	sampler.Wait()
	return errors.Join(errs...)
}

// do makes one operation and notes when.
func (w *workers) do(worker int, kind workload.Kind, operation func() error) error {
	start := time.Since(w.start)
	err := operation()
	end := time.Since(w.start)
	w.timings[worker] = append(w.timings[worker], workload.Timing{Kind: int64(kind), Start: int64(start), End: int64(end)})
	return err
}

// finish writes what was seen. kept is how much of the memory is not the index's, its own left out.
func (w *workers) finish(r *request, answer map[string]any, err error, kept int) error {
	if err != nil {
		return err
	}
	answer["wall_s"], answer["kept"] = w.wall.Seconds(), kept
	for _, list := range w.timings {
		kept += int(unsafe.Sizeof(workload.Timing{})) * cap(list)
	}
	answer["extra"] = kept
	err = errors.Join(workload.WriteTimings(r.Out, w.timings), workload.WriteSamples(r.Out+".memory", w.samples))
	w.timings = nil
	debug.FreeOSMemory()
	answer["rss_after"] = statusBytes("VmRSS")
	return err
}
