// SPDX-License-Identifier: Apache-2.0

// Words finds the words nearest in meaning to a word, by its vector. It builds an index of word
// vectors, saves it, loads it memory-mapped, answers a few questions and measures how many of the
// true neighbours are found. With -i it answers the questions typed in.
//
//	go run ./examples/words
//	go run ./examples/words -i
//	go run ./examples/words "paris - france + germany"
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

// neighbors is how many words answer a question.
const neighbors = 8

// questions are asked when the command line has none.
var questions = []string{
	"france", "king", "computer", "tuesday",
	"dog", "piano", "king - man + woman", "paris - france + germany",
}

func main() {
	vectors := flag.String("vectors", "", "`file` of little-endian float32, row after row (default testdata/glove.f32)")
	words := flag.String("words", "", "`file` of as many words, one a line (default testdata/glove.words)")
	interactive := flag.Bool("i", false, "answer what is typed in, until quit or the end of input")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: words [-i] [-vectors file -words file] [question ...]\n\n"+
			"A question is a word, or a sum of words: \"king - man + woman\".\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*vectors, *words, *interactive, flag.Args(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "words: %v\n", err)
		os.Exit(1)
	}
}

func run(vectors, words string, interactive bool, asked []string, in, out *os.File) error {
	if (vectors == "") != (words == "") {
		return errors.New("-vectors and -words go together")
	}
	own := vectors != ""
	if !own {
		var err error
		if vectors, err = findData("glove.f32"); err != nil {
			return err
		}
		if words, err = findData("glove.words"); err != nil {
			return err
		}
	}
	vocabulary, err := ReadVocabulary(words)
	if err != nil {
		return err
	}
	// Questions with an unknown word are refused before the work, not after it.
	var parsed [][]Term
	for _, q := range asked {
		terms, err := ParseExpr(q, vocabulary)
		if err != nil {
			return err
		}
		parsed = append(parsed, terms)
	}

	index, err := prepare(vectors, vocabulary, out)
	if err != nil {
		return err
	}
	defer index.Close()
	asker := &Asker{index: index, vocabulary: vocabulary}

	if interactive {
		if len(parsed) > 0 {
			fmt.Fprintln(out)
			if err := asker.answerAll(out, parsed); err != nil {
				return err
			}
		}
		return asker.converse(in, out)
	}
	if len(asked) == 0 {
		for _, q := range questions {
			terms, err := ParseExpr(q, vocabulary)
			var unknown *UnknownWordError
			if own && errors.As(err, &unknown) {
				continue // the caller's words are other ones
			}
			if err != nil {
				return err
			}
			parsed = append(parsed, terms)
		}
	}
	fmt.Fprintf(out, "\nThe %d nearest words, their distance 1 - cos, and the time of the search:\n\n", neighbors)
	if err := asker.answerAll(out, parsed); err != nil {
		return err
	}
	if len(asked) > 0 {
		return nil
	}
	return measureRecall(index, out)
}

// isTerminal tells whether someone may be watching or typing, so that progress and prompts help.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
