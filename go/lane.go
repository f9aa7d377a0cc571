// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"sync/atomic"
)

// A lane bounds how many calls of one kind are in C at the same time. Further ones wait here, in
// the order of their coming, as goroutines: one that waited in C would hold an operating system
// thread. Entering and leaving a lane that is not full are one atomic addition each.
type lane struct {
	places int64
	free   atomic.Int64  // places left; below zero, minus the number of those who wait
	turn   chan struct{} // gives a place to one who waits
}

func newLane(places int) *lane {
	l := &lane{places: int64(places), turn: make(chan struct{})}
	l.free.Store(l.places)
	return l
}

// enter takes a place, or returns the cause of ctx when that ends first.
func (l *lane) enter(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	default:
	}
	if l.free.Add(-1) >= 0 {
		return nil
	}
	select {
	case <-l.turn:
		return nil
	case <-ctx.Done():
	}
	// No longer wait, unless a leave has counted on somebody who waits: its turn must be taken.
	for n := l.free.Load(); n < 0; n = l.free.Load() {
		if l.free.CompareAndSwap(n, n+1) {
			return context.Cause(ctx)
		}
	}
	<-l.turn
	l.leave()
	return context.Cause(ctx)
}

// leave gives a place back.
func (l *lane) leave() {
	if l.free.Add(1) <= 0 {
		l.turn <- struct{}{}
	}
}

// do calls f in the lane, or returns the cause of ctx when that ends first.
func (l *lane) do(ctx context.Context, f func() error) error {
	if err := l.enter(ctx); err != nil {
		return err
	}
	defer l.leave()
	return f()
}

// drain takes all places, as those who have them leave, and keeps them for ever.
func (l *lane) drain() {
	for range l.places {
		_ = l.enter(context.Background()) // which never ends
	}
}
