// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	n2 "github.com/n2ann/n2/go"
)

// Asker answers questions from an index in which the ids are places in a vocabulary.
type Asker struct {
	index      *n2.Index
	vocabulary *Vocabulary
}

// Answer holds the nearest words of a question, without its own ones.
type Answer struct {
	Question string
	Nearest  []n2.Neighbor
	Took     time.Duration // the search alone
}

// Ask finds the words nearest to a question.
func (a *Asker) Ask(terms []Term) (Answer, error) {
	answer := Answer{Question: FormatExpr(terms)}
	k := neighbors + len(terms) // the question's own words may be among the nearest
	var found []n2.Neighbor
	var err error
	if len(terms) == 1 && !terms[0].Minus {
		start := time.Now()
		found, err = a.index.SearchByID(terms[0].ID, k, nil)
		answer.Took = time.Since(start)
	} else {
		var sum []float32
		sum, err = Evaluate(terms, func(id uint32) ([]float32, error) { return a.index.Vector(id, nil) })
		if err != nil {
			return Answer{}, err
		}
		start := time.Now()
		found, err = a.index.Search(sum, k, nil)
		answer.Took = time.Since(start)
	}
	if errors.Is(err, n2.ErrZeroVector) {
		return Answer{}, errors.New("these words cancel each other out: nothing is left to search for")
	}
	if err != nil {
		return Answer{}, err
	}
	found = slices.DeleteFunc(found, func(n n2.Neighbor) bool {
		return slices.ContainsFunc(terms, func(t Term) bool { return t.ID == n.ID })
	})
	answer.Nearest = found[:min(neighbors, len(found))]
	return answer, nil
}

// answerAll writes the answers of several questions, four beside each other.
func (a *Asker) answerAll(out io.Writer, questions [][]Term) error {
	var answers []Answer
	for _, terms := range questions {
		answer, err := a.Ask(terms)
		if err != nil {
			return fmt.Errorf("%s: %w", FormatExpr(terms), err)
		}
		answers = append(answers, answer)
	}
	for row := range slices.Chunk(answers, 4) {
		var columns [][]string
		for _, answer := range row {
			columns = append(columns, a.column(answer))
		}
		writeColumns(out, columns)
		fmt.Fprintln(out)
	}
	return nil
}

// column returns the lines that show an answer: the question, the words with their distances
// below each other, and the time.
func (a *Asker) column(answer Answer) []string {
	width := 0
	for _, n := range answer.Nearest {
		width = max(width, utf8.RuneCountInString(a.vocabulary.words[n.ID]))
	}
	lines := []string{answer.Question}
	for _, n := range answer.Nearest {
		lines = append(lines, fmt.Sprintf("  %-*s  %.3f", width, a.vocabulary.words[n.ID], n.Distance))
	}
	return append(lines, "  "+duration(answer.Took))
}

// writeColumns writes columns of text beside each other, each as wide as its longest line and at
// least so wide that those of one page stand below each other.
func writeColumns(out io.Writer, columns [][]string) {
	widths := make([]int, len(columns))
	height := 0
	for i, lines := range columns {
		widths[i] = 21
		height = max(height, len(lines))
		for _, line := range lines {
			widths[i] = max(widths[i], utf8.RuneCountInString(line))
		}
	}
	for row := range height {
		var b strings.Builder
		for i, lines := range columns {
			line := ""
			if row < len(lines) {
				line = lines[row]
			}
			fmt.Fprintf(&b, "%-*s  ", widths[i], line)
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}

// converse answers each line of in, until one says quit.
func (a *Asker) converse(in, out *os.File) error {
	prompt := ""
	if isTerminal(in) {
		prompt = "> "
		fmt.Fprintln(out, "\nType a word, or a sum of words like king - man + woman; quit to end.")
	}
	fmt.Fprint(out, "\n", prompt)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		switch line := strings.TrimSpace(lines.Text()); line {
		case "":
		case "quit":
			return nil
		default:
			if answer, err := a.answer(line); err != nil {
				fmt.Fprintf(out, "%v\n\n", err)
			} else {
				writeColumns(out, [][]string{a.column(answer)})
				fmt.Fprintln(out)
			}
		}
		fmt.Fprint(out, prompt)
	}
	if prompt != "" {
		fmt.Fprintln(out)
	}
	return lines.Err()
}

func (a *Asker) answer(line string) (Answer, error) {
	terms, err := ParseExpr(line, a.vocabulary)
	if err != nil {
		return Answer{}, err
	}
	return a.Ask(terms)
}
