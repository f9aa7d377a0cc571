// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"errors"
	"fmt"
	"html"
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

// UpdateReadme replaces what stands between the marks in the file at path by the tables and plots of
// the records. The file is replaced as a whole, by rename, and only when all went well.
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

// readmeReason is how long the reason of a failure may be in a README; the page has it in full.
const readmeReason = 160

// ReadmeSection writes the section: for each data set the recall plot, the table of speeds and
// ratios, that of builds and memory, and folded those at equal M; then growth, failures, machine.
func ReadmeSection(records []measure.Record, options ReadmeOptions) (string, error) {
	d := collect(records)
	if len(d.sets) == 0 && len(d.other) == 0 {
		return "", errEmpty
	}
	var b strings.Builder
	if len(d.machines) > 0 {
		fmt.Fprintf(&b, "Measured on: %s. ", machineLine(d.machines))
	}
	fmt.Fprintf(&b, "Ratios are relative to %s, measured in the same run; a peer is judged by its Pareto front, "+
		"read between its points. Recall counts a neighbour as near as the true one as found.", reference)
	if options.Command != "" {
		fmt.Fprintf(&b, " To repeat: `%s`.", options.Command)
	}
	b.WriteString("\n\n")
	for _, s := range d.sets {
		if len(s.builds)+len(s.searches) == 0 {
			writeSituations(&b, s, options)
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n", s.title())
		if f, ok := s.recallFigure(oneThread); ok {
			b.WriteString(picture(f, options.Images))
		}
		writeTable(&b, s.mainSearches())
		if f, ok := s.memoryFigure(); ok {
			b.WriteString(folded("Plots of build time and memory", func(b *strings.Builder) {
				if f, ok := s.buildFigure(); ok {
					b.WriteString(picture(f, options.Images))
				}
				b.WriteString(picture(f, options.Images))
			}))
		}
		writeTable(&b, s.mainBuilds())
		if tables := s.equalM(); len(tables) > 0 {
			b.WriteString(folded("Search at equal M", func(b *strings.Builder) {
				for _, t := range tables {
					writeTable(b, t)
				}
			}))
		}
		writeSituations(&b, s, options)
	}
	for _, s := range d.growthSections() {
		fmt.Fprintf(&b, "### %s\n\n", s.title)
		for _, f := range s.figures {
			b.WriteString(picture(f, options.Images))
		}
		for _, t := range s.tables {
			writeTable(&b, t)
		}
	}
	if t, ok := d.failures(readmeReason); ok {
		b.WriteString("### What failed\n\n")
		writeTable(&b, t)
	}
	return b.String(), nil
}

// writeSituations writes what was measured of a data set besides its points; the plots are folded.
func writeSituations(b *strings.Builder, s *set, options ReadmeOptions) {
	for _, out := range s.situations() {
		fmt.Fprintf(b, "### %s\n\n", out.title)
		for _, t := range out.tables {
			writeTable(b, t)
		}
		figures := out.figures
		if out.brief > 0 {
			figures = figures[:out.brief]
		}
		b.WriteString(folded("Plots", func(b *strings.Builder) {
			for _, f := range figures {
				b.WriteString(picture(f, options.Images))
			}
		}))
	}
}

// writeTable writes a table under its caption; one without rows is left out.
func writeTable(b *strings.Builder, t table) {
	if len(t.Rows) == 0 {
		return
	}
	if t.Caption != "" {
		b.WriteString(t.Caption + ":\n\n")
	}
	b.WriteString(t.markdown() + "\n")
}

// folded wraps what body writes into an element that opens at a click.
func folded(summary string, body func(b *strings.Builder)) string {
	var b strings.Builder
	b.WriteString("<details><summary>" + summary + "</summary>\n\n")
	body(&b)
	b.WriteString("</details>\n\n")
	return b.String()
}

// picture refers to both themes of a plot. The PNG is used: it looks the same everywhere, whatever
// fonts there are.
func picture(f figure, folder string) string {
	at := func(t theme) string {
		return strings.TrimSuffix(folder, "/") + "/" + f.file(t, "png")
	}
	return fmt.Sprintf("<picture>\n  <source media=\"(prefers-color-scheme: dark)\" srcset=\"%s\">\n"+
		"  <img alt=\"%s\" src=\"%s\" width=\"900\">\n</picture>\n\n", at(dark), html.EscapeString(f.caption), at(light))
}
