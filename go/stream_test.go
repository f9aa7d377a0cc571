// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	n2 "github.com/n2ann/n2/go"
)

var _ io.WriterTo = (*n2.Index)(nil)

// readIndex reads an index that is closed when the test ends.
func readIndex(t testing.TB, r io.Reader, o *n2.LoadOptions) *n2.Index {
	t.Helper()
	x, err := n2.Read(r, o)
	must(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// streamed returns what WriteTo writes.
func streamed(t testing.TB, x *n2.Index) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	must(t, err)
	if n != int64(b.Len()) {
		t.Errorf("WriteTo counts %d of %d bytes", n, b.Len())
	}
	return b.Bytes()
}

func TestStreamRoundTrip(t *testing.T) {
	const dim = 9
	for _, m := range metrics {
		for _, n := range [][2]int{{0, 0}, {0, 1}, {300, 0}, {300, 50}} { // built, pending
			x := builtIndex(t, dim, &n2.Options{Metric: m, M: 5, Seed: 9}, gauss(1, n[0], dim))
			_, err := x.AddBatch(gauss(2, n[1], dim))
			must(t, err)
			b := streamed(t, x)
			if !bytes.Equal(b, saved(t, x)) {
				t.Errorf("%v: WriteTo and Save write different bytes", n)
			}
			for _, o := range loadOptions {
				y := readIndex(t, bytes.NewReader(b), o)
				checkAlike(t, x, y)
				must(t, y.Verify(t.Context()))
				if y.Stats().MappedBytes != 0 {
					t.Errorf("%v: something is mapped", n)
				}
				if !bytes.Equal(streamed(t, y), b) {
					t.Errorf("%v, %+v: written again, the bytes are others", n, o)
				}
			}
		}
	}
}

// Every way to return bytes that a reader has.
func TestReadFromOddReaders(t *testing.T) {
	b := sample(t, n2.L2)
	for name, odd := range map[string]func(io.Reader) io.Reader{
		"OneByteReader": iotest.OneByteReader,
		"HalfReader":    iotest.HalfReader,
		"DataErrReader": iotest.DataErrReader,
	} {
		x := readIndex(t, odd(bytes.NewReader(b)), nil)
		if !bytes.Equal(saved(t, x), b) {
			t.Errorf("%s: other bytes", name)
		}
	}
	// An error that comes with the last byte comes too late.
	last := io.MultiReader(bytes.NewReader(b[:len(b)-1]), &lastByte{b: b[len(b)-1], err: io.ErrNoProgress})
	readIndex(t, last, nil)
}

// A lastByte returns a byte and an error at once.
type lastByte struct {
	b   byte
	err error
}

func (l *lastByte) Read(p []byte) (int, error) { p[0] = l.b; return 1, l.err }

// Two indexes and something else behind one another: each Read takes what is its own.
func TestReadOneAfterAnother(t *testing.T) {
	first, second := sample(t, n2.L2), sample(t, n2.Dot)
	const tail = "and more"
	all := bytes.Join([][]byte{first, second, []byte(tail)}, nil)
	for _, r := range []io.Reader{bytes.NewReader(all), iotest.HalfReader(bytes.NewReader(all))} {
		for i, want := range [][]byte{first, second} {
			if !bytes.Equal(saved(t, readIndex(t, r, nil)), want) {
				t.Errorf("index %d: other bytes", i)
			}
		}
		rest, err := io.ReadAll(r)
		must(t, err)
		if string(rest) != tail {
			t.Errorf("%d bytes are left, not %d", len(rest), len(tail))
		}
	}
}

func TestReadTooLittle(t *testing.T) {
	b := sample(t, n2.L2)
	lengths := []int{len(b) - 1, len(b) - 52, len(b) - 53}
	for n := range 1000 { // the header and a little more
		lengths = append(lengths, n)
	}
	for n := 65536; n < len(b); n += 65536 {
		lengths = append(lengths, n-1, n, n+1)
	}
	cause := errors.New("cause")
	for _, n := range lengths {
		want := n2.ErrTruncated
		if n < 8 {
			want = n2.ErrFormat // not even the mark of an N2 file
		}
		for r, want := range map[io.Reader]error{
			bytes.NewReader(b[:n]):                                             want,
			iotest.DataErrReader(bytes.NewReader(b[:n])):                       want,
			io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(cause)):    cause,
			iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(b[:n]))): iotest.ErrTimeout,
		} {
			if n < 2 && want == iotest.ErrTimeout {
				continue // which comes with the second read
			}
			x, err := n2.Read(r, nil)
			var e *n2.Error
			if x != nil || !errors.Is(err, want) || !errors.As(err, &e) || e.Op != "read" {
				t.Errorf("the first %d of %d bytes: %v, not %v", n, len(b), err, want)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	b := sample(t, n2.L2)
	change := func(at int, seals bool) []byte {
		changed := bytes.Clone(b)
		changed[at] ^= 0x40
		if seals {
			seal(changed)
		}
		return changed
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"text":            {[]byte(strings.Repeat("This is no index. ", 100)), n2.ErrFormat},
		"nothing":         {nil, n2.ErrFormat},
		"newer":           {change(versionAt, true), n2.ErrVersion},
		"damaged header":  {change(nSectionsAt, false), n2.ErrCorrupt},
		"damaged payload": {change(65536, false), n2.ErrCorrupt},
		"damaged trailer": {change(len(b)-1, false), n2.ErrCorrupt},
	} {
		x, err := n2.Read(bytes.NewReader(c.b), nil)
		if x != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", name, err, c.want)
		}
	}
}

