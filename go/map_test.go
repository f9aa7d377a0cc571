// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

type (
	word   string
	number int16
)

// newMap makes a map that is closed when the test ends.
func newMap[K n2.Key](t testing.TB, dim int, o *n2.Options) *n2.Map[K] {
	t.Helper()
	m, err := n2.NewMap[K](dim, o)
	must(t, err)
	t.Cleanup(func() { m.Close() })
	return m
}

// loadMap saves a map and loads it as one of other keys, in one of several ways.
func loadMap[L, K n2.Key](t testing.TB, m *n2.Map[K], way int) *n2.Map[L] {
	t.Helper()
	var loaded *n2.Map[L]
	var err error
	if way%3 == 2 {
		var b bytes.Buffer
		_, err := m.WriteTo(&b)
		must(t, err)
		loaded, err = n2.ReadMap[L](&b, nil)
		must(t, err)
	} else {
		path := filepath.Join(t.TempDir(), "map.n2")
		must(t, m.Save(path))
		loaded, err = n2.LoadMap[L](path, &n2.LoadOptions{NoMap: way%3 == 1, Verify: true})
		must(t, err)
	}
	t.Cleanup(func() { loaded.Close() })
	return loaded
}

const mapDim = 5

// A model is what a map should hold.
type model[K n2.Key] map[K][]float32

func (want model[K]) check(t *testing.T, m *n2.Map[K], names []K) {
	t.Helper()
	if m.Len() != len(want) || m.Index().Stats().Len != len(want) {
		t.Fatalf("%d keys instead of %d", m.Len(), len(want))
	}
	for _, key := range names {
		v, err := m.Get(key, nil)
		id, err2 := m.ID(key)
		wanted, ok := want[key]
		if ok != (err == nil) || ok != m.Has(key) || ok != (err2 == nil) || !slices.Equal(v, wanted) {
			t.Fatalf("key %v: %v, %v, %v, %v, not %v", key, v, err, err2, m.Has(key), wanted)
		}
		if !ok {
			if !errors.Is(err, n2.ErrNotFound) || !errors.Is(err2, n2.ErrNotFound) {
				t.Fatalf("key %v: %v, %v", key, err, err2)
			}
			continue
		}
		if back, err := m.Key(id); err != nil || back != key {
			t.Fatalf("id %d of key %v has key %v, %v", id, key, back, err)
		}
		found, err := m.SearchByKey(key, 3, nil)
		if err != nil || len(found) != min(3, len(want)) || found[0].Distance != 0 {
			t.Fatalf("SearchByKey gives %v, %v", found, err)
		}
		for _, f := range found {
			if d := distance(n2.L2, v, want[f.Key]); math.Abs(d-float64(f.Distance)) > 1e-4*(1+d) {
				t.Fatalf("key %v is at %v, not %v", f.Key, f.Distance, d)
			}
		}
	}
}

// checkWalks compares what yields or finds many keys with what finds one.
func (want model[K]) checkWalks(t *testing.T, m *n2.Map[K]) {
	t.Helper()
	n := 0
	var qs []float32
	for key, v := range m.All() {
		if n++; !slices.Equal(v, want[key]) {
			t.Fatalf("key %v: %v, not %v", key, v, want[key])
		}
		if n <= 3 {
			qs = append(qs, v...)
		}
	}
	if n != len(want) {
		t.Fatalf("%d keys instead of %d", n, len(want))
	}
	batch, err := m.SearchBatch(t.Context(), qs, 4, nil)
	must(t, err)
	if len(batch) != len(qs)/mapDim {
		t.Fatalf("%d results of %d queries", len(batch), len(qs)/mapDim)
	}
	for i, found := range batch {
		q := qs[i*mapDim : (i+1)*mapDim]
		one, err := m.Search(q, 4, nil)
		must(t, err)
		if !slices.Equal(found, one) {
			t.Fatalf("SearchBatch finds %v, Search %v", found, one)
		}
		seen := map[K]bool{}
		for match, err := range m.SearchIter(q, nil) {
			must(t, err)
			if d := distance(n2.L2, q, want[match.Key]); math.Abs(d-float64(match.Distance)) > 1e-4*(1+d) {
				t.Fatalf("key %v is at %v, not %v", match.Key, match.Distance, d)
			}
			seen[match.Key] = true
		}
		if len(seen) != len(want) {
			t.Fatalf("SearchIter yields %d of %d keys", len(seen), len(want))
		}
	}
}

