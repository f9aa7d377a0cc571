// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func write(t *testing.T, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadVocabulary(t *testing.T) {
	for _, text := range []string{"the\nof\nto\n", "the\nof\nto", "the\r\nof\r\nto\r\n"} {
		v, err := ReadVocabulary(write(t, []byte(text)))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if !slices.Equal(v.words, []string{"the", "of", "to"}) {
			t.Errorf("%q is read as %q", text, v.words)
		}
		if id, ok := v.ID("To"); id != 2 || !ok {
			t.Errorf("%q: id of To is %d, %v", text, id, ok)
		}
		if _, ok := v.ID("x"); ok {
			t.Errorf("%q has x", text)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"", "no words"},
		{"the\n\nof\n", "line 2 is empty"},
		{"the\nof\nthe\n", `line 3 repeats "the" of line 1`},
	} {
		if _, err := ReadVocabulary(write(t, []byte(c.text))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.text, err, c.want)
		}
	}
	if _, err := ReadVocabulary(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
}

func TestSimilar(t *testing.T) {
	v := vocabularyOf("france frances dance trance finance")
	for _, c := range []struct {
		word string
		n    int
		want []string
	}{
		{"frnace", 2, []string{"france", "frances"}}, // one edit; two, as trance
		{"Francee", 1, []string{"france"}},
		{"x", 5, nil},
		{"", 5, nil},
	} {
		if got := v.Similar(c.word, c.n); !slices.Equal(got, c.want) {
			t.Errorf("similar to %q: %q, want %q", c.word, got, c.want)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"king", "king", 0}, {"king", "kings", 1},
		{"king", "ring", 1}, {"king", "ikng", 1}, {"kitten", "sitting", 3}, {"für", "fur", 1},
	} {
		if got := edits(c.a, c.b, 9); got != c.want {
			t.Errorf("%q to %q: %d edits, want %d", c.a, c.b, got, c.want)
		}
		if got := edits(c.b, c.a, 9); got != c.want {
			t.Errorf("%q to %q: %d edits, want %d", c.b, c.a, got, c.want)
		}
	}
	if got := edits("a", "abcdef", 2); got <= 2 {
		t.Errorf("%d edits, want more than 2", got)
	}
}

func TestReadVectors(t *testing.T) {
	const rows, dim = 2500, 3 // more than two blocks
	var raw []byte
	var want []float32
	for i := range rows * dim {
		x := float32(i) / 7
		want = append(want, x)
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	var got []float32
	err := ReadVectors(write(t, raw), rows, func(d int, block []float32) error {
		if d != dim || len(block)%dim != 0 {
			t.Errorf("dimension %d, %d numbers", d, len(block))
		}
		got = append(got, block...)
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("error %v, equal %v", err, slices.Equal(got, want))
	}

	broken := errors.New("broken")
	err = ReadVectors(write(t, raw), rows, func(int, []float32) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	for _, size := range []int{0, 1, 4*rows - 1, len(raw) - 4, 2 * rows} {
		err := ReadVectors(write(t, raw[:size]), rows, func(int, []float32) error {
			t.Errorf("%d bytes: a block", size)
			return nil
		})
		if err == nil {
			t.Errorf("%d bytes: no error", size)
		}
	}
}

// The vectors that come with the repository are as testdata/README.md says.
func TestTestdata(t *testing.T) {
	words, err := findData("glove.words")
	if err != nil {
		t.Fatal(err)
	}
	vectors, err := findData("glove.f32")
	if err != nil {
		t.Fatal(err)
	}
	v, err := ReadVocabulary(words)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.words) != 10000 {
		t.Errorf("%d words", len(v.words))
	}
	for _, q := range questions {
		if _, err := ParseExpr(q, v); err != nil {
			t.Error(err)
		}
	}
	rows := 0
	err = ReadVectors(vectors, len(v.words), func(dim int, block []float32) error {
		if dim != 100 {
			t.Fatalf("%d coordinates", dim)
		}
		for row := range slices.Chunk(block, dim) {
			var squares float64
			for _, x := range row {
				squares += float64(x) * float64(x)
			}
			if norm := math.Sqrt(squares); !(norm > 2 && norm < 11) {
				t.Errorf("row %d has norm %v", rows, norm)
			}
			rows++
		}
		return nil
	})
	if err != nil || rows != 10000 {
		t.Errorf("%d rows, error %v", rows, err)
	}
}
