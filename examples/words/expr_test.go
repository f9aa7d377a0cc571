// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// vocabularyOf makes a vocabulary of the words of text.
func vocabularyOf(text string) *Vocabulary {
	v := &Vocabulary{words: strings.Fields(text), ids: make(map[string]uint32)}
	for i, w := range v.words {
		v.ids[w] = uint32(i)
	}
	return v
}

func TestParseExpr(t *testing.T) {
	v := vocabularyOf("king man woman well-known well known - c++")
	for _, c := range []struct{ text, want string }{
		{"king", "king"},
		{"  King\t", "king"},
		{"king - man + woman", "king - man + woman"},
		{"king-man+woman", "king - man + woman"},
		{"king -man +woman", "king - man + woman"},
		{"- man + king", "- man + king"},
		{"+ king", "king"},
		{"king + king", "king + king"},
		{"well-known", "well-known"},
		{"well - known", "well - known"},
		{"known-well", "known - well"},
		{"c++ - king", "c++ - king"},
	} {
		terms, err := ParseExpr(c.text, v)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := FormatExpr(terms); got != c.want {
			t.Errorf("%q is read as %q, want %q", c.text, got, c.want)
		}
		for _, term := range terms {
			if v.words[term.ID] != term.Word {
				t.Errorf("%q: id %d is not that of %q", c.text, term.ID, term.Word)
			}
		}
	}
}

func TestParseExprRefuses(t *testing.T) {
	v := vocabularyOf("king man woman")
	for _, c := range []struct{ text, want string }{
		{"", "no words"},
		{" \t", "no words"},
		{"+", `a word is missing after "+"`},
		{"king -", `a word is missing after "-"`},
		{"king - + man", `a word is missing between "-" and "+"`},
		{"- - king", `a word is missing between "-" and "-"`},
		{"king man", `write + or - between "king" and "man"`},
		{"king - wman", `"wman" is not among the words; similar: man, woman`},
		{"zzzzzzzz", `"zzzzzzzz" is not among the words`},
	} {
		terms, err := ParseExpr(c.text, v)
		if err == nil {
			t.Errorf("%q is read as %q, want an error", c.text, FormatExpr(terms))
		} else if err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
	_, err := ParseExpr("mann", v)
	var unknown *UnknownWordError
	if !errors.As(err, &unknown) || unknown.Word != "mann" || !slices.Equal(unknown.Similar, []string{"man"}) {
		t.Errorf("mann: %v, want an UnknownWordError with man", err)
	}
}

func FuzzParseExpr(f *testing.F) {
	v := vocabularyOf("king man woman well-known - +")
	f.Add("king - man + woman")
	f.Add("well-known-man")
	f.Add("+-\xff")
	f.Fuzz(func(t *testing.T, text string) {
		terms, err := ParseExpr(text, v)
		if err != nil {
			return
		}
		again, err := ParseExpr(FormatExpr(terms), v)
		if err != nil || !slices.Equal(again, terms) {
			t.Errorf("%q: %q is read as %v, %v; want %v", text, FormatExpr(terms), again, err, terms)
		}
	})
}

func TestEvaluate(t *testing.T) {
	vectors := [][]float32{{3, 4}, {0, 10}, {-5, 0}}
	vector := func(id uint32) ([]float32, error) { return vectors[id], nil }
	for _, c := range []struct {
		terms []Term
		want  []float32
	}{
		{[]Term{{ID: 0}}, []float32{0.6, 0.8}},
		{[]Term{{ID: 0}, {ID: 1}}, []float32{0.6, 1.8}},
		{[]Term{{ID: 0}, {ID: 1, Minus: true}, {ID: 2}}, []float32{-0.4, -0.2}},
		{[]Term{{ID: 0}, {ID: 0, Minus: true}}, []float32{0, 0}},
	} {
		got, err := Evaluate(c.terms, vector)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.want {
			if math.Abs(float64(got[i]-c.want[i])) > 1e-6 {
				t.Errorf("%v: %v, want %v", c.terms, got, c.want)
				break
			}
		}
	}
	got, _ := Evaluate([]Term{{ID: 0}, {ID: 0, Minus: true}}, vector)
	if got[0] != 0 || got[1] != 0 {
		t.Errorf("a word minus itself is %v, want exactly zero", got)
	}
	broken := errors.New("broken")
	_, err := Evaluate([]Term{{ID: 0}}, func(uint32) ([]float32, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}