// testModel puts, changes, deletes, builds and loads at random.
func testModel[K n2.Key](t *testing.T, names []K) {
	r := rand.New(rand.NewPCG(7, uint64(len(names))))
	m, want := newMap[K](t, mapDim, &n2.Options{Metric: n2.L2, M: 4}), model[K]{}
	for round := range 25 {
		for range r.IntN(60) {
			key, v := names[r.IntN(len(names))], gauss(r.Uint64(), 1, mapDim)
			must(t, m.Put(key, v))
			want[key] = v
		}
		for range r.IntN(40) {
			key := names[r.IntN(len(names))]
			_, ok := want[key]
			if err := m.Delete(key); ok != (err == nil) || (!ok && !errors.Is(err, n2.ErrNotFound)) {
				t.Fatalf("Delete of %v gives %v", key, err)
			}
			delete(want, key)
		}
		var keys []K
		for range r.IntN(30) {
			keys = append(keys, names[r.IntN(len(names))])
		}
		vs := gauss(r.Uint64(), len(keys), mapDim)
		must(t, m.PutBatch(keys, vs))
		for i, key := range keys {
			want[key] = vs[i*mapDim : (i+1)*mapDim]
		}
		switch r.IntN(3) {
		case 0:
			must(t, m.Build(t.Context(), nil))
		case 1:
			must(t, m.Index().Compact(t.Context(), nil))
		}
		if r.IntN(3) == 0 {
			old := m
			m = loadMap[K](t, m, round)
			must(t, old.Close())
		}
		must(t, m.Index().Verify(t.Context()))
		want.check(t, m, names)
		want.checkWalks(t, m)
	}
}

func TestMapModel(t *testing.T) {
	var numbers []int64
	var small []number
	var words []string
	var named []word
	for i := range 200 {
		numbers = append(numbers, int64(i-100)<<(i%57))
		small = append(small, number(i*327-32768))
		words = append(words, strings.Repeat("länger ", i%40*i%13)+fmt.Sprint(i))
		named = append(named, word(bytes.Repeat([]byte{0}, i)))
	}
	slices.Sort(numbers)
	t.Run("int64", func(t *testing.T) { testModel(t, slices.Compact(numbers)) })
	t.Run("int16", func(t *testing.T) { testModel(t, small) })
	t.Run("uint8", func(t *testing.T) { testModel(t, []uint8{0, 1, 2, 127, 128, 255}) })
	t.Run("uint64", func(t *testing.T) { testModel(t, []uint64{0, 1 << 63, math.MaxUint64}) })
	t.Run("string", func(t *testing.T) { testModel(t, words) })
	t.Run("named string", func(t *testing.T) { testModel(t, named) })
}

func TestMapOfOtherKeys(t *testing.T) {
	ints, texts, plain := newMap[int](t, 1, nil), newMap[string](t, 1, nil), newIndex(t, 1, nil, nil)
	must(t, ints.Put(1, []float32{1}))
	must(t, texts.Put("one", []float32{1}))
	dir := t.TempDir()
	paths := map[string]func(string) error{"ints": ints.Save, "texts": texts.Save, "plain": plain.Save}
	for name, save := range paths {
		path := filepath.Join(dir, name)
		must(t, save(path))
		_, err := n2.LoadMap[uint32](path, nil)
		if (name == "ints") != (err == nil) || (err != nil && !errors.Is(err, n2.ErrKeyType)) {
			t.Errorf("%s as integers: %v", name, err)
		}
		_, err = n2.LoadMap[word](path, nil)
		if (name == "texts") != (err == nil) || (err != nil && !errors.Is(err, n2.ErrKeyType)) {
			t.Errorf("%s as strings: %v", name, err)
		}
		loadIndex(t, path, nil)
	}
	var e *n2.Error
	_, err := n2.LoadMap[int](filepath.Join(dir, "texts"), nil)
	if want := "keys are of another type: strings, not integers"; !errors.As(err, &e) || e.Op != "load" ||
		!strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v", err)
	}
	var b bytes.Buffer
	_, err = plain.WriteTo(&b)
	must(t, err)
	if _, err := n2.ReadMap[int](&b, nil); !errors.Is(err, n2.ErrKeyType) {
		t.Errorf("ReadMap gives %v", err)
	}
	if _, err := n2.LoadMap[int](filepath.Join(dir, "none"), nil); err == nil || errors.Is(err, n2.ErrKeyType) {
		t.Errorf("no file gives %v", err)
	}
}

