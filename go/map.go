// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// A Key is what a [Map] knows a vector by: a string of up to 65,535 bytes, which may be any, or an
// integer.
type Key interface {
	~string | ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

// A Map is an [Index] whose vectors have keys. [NewMap], [LoadMap] and [ReadMap] make one; the zero
// Map is a closed one. Methods return the errors of those of Index of the same name, and may be called
// from any goroutine at any time.
//
// The keys are in C, with the vectors, and in the same file; nothing is made anew when it is loaded,
// and what is mapped stays mapped. An integer key takes 14 to 24 bytes: 8, and 6 to 16 of a table of
// hashes; a string takes its bytes beside. A key that is deleted gives back its part of the table.
//
// Every integer is saved as 64 bits, a signed one as two's complement, whatever K is. A Map that was
// saved with one type of integer can be loaded with another; a key that does not fit K is
// [ErrKeyType] when it is met.
type Map[K Key] struct {
	x *Index
}

// NewMap makes an empty map for vectors of dim coordinates. Options are those of [New].
func NewMap[K Key](dim int, o *Options) (*Map[K], error) {
	x, err := newKeyed(dim, o, kindOf[K]())
	if err != nil {
		return nil, err
	}
	return &Map[K]{x}, nil
}

// LoadMap opens the map that [Map.Save] wrote to path, as [Load] does. A file of an index without
// keys, or with keys of the other kind, strings or integers, is [ErrKeyType].
func LoadMap[K Key](path string, o *LoadOptions) (*Map[K], error) {
	x, err := Load(path, o)
	if err != nil {
		return nil, err
	}
	m, err := mapOf[K](x)
	return m, wrapPath("load", path, err)
}

// ReadMap makes a map of the bytes of its file, which it reads from r as [Read] does. Errors are those
// of Read and [LoadMap].
func ReadMap[K Key](r io.Reader, o *LoadOptions) (*Map[K], error) {
	x, err := Read(r, o)
	if err != nil {
		return nil, err
	}
	m, err := mapOf[K](x)
	return m, wrap("read", err)
}

// mapOf makes a map of an index that was loaded, or closes it.
func mapOf[K Key](x *Index) (*Map[K], error) {
	if want, kind := kindOf[K](), x.core.keys(); kind != want {
		_ = x.Close() // which cannot fail
		return nil, fmt.Errorf("%w: %v, not %v", ErrKeyType, kind, want)
	}
	return &Map[K]{x}, nil
}

// Index returns what the map stands on, for what Map has no method for: [Index.Stats], [Index.Compact],
// [Index.SearchExact] and others. [Map.ID] and [Map.Key] lead from keys to ids and back. It is closed
// with the map. [Index.Add] is [ErrOption] on it, since there is no vector without a key.
func (m *Map[K]) Index() *Index {
	if m == nil {
		return nil
	}
	return m.x
}

// Put makes a copy of v the vector of that key. If the key is new, or was deleted, the vector is added
// as [Index.Add] does, under an id of its own; else it replaces the key's vector as [Index.Update]
// does, and the id stays. A string of more than 65,535 bytes is [ErrOption]; other errors are those of
// Index.Add.
func (m *Map[K]) Put(key K, v []float32) error {
	x := m.Index()
	err := x.checkVector(v)
	if err == nil {
		err = m.putOne(rawOf(key), v)
	}
	return wrap("put", err)
}

// PutBatch puts several vectors, which stand in vs one after the other, under keys, all or none. Of
// those with the same key the last one stays. As many keys as vectors, or it is [ErrOption]. [ErrFull] tells
// that there may be too many, were all keys new.
func (m *Map[K]) PutBatch(keys []K, vs []float32) error {
	n, err := m.Index().countVectors(vs)
	if err == nil && n != len(keys) {
		err = fmt.Errorf("%w: %d keys, %d vectors", ErrOption, len(keys), n)
	}
	if err == nil {
		err = m.putAll(keys, vs)
	}
	return wrap("put", err)
}

func (m *Map[K]) putOne(key rawKey, v []float32) error {
	if err := key.check(); err != nil {
		return err
	}
	numbers, lengths := [1]uint64{key.number}, [1]uint32{uint32(len(key.text))}
	return m.putRaw(rawKeys{numbers: numbers[:], text: key.text, lengths: lengths[:]}, v)
}

func (m *Map[K]) putAll(keys []K, vs []float32) error {
	raw := rawKeys{make([]uint64, len(keys)), "", make([]uint32, len(keys))}
	var text strings.Builder
	for i := range keys {
		key := rawOf(keys[i])
		if err := key.check(); err != nil {
			return err
		}
		raw.numbers[i], raw.lengths[i] = key.number, uint32(len(key.text))
		text.WriteString(key.text)
	}
	raw.text = text.String()
	return m.putRaw(raw, vs)
}

func (m *Map[K]) putRaw(keys rawKeys, vs []float32) error {
	x := m.x
	return x.change(func() error {
		n, err := x.core.put(kindOf[K](), keys, vs)
		if err == nil {
			x.n.Store(int64(n))
		}
		return err
	})
}

// Get returns the vector of that key, as [Index.Vector] does, or [ErrNotFound].
func (m *Map[K]) Get(key K, dst []float32) ([]float32, error) {
	id, err := m.find(key)
	if err == nil {
		dst, err = m.x.vector(id, dst) // ErrNotFound if it was deleted meanwhile
	}
	if err != nil {
		return nil, wrap("get", err)
	}
	return dst, nil
}

// Has says whether there is a vector of that key; false for a closed map, which [Map.ID] tells apart.
func (m *Map[K]) Has(key K) bool {
	_, err := m.find(key)
	return err == nil
}

// ID returns the id of that key in the index below, which it has until it is deleted, or
// [ErrNotFound].
func (m *Map[K]) ID(key K) (uint32, error) {
	id, err := m.find(key)
	return id, wrap("id", err)
}

// find waits for puts as a goroutine, since C would have it wait for them.
func (m *Map[K]) find(key K) (id uint32, err error) {
	x := m.Index()
	if err := x.valid(); err != nil {
		return 0, err
	}
	raw := rawOf(key)
	err = x.adds.do(x.closing, func() (err error) {
		id, err = x.core.find(kindOf[K](), raw)
		return err
	})
	return id, err
}

// Key returns the key of that id, also of one that was deleted. One that was never given out is
// [ErrNotFound].
func (m *Map[K]) Key(id uint32) (key K, err error) {
	err = m.Index().valid()
	if err == nil {
		var match Match[K]
		match, err = m.match(Neighbor{ID: id})
		key = match.Key
	}
	return key, wrap("key", err)
}

// Delete deletes the vector of that key, as [Index.Delete] does. The key is free then: it gets a new
// id when it is put again.
func (m *Map[K]) Delete(key K) error {
	x := m.Index()
	err := x.valid()
	if err == nil {
		raw := rawOf(key)
		err = x.change(func() error {
			err := x.core.deleteKey(kindOf[K](), raw)
			if err == nil {
				x.n.Add(-1)
			}
			return err
		})
	}
	return wrap("delete", err)
}

// Len returns how many keys there are; 0 for a closed map.
func (m *Map[K]) Len() int { return m.Index().Len() }

// Build is [Index.Build].
func (m *Map[K]) Build(ctx context.Context, o *BuildOptions) error { return m.Index().Build(ctx, o) }

// Save is [Index.Save]; [LoadMap] opens the file.
func (m *Map[K]) Save(path string) error { return m.Index().Save(path) }

// WriteTo is [Index.WriteTo]; [ReadMap] reads what it writes.
func (m *Map[K]) WriteTo(w io.Writer) (int64, error) { return m.Index().WriteTo(w) }

// Close is [Index.Close].
func (m *Map[K]) Close() error { return m.Index().Close() }

// A keyKind is C's enum n2_keys_kind.
type keyKind int32

const (
	keysNone keyKind = iota
	keysU64
	keysBytes
)

// String says what keys are.
func (k keyKind) String() string {
	return [...]string{"no keys", "integers", "strings"}[k]
}

// maxKey is C's N2_MAX_KEY.
const maxKey = 65535

// A rawKey is one key for C, by its kind: the integer as 64 bits, or the string.
type rawKey struct {
	number uint64
	text   string
}

// rawKeys are several: the strings one behind the other, and their lengths.
type rawKeys struct {
	numbers []uint64
	text    string
	lengths []uint32
}

func (k rawKey) check() error {
	if len(k.text) > maxKey {
		return fmt.Errorf("%w: key of %d bytes", ErrOption, len(k.text))
	}
	return nil
}

func kindOf[K Key]() keyKind {
	if reflect.TypeFor[K]().Kind() == reflect.String {
		return keysBytes
	}
	return keysU64
}

func rawOf[K Key](key K) rawKey {
	v := reflect.ValueOf(key)
	switch {
	case v.CanInt():
		return rawKey{number: uint64(v.Int())}
	case v.CanUint():
		return rawKey{number: v.Uint()}
	}
	return rawKey{text: v.String()}
}

// setNumber is the reverse of rawOf, for integers.
func setNumber[K Key](key *K, number uint64) error {
	v := reflect.ValueOf(key).Elem()
	if v.CanInt() && !v.OverflowInt(int64(number)) {
		v.SetInt(int64(number))
		return nil
	}
	if v.CanUint() && !v.OverflowUint(number) {
		v.SetUint(number)
		return nil
	}
	return fmt.Errorf("%w: %d does not fit %v", ErrKeyType, int64(number), v.Type())
}
