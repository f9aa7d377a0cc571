// SPDX-License-Identifier: Apache-2.0

// Package report shows the results of the benchmark: plots, tables, one HTML page, the section of a
// README, and what changed between two result files.
//
// A peer is judged by its Pareto front: of the points that were measured with one of its graphs, those
// that no other beats in both recall and speed. Between two of them the logarithm of the speed is
// taken as linear in the recall, which is how the speed at a recall of 0.95 is read, as no point lies
// exactly there; of several graphs the one that is fastest there counts. Ratios are relative to hnswlib, which takes turns with the others in each run, and are
// taken within a run: a machine that is slower as a whole that day slows both. Where its speed varies
// during a run, speeds are corrected by how fast hnswlib was beside each point.
//
// Nothing that failed is left out: each page and section lists the failures and their reasons.
package report

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// errEmpty is returned for records in which nothing was measured and nothing failed.
var errEmpty = errors.New("report: no results")

// Write makes the directory dir with index.html, which holds all plots and tables in itself;
// README.md, a page of the plots and main tables as Markdown; and each plot as NAME-light.png, NAME-light.svg,
// NAME-dark.png and NAME-dark.svg. Files of the same names are replaced.
func Write(records []measure.Record, dir string) error {
	d := collect(records)
	if len(d.sets) == 0 && len(d.other) == 0 {
		return errEmpty
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	sections := d.sections()
	for i := range sections {
		for j, f := range sections[i].figures {
			svgs, err := f.write(dir)
			if err != nil {
				return err
			}
			sections[i].figures[j].svgs = svgs
		}
	}
	page, err := htmlPage(sections)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "index.html"), page, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, pageFile), []byte(d.markdownPage()), 0o644)
}

// Summary returns the tables that say most, as Markdown for a terminal: for each data set the speeds
// at equal recall, then builds and memory.
func Summary(records []measure.Record) string {
	var b strings.Builder
	for _, s := range collect(records).sets {
		fmt.Fprintf(&b, "%s\n\n", s.title())
		writeTable(&b, s.mainSearches())
		writeTable(&b, s.mainBuilds())
		for _, more := range s.situations() {
			for _, t := range more.tables {
				writeTable(&b, t)
			}
		}
	}
	return b.String()
}

// mainSearches and mainBuilds are the two tables that a reader in a hurry needs.
func (s *set) mainSearches() table {
	return s.searchTable("Queries per second on one thread at recall@10, and ratio to "+reference, oneThread, nil)
}

func (s *set) mainBuilds() table {
	return s.buildTable("Build and memory "+s.comparedAt()+", on all cores, and ratios to "+reference, mostThreads(typical(s.groups())))
}

// section is a chapter of the page.
type section struct {
	title   string
	figures []figure
	brief   int // how many of the figures are for a README; 0 is all
	tables  []table
	details []table // shown folded
}

// sections lays out the report: the data sets, growth with n, failures, the machine.
func (d *data) sections() []section {
	var list []section
	for _, s := range d.sets {
		if len(s.builds)+len(s.searches) > 0 {
			list = append(list, s.section())
		}
		list = append(list, s.situations()...)
	}
	list = append(list, d.overallSections()...)
	if t, ok := d.failures(0); ok {
		list = append(list, section{title: "Failures", tables: []table{t}})
	}
	if len(d.machines) > 0 {
		list = append(list, section{title: "Machine", tables: []table{machineTable(d.machines)}})
	}
	return list
}

// section lays out one data set: the main view first, the others folded.
func (s *set) section() section {
	out := section{title: s.title()}
	add := func(f figure, ok bool) {
		if ok {
			out.figures = append(out.figures, f)
		}
	}
	add(s.recallFigure(oneThread))
	add(s.buildFigure())
	add(s.memoryFigure())
	out.tables = append(out.tables, s.mainSearches())
	out.tables = append(out.tables, s.equalM()...)
	out.tables = append(out.tables, s.buildTable("Build and memory "+s.comparedAt()+", and the ratio to "+reference, typical(s.groups())))
	out.tables = append(out.tables, s.latencyTable(10, 0.95))
	for _, v := range s.views() {
		out.details = append(out.details, s.searchTable(v.String()+": queries per second, and the ratio to "+reference, v, nil))
	}
	out.details = append(out.details, s.buildTable("All builds", s.groups()), s.fileTable("Files and peak memory"), s.pointTable("All searches"))
	out.tables, out.details = filled(out.tables), filled(out.details)
	return out
}

