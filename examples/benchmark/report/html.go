// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
)

// pageStyle is the style sheet of the page; the theme is that of the reader's system.
const pageStyle = `
:root { color-scheme: light dark; --page: #ffffff; --ink: #1f2328; --line: #d8dee4; --soft: #59636e; }
.dark { display: none; }
@media (prefers-color-scheme: dark) {
  :root { --page: #0d1117; --ink: #e6edf3; --line: #30363d; --soft: #9198a1; }
  .light { display: none; } .dark { display: block; }
}
body { background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, "Liberation Sans", Arial, sans-serif;
  max-width: 960px; margin: 2em auto; padding: 0 1em; }
figure { margin: 1.5em 0; } svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; margin: 1em 0 .3em; }
caption { text-align: left; font-weight: 600; padding: .3em 0; }
th, td { border-bottom: 1px solid var(--line); padding: .25em .7em; text-align: right; }
th.text, td.text { text-align: left; }
.note { color: var(--soft); font-size: 14px; margin: 0 0 1.5em; }
nav a { margin-right: 1em; } a { color: inherit; }
`

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>N2 benchmark</title>
<style>{{.Style}}</style>
</head>
<body>
<h1>N2 benchmark</h1>
<p>Peers are compared by their Pareto fronts, and by their ratio to {{.Reference}}, which was measured in the
same run. Recall counts a neighbour as found when it is as near as the true one.</p>
<nav>{{range .Sections}}<a href="#{{.ID}}">{{.Title}}</a> {{end}}</nav>
{{range .Sections}}<section id="{{.ID}}">
<h2>{{.Title}}</h2>
{{range .Figures}}<figure role="img" aria-label="{{.Caption}}"><div class="light">{{.Light}}</div><div class="dark">{{.Dark}}</div></figure>
{{end}}{{range .Tables}}{{.}}{{end}}{{if .Details}}<details><summary>All measurements</summary>
{{range .Details}}{{.}}{{end}}</details>
{{end}}</section>
{{end}}</body>
</html>
`))

// htmlPage writes the page, with the plots inlined. It is well-formed XML as well as HTML.
func htmlPage(sections []section) ([]byte, error) {
	type figureData struct {
		Caption     string
		Light, Dark template.HTML
	}
	type sectionData struct {
		ID, Title       string
		Figures         []figureData
		Tables, Details []template.HTML
	}
	var list []sectionData
	for i, s := range sections {
		out := sectionData{ID: fmt.Sprintf("s%d", i+1), Title: s.title}
		for _, f := range s.figures {
			out.Figures = append(out.Figures, figureData{f.caption, inline(f.svgs["light"]), inline(f.svgs["dark"])})
		}
		for _, t := range s.tables {
			out.Tables = append(out.Tables, t.html())
		}
		for _, t := range s.details {
			out.Details = append(out.Details, t.html())
		}
		list = append(list, out)
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, map[string]any{"Style": template.CSS(pageStyle), "Reference": reference, "Sections": list})
	return b.Bytes(), err
}

// inline takes the <svg> element out of an SVG file. Its texts are drawn by gonum, which escapes
// them.
func inline(svg []byte) template.HTML {
	text := string(svg)
	if i := strings.Index(text, "<svg"); i >= 0 {
		text = text[i:]
	}
	return template.HTML(text)
}
