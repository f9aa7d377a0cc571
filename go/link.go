// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"runtime"
	"sync/atomic"
)

// mostAtATime is how many vectors are linked at once: a Build waits for as long as that takes on one
// thread.
const mostAtATime = 1 << 16

// retryAfter is after how many changes what failed is tried again.
const retryAfter = 1024

// linking bounds how many indexes of the process are linked at the same time: where each had a thread
// of its own, searches would wait for a processor among them.
var linking = newLane(max(1, runtime.GOMAXPROCS(0)/2))

// A linker links vectors as they come, for an index with AutoLink. There is a goroutine only while
// there is something to link, so that an index that is given up without Close holds none.
type linker struct {
	on      bool
	running atomic.Bool
	pass    atomic.Int64 // changes to let pass before the next attempt, after one that failed
}

// change makes a change of what the index holds, and has it linked when that is due.
func (x *Index) change(f func() error) error {
	due := 0
	err := x.adds.do(x.closing, func() error {
		err := f()
		if err == nil && x.linker.on {
			due = x.core.linkDue()
		}
		return err
	})
	if due > 0 && x.linker.pass.Add(-1) < 0 {
		x.wakeLinker()
	}
	return err
}

func (x *Index) wakeLinker() {
	if x.linker.running.CompareAndSwap(false, true) {
		go x.link()
	}
}

// link links until nothing is due.
func (x *Index) link() {
	for {
		due, err := x.linkSome()
		if err != nil {
			x.linker.pass.Store(retryAfter)
		}
		if err == nil && due > 0 {
			continue
		}
		x.linker.running.Store(false)
		// What became due just now may have counted on this goroutine.
		if err != nil || x.linkDue() == 0 || !x.linker.running.CompareAndSwap(false, true) {
			return
		}
	}
}

// linkSome links what is due, mostAtATime of it at most, and returns how many vectors were due.
func (x *Index) linkSome() (due int, err error) {
	err = x.builds.do(x.closing, func() error {
		if due = x.linkDue(); due == 0 {
			return nil
		}
		return x.buildSteps(x.closing, &BuildOptions{Threads: 1}, buildPart{most: min(due, mostAtATime)})
	})
	return due, err
}

// linkDue returns how many vectors it is time to link; none in a closed index.
func (x *Index) linkDue() (due int) {
	_ = x.reads.do(x.closing, func() error { // an error is ErrClosed
		due = x.core.linkDue()
		return nil
	})
	return due
}