// readerFunc is a reader.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A reader that gives neither bytes nor an error, for ever.
func TestReadWithoutProgress(t *testing.T) {
	b := sample(t, n2.L2)
	for _, n := range []int{0, 100, len(b) - 1} {
		nothing := readerFunc(func([]byte) (int, error) { return 0, nil })
		if _, err := n2.Read(io.MultiReader(bytes.NewReader(b[:n]), nothing), nil); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// writerFunc is a writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Whatever a writer does, the index is free for others afterwards.
func TestWriteToFailingWriter(t *testing.T) {
	const dim = 100
	x := builtIndex(t, dim, nil, gauss(3, 5000, dim)) // some pieces
	want := saved(t, x)
	cause := errors.New("cause")
	for _, room := range []int{0, 1, 1 << 20, 1<<20 + 1, len(want) - 1} {
		got := 0
		n, err := x.WriteTo(writerFunc(func(p []byte) (int, error) {
			m := min(room-got, len(p))
			got += m
			if m < len(p) {
				return m, cause
			}
			return m, nil
		}))
		var e *n2.Error
		if !errors.Is(err, cause) || !errors.As(err, &e) || e.Op != "write" || n != int64(room) {
			t.Errorf("room for %d bytes: %d, %v", room, n, err)
		}
	}
	n, err := x.WriteTo(writerFunc(func(p []byte) (int, error) { return len(p) / 2, nil }))
	if !errors.Is(err, io.ErrShortWrite) || n != 1<<19 {
		t.Errorf("half a write: %d, %v", n, err)
	}
	func() {
		defer func() { _ = recover() }()
		x.WriteTo(writerFunc(func(p []byte) (int, error) { panic("a writer") }))
	}()
	if !bytes.Equal(streamed(t, x), want) {
		t.Error("other bytes")
	}
	must(t, x.Build(t.Context(), nil))
}

// What is written is the index as it was, and others use it meanwhile; only a build waits.
func TestWriteToIsASnapshot(t *testing.T) {
	const dim, n = 20, 2000
	vs := gauss(4, n, dim)
	x := builtIndex(t, dim, nil, vs[:n/2*dim])
	want := saved(t, x)
	built := make(chan error, 1)
	r, w := io.Pipe()
	go func() {
		_, err := x.WriteTo(w)
		w.CloseWithError(err)
	}()
	head := make([]byte, 1)
	_, err := io.ReadFull(r, head) // it has begun
	must(t, err)
	go func() { built <- x.Build(t.Context(), nil) }()
	for i := n / 2; i < n; i++ {
		id, err := x.Add(vs[i*dim : (i+1)*dim])
		must(t, err)
		found, err := x.SearchByID(id, 1, nil)
		must(t, err)
		if found[0].ID != id {
			t.Fatalf("vector %d is found as %v", id, found)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Build(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Build gives %v", err)
	}
	select {
	case err := <-built:
		t.Errorf("Build has not waited: %v", err)
	default:
	}
	rest, err := io.ReadAll(r)
	must(t, err)
	if !bytes.Equal(append(head, rest...), want) {
		t.Error("what was added is among the bytes")
	}
	must(t, <-built)
	must(t, x.Verify(t.Context()))
}

// Close does not wait for a writer that waits.
func TestCloseDuringWriteTo(t *testing.T) {
	vs := gauss(5, 300, 8)
	for round := range 4 {
		x := builtIndex(t, 8, nil, vs)
		entered, closed := make(chan struct{}), make(chan struct{})
		done := make(chan error)
		go func() {
			_, err := x.WriteTo(writerFunc(func(p []byte) (int, error) {
				if round == 0 {
					must(t, x.Close()) // from within
				}
				close(entered)
				<-closed
				return len(p), nil
			}))
			done <- err
		}()
		<-entered
		if round > 1 { // somebody waits
			go func() { done <- x.Build(t.Context(), nil) }()
		}
		must(t, x.Close())
		close(closed)
		for range 1 + round/2 {
			if err := <-done; !errors.Is(err, n2.ErrClosed) {
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
	for _, x := range []*n2.Index{nil, {}} {
		if n, err := x.WriteTo(io.Discard); n != 0 || !errors.Is(err, n2.ErrClosed) {
			t.Errorf("a zero index: %d, %v", n, err)
		}
	}
}