// An integer of one type is met as one of another, if it fits.
func TestMapOfOtherIntegers(t *testing.T) {
	m := newMap[int64](t, 1, &n2.Options{Metric: n2.L2})
	for i, key := range []int64{5, 300, -1} {
		must(t, m.Put(key, []float32{float32(i)}))
	}
	for way := range 3 {
		narrow, unsigned := loadMap[int8](t, m, way), loadMap[uint64](t, m, way)
		if !narrow.Has(5) || !narrow.Has(-1) || narrow.Has(44) || !unsigned.Has(math.MaxUint64) {
			t.Error("keys are not those that were saved")
		}
		found, err := narrow.Search([]float32{0}, 1, nil)
		if err != nil || !slices.Equal(found, []n2.Match[int8]{{Key: 5}}) {
			t.Errorf("Search gives %v, %v", found, err)
		}
		if _, err := narrow.Search([]float32{0}, 2, nil); !errors.Is(err, n2.ErrKeyType) {
			t.Errorf("Search of what does not fit gives %v", err)
		}
		if _, err := narrow.SearchBatch(t.Context(), []float32{0, 1}, 3, nil); !errors.Is(err, n2.ErrKeyType) {
			t.Errorf("SearchBatch of what does not fit gives %v", err)
		}
		n, last := 0, error(nil)
		for _, last = range narrow.SearchIter([]float32{0}, nil) {
			n++
		}
		if n != 2 || !errors.Is(last, n2.ErrKeyType) {
			t.Errorf("SearchIter yields %d, at last %v", n, last)
		}
		var fit []int8
		for key := range narrow.All() {
			fit = append(fit, key)
		}
		if !slices.Equal(fit, []int8{5, -1}) {
			t.Errorf("All yields %v", fit)
		}
		if _, err := narrow.Key(1); !errors.Is(err, n2.ErrKeyType) {
			t.Errorf("Key of what does not fit gives %v", err)
		}
		if key, err := unsigned.Key(2); key != math.MaxUint64 || err != nil {
			t.Errorf("Key gives %v, %v", key, err)
		}
	}
}

func TestMapErrors(t *testing.T) {
	m := newMap[string](t, 2, nil)
	v := []float32{1, 2}
	must(t, m.Put("", v))
	must(t, m.PutBatch(nil, nil))
	long := strings.Repeat("x", 65536)
	must(t, m.Put(long[1:], v))
	for what, err := range map[error]error{
		n2.ErrDimension:  m.Put("a", v[:1]),
		n2.ErrZeroVector: m.Put("a", []float32{0, 0}),
		n2.ErrOption:     m.Put(long, v),
		n2.ErrNotFound:   m.Delete("a"),
		n2.ErrNotFinite:  m.PutBatch([]string{"a", "b"}, []float32{1, 2, 3, float32(math.NaN())}),
	} {
		if !errors.Is(err, what) {
			t.Errorf("%v instead of %v", err, what)
		}
	}
	_, byLong := m.Get(long, nil)
	_, bad := m.Search(v, 0, nil)
	_, added := m.Index().Add(v)
	_, noID := m.Key(2)
	for i, c := range []struct{ err, want error }{
		{byLong, n2.ErrNotFound}, {bad, n2.ErrOption}, {added, n2.ErrOption}, {noID, n2.ErrNotFound},
		{m.PutBatch([]string{"a"}, append(v, v...)), n2.ErrOption},
		{m.PutBatch([]string{"a", "b"}, append(v, 1)), n2.ErrDimension},
		{m.PutBatch([]string{"a", long}, append(v, v...)), n2.ErrOption},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("call %d: %v instead of %v", i, c.err, c.want)
		}
	}
	if m.Len() != 2 || m.Has("a") {
		t.Errorf("%d keys", m.Len())
	}
	_, err := n2.NewMap[int](0, nil)
	if !errors.Is(err, n2.ErrDimension) {
		t.Errorf("NewMap gives %v", err)
	}
	must(t, m.Close())
	var none *n2.Map[string]
	for _, m := range []*n2.Map[string]{m, {}, none} {
		_, get := m.Get("", nil)
		_, id := m.ID("")
		_, key := m.Key(0)
		_, search := m.Search(v, 1, nil)
		_, byKey := m.SearchByKey("", 1, nil)
		_, batch := m.SearchBatch(context.Background(), v, 1, nil)
		var walk error
		for _, walk = range m.SearchIter(v, nil) {
		}
		for key := range m.All() {
			t.Errorf("a closed map has key %q", key)
		}
		_, write := m.WriteTo(&bytes.Buffer{})
		for i, err := range []error{get, id, key, search, byKey, batch, walk, write, m.Put("", v), m.Delete(""),
			m.PutBatch([]string{""}, v), m.Build(context.Background(), nil), m.Save("x")} {
			if !errors.Is(err, n2.ErrClosed) {
				t.Errorf("call %d of a closed map gives %v", i, err)
			}
		}
		if m.Has("") || m.Len() != 0 || m.Close() != nil {
			t.Error("a closed map is not empty")
		}
	}
}

