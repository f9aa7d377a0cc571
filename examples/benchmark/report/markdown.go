// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"html"
	"strings"
)

// pageFile is the page as Markdown, named as the sites that show folders of a repository want it.
const pageFile = "README.md"

// reasonLimit is how long the reason of a failure may be in it; index.html has it in full.
const reasonLimit = 160

// introduction says where it was measured, and what the numbers are.
func (d *data) introduction() string {
	var b strings.Builder
	if len(d.machines) > 0 {
		fmt.Fprintf(&b, "Measured on: %s. ", d.machineLine())
	}
	fmt.Fprintf(&b, "Speeds are those of one thread in batches, the best of the repeats, and corrected by how fast %s was beside "+
		"them. Ratios are relative to it, measured in the same run; a peer is judged by its Pareto front: of its graphs the one that is "+
		"fastest at that recall, read between its points. Recall counts a neighbour as near as the true one as found.", reference)
	return b.String()
}

// markdownPage writes the page: for each data set the recall plot, the table of speeds and ratios,
// that of builds and memory, and folded those at equal M; then what was found that was asked
// for, growth and failures. The plots lie beside it.
func (d *data) markdownPage() string {
	const images = "."
	var b strings.Builder
	fmt.Fprintf(&b, "# Results of the benchmark\n\n%s\n\n", d.introduction())
	for _, s := range d.sets {
		if len(s.builds)+len(s.searches) == 0 {
			writeSituations(&b, s, images)
			continue
		}
		fmt.Fprintf(&b, "## %s\n\n", s.title())
		if f, ok := s.recallFigure(oneThread); ok {
			b.WriteString(picture(f, images))
		}
		writeTable(&b, s.mainSearches())
		if f, ok := s.memoryFigure(); ok {
			b.WriteString(folded("Plots of build time and memory", func(b *strings.Builder) {
				if f, ok := s.buildFigure(); ok {
					b.WriteString(picture(f, images))
				}
				b.WriteString(picture(f, images))
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
		writeTable(&b, s.latencyTable(10, 0.95))
		writeSituations(&b, s, images)
	}
	for _, s := range d.overallSections() {
		fmt.Fprintf(&b, "## %s\n\n", s.title)
		for _, f := range s.figures {
			b.WriteString(picture(f, images))
		}
		for _, t := range s.tables {
			writeTable(&b, t)
		}
	}
	if t, ok := d.failures(reasonLimit); ok {
		b.WriteString("## What failed\n\n")
		writeTable(&b, t)
	}
	return b.String()
}

// writeSituations writes what was measured of a data set besides its points; the plots are folded.
func writeSituations(b *strings.Builder, s *set, images string) {
	for _, out := range s.situations() {
		fmt.Fprintf(b, "## %s\n\n", out.title)
		for _, t := range out.tables {
			writeTable(b, t)
		}
		figures := out.figures
		if out.brief > 0 {
			figures = figures[:out.brief]
		}
		b.WriteString(folded("Plots", func(b *strings.Builder) {
			for _, f := range figures {
				b.WriteString(picture(f, images))
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
		return join(folder, f.file(t, "png"))
	}
	return fmt.Sprintf("<picture>\n  <source media=\"(prefers-color-scheme: dark)\" srcset=\"%s\">\n"+
		"  <img alt=\"%s\" src=\"%s\" width=\"900\">\n</picture>\n\n", at(dark), html.EscapeString(f.caption), at(light))
}

// join is the path of a file in a folder, as a link.
func join(folder, file string) string {
	if folder == "." {
		return file
	}
	return strings.TrimSuffix(folder, "/") + "/" + file
}
