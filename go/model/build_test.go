// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"context"
	"errors"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// drawBuild chooses the options of a build.
func (m *machine) drawBuild(t *rapid.T) *n2.BuildOptions {
	o := &n2.BuildOptions{Threads: rapid.IntRange(0, 3).Draw(t, "Threads")}
	if rapid.IntRange(0, 4).Draw(t, "queries") == 0 {
		o.Queries = m.source.draw(t, rapid.IntRange(1, 500).Draw(t, "n"), "seed")
	}
	return o
}

func (m *machine) build(t *rapid.T) {
	must(t, m.x.Build(context.Background(), m.drawBuild(t)))
	m.checkBuilt(t)
}

// checkBuilt checks what holds after a build during which nothing changed. It may have missed some of
// the duplicates, which then have places of their own.
func (m *machine) checkBuilt(t *rapid.T) {
	s := m.x.Stats()
	if s.Pending != 0 || s.Dead != 0 || s.Duplicates > m.want.live-m.want.distinct() {
		t.Fatalf("built, with %d distinct vectors: %+v", m.want.distinct(), s)
	}
}

func (m *machine) compact(t *rapid.T) {
	must(t, m.x.Compact(context.Background(), m.drawBuild(t)))
	m.checkBuilt(t)
	if s := m.x.Stats(); s.Nodes != s.Len-s.Duplicates {
		t.Fatalf("compacted: %+v", s)
	}
	m.verify(t)
}

// changeWhileBuilding makes operations between the steps of a build or a compaction.
func (m *machine) changeWhileBuilding(t *rapid.T) {
	o := m.drawBuild(t)
	left := 30
	m.building = true
	defer func() { m.building = false }()
	o.Progress = func(done, total int) {
		for ; left > 0 && rapid.IntRange(0, 2).Draw(t, "again") > 0; left-- {
			switch rapid.IntRange(0, 11).Draw(t, "operation") {
			case 0:
				m.searchExact(t)
			case 1:
				m.search(t)
			case 2:
				m.updateMany(t)
			case 3:
				m.deleteMany(t)
			case 4:
				if !m.keyed {
					m.addBatch(t)
				}
			case 5:
				m.snapshot(t)
			case 6:
				m.searchIter(t)
			default:
				m.change(t)
			}
			m.check(t)
		}
	}
	if rapid.Bool().Draw(t, "compact") {
		must(t, m.x.Compact(context.Background(), o))
	} else {
		must(t, m.x.Build(context.Background(), o))
	}
	m.verify(t)
}

// snapshot checks what is written in the middle of a build.
func (m *machine) snapshot(t *rapid.T) {
	x, err := n2.Read(bytes.NewReader(m.bytes(t)), &n2.LoadOptions{Verify: true})
	must(t, err)
	m.compare(t, x)
	must(t, x.Close())
}

// cancelBuild cancels a build or a compaction after some steps. The index is as before, but that the
// dead may be out of the graph, or as built, where only memory was still to be given back.
func (m *machine) cancelBuild(t *rapid.T) {
	before, s := m.bytes(t), m.x.Stats()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	o, left := m.drawBuild(t), rapid.IntRange(0, 12).Draw(t, "steps")
	if left == 0 {
		cancel(cause)
	}
	o.Progress = func(done, total int) {
		if left--; left <= 0 {
			cancel(cause)
		}
	}
	var err error
	if rapid.Bool().Draw(t, "compact") {
		err = m.x.Compact(ctx, o)
	} else {
		err = m.x.Build(ctx, o)
	}
	if err == nil {
		m.checkBuilt(t)
		return
	}
	if !errors.Is(err, cause) {
		t.Fatalf("a cancelled build: %v", err)
	}
	after := m.x.Stats()
	switch {
	case after.Pending == 0 && after.Dead == 0: // as built
	case s.Dead > 0 && after.Pending == s.Pending:
	case bytes.Equal(before, m.bytes(t)):
	default:
		t.Fatalf("a cancelled build has changed the index: %+v, %+v", s, after)
	}
	m.verify(t)
}
