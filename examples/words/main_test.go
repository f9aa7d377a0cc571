// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runWith runs the program on the words of the repository with typed as its input, and returns what
// it writes.
func runWith(t *testing.T, typed string, interactive bool, questions ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	input := filepath.Join(dir, "in")
	if err := os.WriteFile(input, []byte(typed), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(input)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	runErr := run("", "", interactive, questions, in, out)
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), runErr
}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

func TestRun(t *testing.T) {
	text, err := runWith(t, "", false)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, text, "vectors  10,000 of 100 coordinates", "build    ", "memory   ", "save     ", "load     ",
		"\nfrance ", "  belgium  0.192", "  wednesday  0.005", "  berlin ", " default   ", " exact   1.0000")
}

func TestRunQuestions(t *testing.T) {
	text, err := runWith(t, "", false, "France", "king-man+woman")
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, text, "\nfrance ", "  belgium ", " king - man + woman\n", "  queen ")
	if strings.Contains(text, "exact") {
		t.Errorf("measures recall though asked a question:\n%s", text)
	}
	if text, err = runWith(t, "", false, "france", "xyzzyx"); err == nil || text != "" {
		t.Errorf("an unknown word: error %v, output %q", err, text)
	}
}

func TestRunInteractive(t *testing.T) {
	text, err := runWith(t, "france\nviolin\n\nking - king\nking +\nquit\ncomputer\n", true)
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, text, "\nfrance\n  belgium ", `"violin" is not among the words; similar: `,
		"cancel each other out", `a word is missing after "+"`)
	if strings.Contains(text, "software") {
		t.Errorf("answers after quit:\n%s", text)
	}
}

func TestRunOtherFiles(t *testing.T) {
	if err := run("vectors", "", false, nil, nil, nil); err == nil {
		t.Error("-vectors alone is accepted")
	}
}
