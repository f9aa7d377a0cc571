// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Vocabulary is a list of distinct words. The place of a word in it is the id of its vector in the
// index; more frequent words come first.
type Vocabulary struct {
	words []string
	ids   map[string]uint32
}

// ReadVocabulary reads words, one a line.
func ReadVocabulary(path string) (*Vocabulary, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v := &Vocabulary{ids: make(map[string]uint32)}
	for line := range strings.Lines(string(text)) {
		word := strings.TrimRight(line, "\r\n")
		if word == "" {
			return nil, fmt.Errorf("%s: line %d is empty", path, len(v.words)+1)
		}
		if first, ok := v.ids[word]; ok {
			return nil, fmt.Errorf("%s: line %d repeats %q of line %d", path, len(v.words)+1, word, first+1)
		}
		v.ids[word] = uint32(len(v.words))
		v.words = append(v.words, word)
	}
	if len(v.words) == 0 {
		return nil, fmt.Errorf("%s: no words", path)
	}
	return v, nil
}

// ID returns the id of word, which may be written with capitals.
func (v *Vocabulary) ID(word string) (id uint32, ok bool) {
	if id, ok = v.ids[word]; ok {
		return id, true
	}
	id, ok = v.ids[strings.ToLower(word)]
	return id, ok
}

// Similar returns up to n words spelled much like word, those with the fewest edits first and the
// more frequent first among equals.
func (v *Vocabulary) Similar(word string, n int) []string {
	word = strings.ToLower(word)
	most := 1 + len(word)/4
	byEdits := make([][]string, most+1)
	for _, w := range v.words {
		if d := edits(word, w, most); d <= most && len(byEdits[d]) < n {
			byEdits[d] = append(byEdits[d], w)
		}
	}
	var similar []string
	for _, words := range byEdits {
		similar = append(similar, words[:min(len(words), n-len(similar))]...)
	}
	return similar
}

// edits counts the letters to insert, delete, replace, or swap with their neighbour, that make b
// of a (the optimal string alignment distance). Any result over most stands for "more than most".
func edits(a, b string, most int) int {
	s, t := []rune(a), []rune(b)
	if len(s)-len(t) > most || len(t)-len(s) > most {
		return most + 1
	}
	// Rows i-2, i-1 and i of the table in which cell (i, j) is the distance of s[:i] and t[:j].
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			replace := last[j-1]
			if s[i-1] != t[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}

// ReadVectors reads n rows of little-endian float32 and hands them on in blocks of whole rows, so
// that a large file never lies in memory as a whole. The file's size gives the dimension, which is
// passed along. The block is valid during the call only.
func ReadVectors(path string, n int, add func(dim int, block []float32) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	rowBytes := info.Size() / int64(n)
	if rowBytes == 0 || info.Size()%int64(n) != 0 || rowBytes%4 != 0 {
		return fmt.Errorf("%s: %d bytes are not %d rows of float32, one for each word", path, info.Size(), n)
	}
	dim := int(rowBytes / 4)
	const blockRows = 1024
	raw := make([]byte, blockRows*rowBytes)
	block := make([]float32, blockRows*dim)
	r := bufio.NewReader(f)
	for row := 0; row < n; row += blockRows {
		rows := min(blockRows, n-row)
		if _, err := io.ReadFull(r, raw[:rows*int(rowBytes)]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if _, err := binary.Decode(raw, binary.LittleEndian, block[:rows*dim]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := add(dim, block[:rows*dim]); err != nil {
			return err
		}
	}
	return nil
}

// findData returns the path of a file of the repository's testdata, which is looked for in the
// working directory, in those above it, and beside the source of this program.
func findData(name string) (string, error) {
	var starts []string
	if dir, err := os.Getwd(); err == nil {
		starts = append(starts, dir)
	}
	if _, source, _, ok := runtime.Caller(0); ok && filepath.IsAbs(source) {
		starts = append(starts, filepath.Dir(source))
	}
	for _, dir := range starts {
		for {
			path := filepath.Join(dir, "testdata", name)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	return "", errors.New("testdata/" + name + " not found: run this in the repository, or name the " +
		"files with -vectors and -words")
}
