// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A tally counts operations, and what searches of each name found of what there was to find.
type tally struct {
	lock       sync.Mutex
	operations int
	found      map[string][2]int
}

func newTally() *tally { return &tally{found: map[string][2]int{}} }

func (a *tally) count() {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.operations++
}

func (a *tally) record(name string, hits, most int) {
	a.lock.Lock()
	defer a.lock.Unlock()
	f := a.found[name]
	a.found[name] = [2]int{f[0] + hits, f[1] + most}
}

// leastRecall is what searches find that are asked for nothing.
const leastRecall = 0.95

// report logs the recall of all kinds of searches, and fails the test where those at default options
// found too little in graphs that are not poor.
func (a *tally) report(t *testing.T) {
	a.lock.Lock()
	defer a.lock.Unlock()
	var lines []string
	for name, f := range a.found {
		share := float64(f[0]) / float64(f[1])
		lines = append(lines, fmt.Sprintf("%-36s %.4f of %d", name, share, f[1]))
		if strings.HasPrefix(name, "default") && !strings.HasSuffix(name, "poor graph") && share < leastRecall {
			t.Errorf("recall of %s is %.4f", name, share)
		}
	}
	slices.Sort(lines)
	t.Logf("%d operations; recall:\n%s", a.operations, strings.Join(lines, "\n"))
}
