// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// A machine is an index and what it should hold. Its methods are operations on both.
type machine struct {
	x       *n2.Index
	want    contents
	options n2.Options
	source  *source
	most    int // vectors that there may be
	keyed   bool
	// building is set between the steps of a build, when counts may be on their way.
	building bool
	dir      string
	files    int // that were saved
	*tally
	// reopen puts an index that was read or loaded in the place of x.
	reopen func(t *rapid.T, saved []byte, path string, o *n2.LoadOptions)
}

// sizes are how many vectors there may be. Searches at default options scan small indexes; large ones
// take their time.
var sizes = []int{300, 10, 60, 300, 300, 1000, 1000, 1000, 3000, 6000}

// drawOptions chooses options other than the metric, among them such as make poor graphs.
func drawOptions(t *rapid.T, metric n2.Metric) n2.Options {
	r := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
	o := n2.Options{Metric: metric, Store: n2.Storage(r("Store", 0, 3))}
	if rapid.Bool().Draw(t, "default options") {
		return o
	}
	o.M = r("M", 2, 20)
	o.MaxM0 = max(0, r("MaxM0", -20, 30)+o.M)
	if o.MaxM0 < o.M {
		o.MaxM0 = 0
	}
	o.EfConstruction = r("EfConstruction", 0, 100)
	o.LevelMultiplier = float64(r("LevelMultiplier", 0, 2)) * 0.4
	o.Selection = n2.Selection(r("Selection", 0, 3))
	o.Merging = n2.Merging(r("Merging", 0, 2))
	o.Navigation = n2.Navigation(r("Navigation", 0, 3))
	o.Sketch = n2.Sketch(r("Sketch", 0, 3))
	o.Seed = uint64(r("Seed", 0, 9))
	return o
}

// fair says whether the options make graphs in which searches find what they promise.
func fair(o n2.Options) bool {
	return (o.M == 0 || o.M >= 12) && (o.EfConstruction == 0 || o.EfConstruction >= 50) &&
		o.Selection != n2.Naive && (o.MaxM0 == 0 || o.MaxM0 >= 2*o.M) && o.LevelMultiplier == 0
}

func newMachine(t *rapid.T, outer *testing.T, metric n2.Metric, all *tally) *machine {
	m := &machine{
		options: drawOptions(t, metric),
		most:    rapid.SampledFrom(sizes).Draw(t, "most"),
		dir:     outer.TempDir(),
		tally:   all,
	}
	m.want = contents{metric: metric, dim: rapid.IntRange(2, 24).Draw(t, "dim")}
	m.source = newSource(t, m.want.dim, metric != n2.Angular)
	return m
}

// open makes an empty index.
func (m *machine) open(t *rapid.T) {
	x, err := n2.New(m.want.dim, &m.options)
	must(t, err)
	m.x = x
	m.reopen = func(t *rapid.T, saved []byte, path string, o *n2.LoadOptions) {
		var x *n2.Index
		var err error
		if path != "" {
			x, err = n2.Load(path, o)
		} else {
			x, err = n2.Read(bytes.NewReader(saved), o)
		}
		must(t, err)
		m.replace(t, x)
	}
	m.addBatch(t)
}

// replace closes the index and goes on with another.
func (m *machine) replace(t *rapid.T, x *n2.Index) {
	old := m.x
	m.x = x
	must(t, old.Close())
	if _, err := old.Search(make([]float32, m.want.dim), 1, nil); !errors.Is(err, n2.ErrClosed) {
		t.Fatalf("a search of a closed index: %v", err)
	}
}

// check is what holds after each operation.
func (m *machine) check(t *rapid.T) {
	m.count()
	s, c := m.x.Stats(), &m.want
	if m.x.Len() != c.live || s.Len != c.live || s.Deleted != c.ids()-c.live || s.Pending > s.Len ||
		s.Dead > s.Nodes || s.Duplicates+s.Pending > s.Len && !m.building {
		t.Fatalf("%d vectors, %d deleted: %d, %+v", c.live, c.ids()-c.live, m.x.Len(), s)
	}
	if s.Dim != c.dim || s.Metric != c.metric || m.options.Store != 0 && s.Store != m.options.Store {
		t.Fatalf("of another kind: %+v", s)
	}
}

// verify compares all that there is, and has the library check itself.
func (m *machine) verify(t *rapid.T) {
	m.compare(t, m.x)
	if err := m.x.Verify(context.Background()); err != nil {
		t.Fatalf("%v; %+v", err, m.x.Stats())
	}
}

// compare compares all vectors of an index with those that there should be.
func (m *machine) compare(t *rapid.T, x *n2.Index) {
	var ids []uint32
	for id, v := range x.All() {
		if !m.want.has(id) || !slices.Equal(v, m.want.vector(id)) {
			t.Fatalf("id %d is %v", id, v)
		}
		ids = append(ids, id)
	}
	if want := m.want.list(); !slices.Equal(ids, want) {
		t.Fatalf("ids are %v, not %v", ids, want)
	}
}

// bytes are those of a file.
func (m *machine) bytes(t *rapid.T) []byte {
	var b bytes.Buffer
	n, err := m.x.WriteTo(&b)
	must(t, err)
	if n != int64(b.Len()) {
		t.Fatalf("WriteTo returned %d after %d bytes", n, b.Len())
	}
	return b.Bytes()
}

// must fails the test on an error.
func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// table gives each operation a name and, by having it more often, a weight.
type table map[string]func(*rapid.T)

func (a table) put(name string, weight int, operation func(*rapid.T)) {
	for i := range weight {
		a[fmt.Sprintf("%s %d", name, i)] = operation
	}
}
