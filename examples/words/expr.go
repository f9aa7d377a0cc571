// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Term is a word of an expression and its sign.
type Term struct {
	Word  string
	ID    uint32
	Minus bool
}

// UnknownWordError reports a word that is not in the vocabulary.
type UnknownWordError struct {
	Word    string
	Similar []string // words spelled much like it
}

func (e *UnknownWordError) Error() string {
	if len(e.Similar) == 0 {
		return fmt.Sprintf("%q is not among the words", e.Word)
	}
	return fmt.Sprintf("%q is not among the words; similar: %s", e.Word, strings.Join(e.Similar, ", "))
}

// ParseExpr reads a word or a sum like "king - man + woman". A word with a hyphen, "well-known",
// is one word if the vocabulary has it, and otherwise the difference of two.
func ParseExpr(text string, v *Vocabulary) ([]Term, error) {
	var terms []Term
	sign := "" // the sign read last, if no word has followed it
	for _, token := range tokens(text, v) {
		if token == "+" || token == "-" {
			if sign != "" {
				return nil, fmt.Errorf("a word is missing between %q and %q", sign, token)
			}
			sign = token
			continue
		}
		if len(terms) > 0 && sign == "" {
			return nil, fmt.Errorf("write + or - between %q and %q", terms[len(terms)-1].Word, token)
		}
		id, ok := v.ID(token)
		if !ok {
			return nil, &UnknownWordError{token, v.Similar(token, 5)}
		}
		terms = append(terms, Term{Word: v.words[id], ID: id, Minus: sign == "-"})
		sign = ""
	}
	if sign != "" {
		return nil, fmt.Errorf("a word is missing after %q", sign)
	}
	if len(terms) == 0 {
		return nil, errors.New("no words")
	}
	return terms, nil
}

// tokens splits text at white space, and what is not a known word also before and after each sign.
func tokens(text string, v *Vocabulary) []string {
	var out []string
	spaced := strings.NewReplacer("+", " + ", "-", " - ")
	for _, token := range strings.Fields(text) {
		if _, ok := v.ID(token); ok && token != "+" && token != "-" {
			out = append(out, token)
		} else {
			out = append(out, strings.Fields(spaced.Replace(token))...)
		}
	}
	return out
}

// FormatExpr writes terms as ParseExpr reads them.
func FormatExpr(terms []Term) string {
	var b strings.Builder
	for i, t := range terms {
		switch {
		case t.Minus && i == 0:
			b.WriteString("- ")
		case t.Minus:
			b.WriteString(" - ")
		case i > 0:
			b.WriteString(" + ")
		}
		b.WriteString(t.Word)
	}
	return b.String()
}

// Evaluate adds and subtracts the vectors of the terms, each scaled to norm 1 first: the norm of a
// word's vector tells of its frequency, and only the direction of its meaning. The result is scaled
// to nothing in particular. vector returns the vector of an id.
func Evaluate(terms []Term, vector func(id uint32) ([]float32, error)) ([]float32, error) {
	var sum []float32
	for _, t := range terms {
		v, err := vector(t.ID)
		if err != nil {
			return nil, err
		}
		var squares float64
		for _, x := range v {
			squares += float64(x) * float64(x)
		}
		scale := 1 / math.Sqrt(squares)
		if t.Minus {
			scale = -scale
		}
		if sum == nil {
			sum = make([]float32, len(v))
		}
		for i, x := range v {
			sum[i] += float32(scale * float64(x))
		}
	}
	return sum, nil
}