// situations are the sections on what was measured of a data set besides its points.
func (s *set) situations() []section {
	var list []section
	if out, ok := s.liveSection(); ok {
		list = append(list, out)
	}
	if out, ok := s.filterSection(); ok {
		list = append(list, out)
	}
	return list
}

// filled drops tables without rows.
func filled(tables []table) []table {
	return slices.DeleteFunc(tables, func(t table) bool { return len(t.Rows) == 0 })
}

// equalM gives the search tables that compare peers at the same M.
func (s *set) equalM() []table {
	var list []table
	for _, m := range []int{16, 32} {
		keep := func(params map[string]any) bool { return atM(params, m) }
		t := s.searchTable(fmt.Sprintf("The same at M %d, efConstruction 200 or the peer's equivalents", m), oneThread, keep)
		if len(t.Rows) > 1 {
			list = append(list, t)
		}
	}
	return list
}

// String describes a view in a caption.
func (v view) String() string {
	how := map[string]string{"single": "one query a call", "batch": "in batches"}[v.mode]
	threads := "one thread"
	if v.threads != 1 {
		threads = fmt.Sprintf("%d threads", v.threads)
	}
	return fmt.Sprintf("recall@%d, %s, %s", v.k, how, threads)
}

// views lists the views in which searches were measured.
func (s *set) views() []view {
	var list []view
	for _, p := range s.searches {
		if v := (view{p.K, p.Mode, p.Threads}); !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b view) int {
		return cmp.Or(cmp.Compare(a.k, b.k), cmp.Compare(a.threads, b.threads), strings.Compare(a.mode, b.mode))
	})
	return list
}

// overallSections show what several subsets say together.
func (d *data) overallSections() []section {
	var list []section
	if t := askedTable(d.sets); len(t.Rows) > 0 {
		list = append(list, section{title: "Asked and found", tables: []table{t}})
	}
	return append(list, d.growthSections()...)
}

// growthSections shows, for each data set that was measured at several n, how the costs grow.
func (d *data) growthSections() []section {
	var list []section
	for start := 0; start < len(d.sets); {
		end := start
		for end < len(d.sets) && d.sets[end].dataset == d.sets[start].dataset {
			end++
		}
		sets := d.sets[start:end]
		start = end
		if len(sets) < 2 {
			continue
		}
		name := sets[0].dataset
		build, search, mem := growthOf(sets)
		out := section{title: name + ": growth with n"}
		for _, f := range []struct {
			cost, title, axis string
			rows              []growthRow
		}{
			{"build", "build time", "wall seconds (log scale)", build},
			{"search", fmt.Sprintf("search time at recall@10 of %.2f", growthRecall), "µs per query, one thread (log scale)", search},
			{"memory", "memory after the build", "resident MiB (log scale)", mem},
		} {
			if fig, ok := growthFigure("growth-"+f.cost+"-"+slug(name), name+": growth of "+f.title, f.axis, f.rows); ok {
				out.figures = append(out.figures, fig)
			}
		}
		t := growthTable("Exponents of the growth with n", []string{"build time",
			fmt.Sprintf("search time at recall %.2f", growthRecall), "memory"}, [][]growthRow{build, search, mem})
		if len(t.Rows) > 0 {
			out.tables = []table{t}
			list = append(list, out)
		}
	}
	return list
}

// failures lists what failed, over all data sets, with the reasons cut to limit characters.
func (d *data) failures(limit int) (table, bool) {
	out := failureTable("", d.other, limit)
	for i := range out.Rows {
		out.Rows[i] = append([]string{none}, out.Rows[i]...)
	}
	for _, s := range d.sets {
		for _, row := range failureTable("", s.failures, limit).Rows {
			out.Rows = append(out.Rows, append([]string{s.title()}, row...))
		}
	}
	out.Header, out.Text = append([]string{"data set"}, out.Header...), out.Text+1
	return out, len(out.Rows) > 0
}
