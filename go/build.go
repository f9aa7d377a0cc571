// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"fmt"
	"runtime"
)

// Build links the vectors that were added and not yet built into the graph, on several threads.
// Those added while it runs are left for the next build. Searches go on meanwhile. One build runs
// at a time on an index; a second one waits for its turn.
//
// The first build, and later ones when the index has grown fourfold or its codes no longer fit, train
// codes on a sample of the vectors (see [Navigation]). A build that adds a quarter to what is linked,
// 800 vectors at least, also measures which search gives which recall, on some of the new vectors
// before they are linked: so searches can be asked for recall.
//
// The same vectors, built with the same options, give the same graph, whatever the number of
// threads. Time grows as n log n.
//
// When ctx ends, Build returns its cause; when the index is closed, [ErrClosed]. A build that fails
// leaves the index as before.
func (x *Index) Build(ctx context.Context, o *BuildOptions) error {
	if o == nil {
		o = &BuildOptions{}
	}
	err := x.valid()
	if err == nil && (o.Threads < 0 || !fitInt32(o.Threads)) {
		err = fmt.Errorf("%w: Threads is %d", ErrOption, o.Threads)
	}
	if err == nil {
		ctx, stop := x.until(ctx)
		defer stop(nil)
		err = x.builds.do(ctx, func() error { return x.buildSteps(ctx, o) })
	}
	return wrap("build", err)
}

// maxThreads is C's N2_MAX_THREADS.
const maxThreads = 1024

// buildSteps makes a build. Between its steps the build rests in x.build, outside of any lane, from
// where Close ends it.
func (x *Index) buildSteps(ctx context.Context, o *BuildOptions) error {
	n, err := x.countVectors(o.Queries)
	if err != nil {
		return err
	}
	threads := o.Threads
	if threads == 0 {
		threads = min(runtime.GOMAXPROCS(0), maxThreads)
	}
	err = x.walks.do(ctx, func() (err error) {
		if x.build != nil {
			return ErrClosed // it is one that was left to Close
		}
		x.build, err = x.core.beginBuild(threads, o.Queries, n)
		return err
	})
	if err != nil {
		return err
	}
	// Also when Progress panics. If walks refuses, then because of Close, which ends the build.
	defer x.walks.do(x.closing, func() error {
		x.build.end()
		x.build = nil
		return nil
	})
	for {
		done, total, err := x.buildStep(ctx)
		if err != nil {
			return causeOf(ctx, err)
		}
		if o.Progress != nil {
			o.Progress(done, total)
		}
		if done == total {
			return nil
		}
	}
}

func (x *Index) buildStep(ctx context.Context) (done, total int, err error) {
	err = x.walks.do(ctx, func() (err error) {
		defer onEnd(ctx, x.build.cancel)()
		done, total, err = x.build.step()
		return err
	})
	return done, total, err
}

// onEnd calls f, in a goroutine of its own, when ctx ends before stop is called; stop waits for f
// if that has begun.
func onEnd(ctx context.Context, f func()) (stop func()) {
	called := make(chan struct{})
	unless := context.AfterFunc(ctx, func() {
		defer close(called)
		f()
	})
	return func() {
		if !unless() {
			<-called
		}
	}
}