// Goroutines put, find and delete keys of their own and shared ones, while one builds and saves.
func TestMapConcurrently(t *testing.T) {
	const workers, rounds = 6, 150
	m := newMap[string](t, mapDim, &n2.Options{Metric: n2.L2, M: 4})
	vs := gauss(3, workers*rounds, mapDim)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range rounds {
				own, shared := fmt.Sprint(w, " ", i%40), fmt.Sprint("shared ", i%10)
				v := vs[(w*rounds+i)*mapDim:][:mapDim]
				if err := errors.Join(m.Put(own, v), m.Put(shared, v)); err != nil {
					t.Error(err)
				}
				if got, err := m.Get(own, nil); err != nil || !slices.Equal(got, v) {
					t.Errorf("%s: %v, %v", own, got, err)
				}
				found, err := m.Search(v, 5, nil)
				if err != nil || len(found) == 0 {
					t.Errorf("%v, %v", found, err)
				}
				for _, f := range found {
					if f.Key == "" {
						t.Error("a result without a key")
					}
				}
				if i%3 == 0 {
					if err := m.Delete(own); err != nil {
						t.Error(err)
					}
				}
				if err := m.Delete(shared); err != nil && !errors.Is(err, n2.ErrNotFound) {
					t.Error(err)
				}
			}
		}()
	}
	for way := range 6 {
		must(t, m.Build(t.Context(), nil))
		loadMap[string](t, m, way)
	}
	wait.Wait()
	must(t, m.Index().Verify(t.Context()))
	if s := m.Index().Stats(); s.Len != m.Len() || s.KeyBytes == 0 {
		t.Errorf("%d keys, %+v", m.Len(), s)
	}
}

// Whatever stands in a file, a map of it answers.
func TestRottenMap(t *testing.T) {
	const seed, n = 8, 100
	r := rand.New(rand.NewPCG(seed, 0))
	m := newMap[string](t, mapDim, nil)
	key := func(i int) string { return strings.Repeat("k", i%7) + fmt.Sprint(i) }
	for i := range n {
		must(t, m.Put(key(i), gauss(uint64(i), 1, mapDim)))
	}
	must(t, m.Build(t.Context(), nil))
	whole := saved(t, m.Index())
	for i := range 150 {
		b := bytes.Clone(whole)
		for range 1 + r.IntN(3) {
			s := section(b, r.IntN(100))
			s[r.IntN(len(s))] ^= byte(1 + r.IntN(255))
		}
		rotten, err := n2.LoadMap[string](written(t, b), nil)
		must(t, err)
		for i := range n {
			_, err1 := rotten.Get(key(i), nil)
			_, err2 := rotten.Key(uint32(i))
			_, err3 := rotten.SearchByKey(key(i), 5, nil)
			for _, err := range []error{err1, err2, err3} {
				if err != nil && !errors.Is(err, n2.ErrNotFound) && !errors.Is(err, n2.ErrCorrupt) {
					t.Fatalf("round %d, seed %d: %v", i, seed, err)
				}
			}
		}
		err1, err2 := rotten.Put(key(i%n), gauss(1, 1, mapDim)), rotten.Save(filepath.Join(t.TempDir(), "x"))
		if err1 != nil && !errors.Is(err1, n2.ErrCorrupt) || (!errors.Is(err2, n2.ErrCorrupt)) {
			t.Errorf("round %d, seed %d: Put gives %v, Save %v", i, seed, err1, err2)
		}
		must(t, rotten.Close())
	}
}
