// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"fmt"
	"runtime"
)

// Build links the vectors that were added and not yet built into the graph, on several threads, and
// takes those out that were deleted or replaced; when more than 1,024 places and an eighth of all are
// theirs it gives their memory back, as [Index.Compact] does. What changes while it runs is left for the next build. Searches
// go on meanwhile. One build runs at a time on an index; a second one waits for its turn.
//
// The first build, and later ones when the index has grown fourfold or its codes no longer fit, train
// codes on a sample of the vectors (see [Navigation]). A build of many vectors (200 of 400 or more,
// 1,600 from 20,000 vectors on, 4,000 from a million), after which a quarter of all have come or gone
// since, also measures which search gives which recall, on some of the new vectors before they are
// linked: so searches can be asked for recall.
//
// The same vectors, built with the same options, give the same graph, whatever the number of
// threads. Time grows as n log n.
//
// When ctx ends, Build returns its cause; when the index is closed, [ErrClosed]. Other errors are
// [ErrOption] (Threads), [ErrDimension], [ErrNotFinite], [ErrZeroVector] or [ErrMagnitude] (Queries),
// [ErrNoMemory], [ErrFull], and [ErrCorrupt] where the index comes from a file that does not match its
// checksums. A build that fails leaves the index as before, but for what was deleted or replaced, which
// it may have taken out of the graph; searches wait while it puts back what it had changed. One that fails
// while it gives memory back has linked all.
func (x *Index) Build(ctx context.Context, o *BuildOptions) error {
	return wrap("build", x.runBuild(ctx, o, buildPart{}))
}

// Compact makes a [Index.Build], and then gives back the memory of vectors that were deleted or
// replaced, a mapped file included: it copies what is left to new memory, if anything was. Ids stay
// as they are, and none is given out again. Searches and changes go on meanwhile; changes wait once,
// for some milliseconds for each million vectors. While it copies there is up to twice the memory. A file
// is not made smaller: [Index.Save] writes a smaller one. Errors are those of Build; after one while it
// copies the index is as built.
func (x *Index) Compact(ctx context.Context, o *BuildOptions) error {
	return wrap("compact", x.runBuild(ctx, o, buildPart{compact: true}))
}

// A buildPart says what a build does.
type buildPart struct {
	compact bool
	most    int // if not 0: how many pending vectors it links, leaving out what looks at the whole graph
}

func (x *Index) runBuild(ctx context.Context, o *BuildOptions, part buildPart) error {
	if o == nil {
		o = &BuildOptions{}
	}
	if err := x.valid(); err != nil {
		return err
	}
	if o.Threads < 0 || !fitInt32(o.Threads) {
		return fmt.Errorf("%w: Threads is %d", ErrOption, o.Threads)
	}
	if _, err := x.countVectors(o.Queries); err != nil {
		return err
	}
	ctx, stop := x.until(ctx)
	defer stop(nil)
	return x.builds.do(ctx, func() error { return x.buildSteps(ctx, o, part) })
}

// maxThreads is C's N2_MAX_THREADS.
const maxThreads = 1024

// buildSteps makes a build. Between its steps the build rests in x.build, outside of any lane, from
// where Close ends it.
func (x *Index) buildSteps(ctx context.Context, o *BuildOptions, part buildPart) error {
	threads := o.Threads
	if threads == 0 {
		threads = min(runtime.GOMAXPROCS(0), maxThreads)
	}
	err := x.walks.do(ctx, func() (err error) {
		if x.build != nil {
			return ErrClosed // it is one that was left to Close
		}
		x.build, err = x.core.beginBuild(threads, o.Queries, len(o.Queries)/x.dim, part)
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
		done, total, err := x.buildStep(ctx, part)
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

func (x *Index) buildStep(ctx context.Context, part buildPart) (done, total int, err error) {
	step := func() (err error) {
		defer onEnd(ctx, x.build.cancel)()
		done, total, err = x.build.step()
		return err
	}
	err = x.walks.do(ctx, func() error {
		if part.most > 0 { // in this order: who waits for a WriteTo keeps no other index from linking
			return linking.do(ctx, step)
		}
		return step()
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
