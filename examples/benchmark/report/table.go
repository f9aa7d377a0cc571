// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// table is one table of the report, written as Markdown and as HTML from the same cells. The first
// text columns are aligned left, all others right.
type table struct {
	Caption string
	Note    string // below the table; empty for none
	Header  []string
	Text    int // columns of text
	Rows    [][]string
}

// markdown writes the table with aligned columns, so that the source reads well too.
func (t table) markdown() string {
	cells := append([][]string{t.Header}, t.Rows...)
	width := make([]int, len(t.Header))
	for r := range cells {
		row := make([]string, len(t.Header))
		for c := range row {
			if c < len(cells[r]) {
				row[c] = escapeMarkdown(cells[r][c])
			}
			width[c] = max(width[c], len([]rune(row[c])), 3)
		}
		cells[r] = row
	}
	var b strings.Builder
	line := func(row []string) {
		for c, text := range row {
			pad := strings.Repeat(" ", width[c]-len([]rune(text)))
			if c < t.Text {
				text += pad
			} else {
				text = pad + text
			}
			b.WriteString("| " + text + " ")
		}
		b.WriteString("|\n")
	}
	line(cells[0])
	for c := range t.Header {
		if c < t.Text {
			b.WriteString("|" + strings.Repeat("-", width[c]+2))
		} else {
			b.WriteString("|" + strings.Repeat("-", width[c]+1) + ":")
		}
	}
	b.WriteString("|\n")
	for _, row := range cells[1:] {
		line(row)
	}
	if t.Note != "" {
		b.WriteString("\n" + t.Note + "\n")
	}
	return b.String()
}

// escapeMarkdown keeps a text within its cell, and keeps it from being read as markup.
func escapeMarkdown(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;", "*", `\*`, "_", `\_`, "`", "'").Replace(s)
}

// html writes the table as well-formed XHTML.
func (t table) html() template.HTML {
	var b strings.Builder
	b.WriteString("<div class=\"scroll\"><table>")
	if t.Caption != "" {
		b.WriteString("<caption>" + template.HTMLEscapeString(t.Caption) + "</caption>")
	}
	line := func(tag string, row []string) {
		b.WriteString("<tr>")
		for c, text := range row {
			class := ""
			if c < t.Text {
				class = ` class="text"`
			}
			b.WriteString("<" + tag + class + ">" + template.HTMLEscapeString(text) + "</" + tag + ">")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("<thead>")
	line("th", t.Header)
	b.WriteString("</thead><tbody>\n")
	for _, row := range t.Rows {
		line("td", row)
	}
	b.WriteString("</tbody></table></div>\n")
	if t.Note != "" {
		b.WriteString("<p class=\"note\">" + template.HTMLEscapeString(t.Note) + "</p>\n")
	}
	return template.HTML(b.String()) // every text in it is escaped above
}

// none stands in a cell that has no value.
const none = "–"

// thousands writes a number without decimals in groups of three: 1,234,567.
func thousands(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v < 0 && s != "0" {
		s = "-" + s
	}
	return s
}

// figures writes a positive number with three significant digits, as far as they are needed; from
// 1,000 on in groups. 0 and less are not measured.
func figures(v float64) string {
	if v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	digits := int(math.Floor(math.Log10(v)))
	if digits >= 2 {
		unit := math.Pow(10, float64(digits-2))
		return thousands(math.Round(v/unit) * unit)
	}
	return strconv.FormatFloat(v, 'f', min(2-digits, 6), 64)
}

// times writes a ratio, or a dash for none.
func times(v float64) string {
	switch {
	case v <= 0 || math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case v < 0.1:
		return fmt.Sprintf("%.3f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	}
	return figures(v)
}

// oneLine folds white space and cuts a text to at most limit characters; 0 means no limit.
func oneLine(s string, limit int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); limit > 0 && len(r) > limit {
		s = string(r[:limit-1]) + "…"
	}
	return s
}
