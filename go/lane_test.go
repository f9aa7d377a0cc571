// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLaneBoundsThoseInside(t *testing.T) {
	const places, goroutines, rounds = 3, 50, 200
	l := newLane(places)
	var inside, most atomic.Int64
	var all sync.WaitGroup
	for range goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			for range rounds {
				_ = l.do(t.Context(), func() error {
					n := inside.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					inside.Add(-1)
					return nil
				})
			}
		}()
	}
	all.Wait()
	if most.Load() > places {
		t.Errorf("%d goroutines were in a lane of %d places", most.Load(), places)
	}
	if l.free.Load() != places {
		t.Errorf("%d places are free in the end, not %d", l.free.Load(), places)
	}
}

func TestLaneRefusesWhenContextEnds(t *testing.T) {
	cause := errors.New("cause")
	l := newLane(1)
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := l.enter(ctx); err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	for range 10 {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			if err := l.enter(ctx); err != cause {
				t.Errorf("a goroutine that waits gets %v", err)
			}
		}()
	}
	for l.free.Load() > -10 { // until all have come
		runtime.Gosched()
	}
	cancel(cause)
	waiting.Wait()
	l.leave()
	if err := l.enter(ctx); err != cause {
		t.Errorf("a free lane gives %v after the end of the context", err)
	}
	if l.free.Load() != 1 {
		t.Errorf("%d places are free in the end, not 1", l.free.Load())
	}
}

// Places are given and contexts are ended at the same time: none may be lost or made.
func TestLaneLosesNoPlace(t *testing.T) {
	const places = 2
	l := newLane(places)
	var all sync.WaitGroup
	for i := range 20 {
		all.Add(1)
		go func() {
			defer all.Done()
			for j := range 500 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%2 == 0 {
					go cancel()
				}
				_ = l.do(ctx, func() error { return nil })
				cancel()
			}
		}()
	}
	all.Wait()
	if l.free.Load() != places {
		t.Errorf("%d places are free in the end, not %d", l.free.Load(), places)
	}
	l.drain()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.enter(ctx); err == nil {
		t.Error("a drained lane lets somebody in")
	}
}
