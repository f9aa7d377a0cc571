// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// The marks of the section in a README that UpdateReadme replaces.
const (
	BeginMark = "<!-- benchmarks:begin -->"
	EndMark   = "<!-- benchmarks:end -->"
)

// ErrMarks is returned when a README lacks the two marks, has one of them twice, or in reverse.
var ErrMarks = errors.New("report: the file needs one " + BeginMark + " and after it one " + EndMark)

// ReadmeOptions says what the section refers to.
type ReadmeOptions struct {
	Images  string // folder of the plots that Write made, relative to the README, with slashes
	Command string // the command that repeats the results; empty for none
}

// UpdateReadme replaces what stands between the marks in the file at path by what the records say in
// short. The file is replaced as a whole, by rename, and only when all went well.
func UpdateReadme(path string, records []measure.Record, options ReadmeOptions) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	body, err := ReadmeSection(records, options)
	if err != nil {
		return err
	}
	text, err = replaceSection(text, body)
	if err != nil {
		return fmt.Errorf("%w (%s)", err, filepath.Base(path))
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".readme-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename, as it should
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// replaceSection puts body between the marks.
func replaceSection(text []byte, body string) ([]byte, error) {
	if bytes.Count(text, []byte(BeginMark)) != 1 || bytes.Count(text, []byte(EndMark)) != 1 {
		return nil, ErrMarks
	}
	begin, end := bytes.Index(text, []byte(BeginMark))+len(BeginMark), bytes.Index(text, []byte(EndMark))
	if end < begin {
		return nil, ErrMarks
	}
	out := append([]byte(nil), text[:begin]...)
	out = append(out, "\n"+strings.Trim(body, "\n")+"\n"...)
	return append(out, text[end:]...), nil
}

// ReadmeSection writes the section: tables of N2's ratios and of its recall on each data set at its
// largest n, and for each of these the recall plot. The rest is on the page that Write made.
func ReadmeSection(records []measure.Record, options ReadmeOptions) (string, error) {
	d := collect(records)
	if len(d.sets) == 0 && len(d.other) == 0 {
		return "", errEmpty
	}
	var b strings.Builder
	b.WriteString(d.introduction())
	if options.Command != "" {
		fmt.Fprintf(&b, " To repeat: `%s`.", options.Command)
	}
	b.WriteString("\n\n")
	writeTable(&b, d.overview())
	writeTable(&b, askedTable(d.largest()))
	fmt.Fprintf(&b, "All peers by numbers, builds, memory, other sizes, growth and whatever else was measured: "+
		"[all tables and plots](%s).\n\n", join(options.Images, pageFile))
	for _, s := range d.largest() {
		fmt.Fprintf(&b, "### %s\n\n", s.title())
		if f, ok := s.recallFigure(oneThread); ok {
			b.WriteString(picture(f, options.Images))
		}
	}
	return b.String(), nil
}
