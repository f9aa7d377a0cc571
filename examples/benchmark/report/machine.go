// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// machineTable describes where each run took place. Runs on the same machine with the same software
// share a column.
func machineTable(machines []measure.Machine) table {
	t := table{Caption: "Machine", Header: []string{""}, Text: 1}
	rows := []struct {
		name  string
		value func(measure.Machine) string
	}{
		{"processor", func(m measure.Machine) string { return m.CPU }},
		{"cores used", func(m measure.Machine) string { return fmt.Sprint(m.Cores) }},
		{"vector instructions", func(m measure.Machine) string { return strings.Join(m.Flags, " ") }},
		{"caches", caches},
		{"memory", func(m measure.Machine) string { return fmt.Sprintf("%.1f GiB", float64(m.Memory)/(1<<30)) }},
		{"huge pages", func(m measure.Machine) string { return m.THP }},
		{"kernel", func(m measure.Machine) string { return release(m.Kernel) }},
		{"Go", func(m measure.Machine) string { return m.Go }},
		{"C compiler", func(m measure.Machine) string { return m.CC }},
		{"commit", func(m measure.Machine) string { return m.Commit }},
		{"peers", versions},
	}
	columns := map[string]int{}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{r.name})
	}
	runs := [][]measure.Machine{}
	for _, m := range machines {
		var key string
		for _, r := range rows {
			key += r.value(m) + "\n"
		}
		i, ok := columns[key]
		if !ok {
			i = len(runs)
			columns[key] = i
			runs = append(runs, nil)
			for r := range rows {
				t.Rows[r] = append(t.Rows[r], oneLine(rows[r].value(m), 0))
			}
		}
		runs[i] = append(runs[i], m)
	}
	names, times, loads := []string{"run"}, []string{"began"}, []string{"load then"}
	for _, list := range runs {
		join := func(value func(measure.Machine) string) string {
			var words []string
			for _, m := range list {
				words = append(words, value(m))
			}
			return strings.Join(words, "; ")
		}
		names = append(names, join(func(m measure.Machine) string { return m.Run }))
		times = append(times, join(func(m measure.Machine) string { return m.Time }))
		loads = append(loads, join(func(m measure.Machine) string { return m.Load }))
		t.Header = append(t.Header, "")
	}
	t.Text = len(t.Header)
	t.Rows = append([][]string{names, times, loads}, t.Rows...)
	if len(runs) > 1 {
		t.Note = "Several machines or commits took part: absolute figures of different columns do not compare, ratios do."
	}
	return t
}

func caches(m measure.Machine) string { return pairs(m.Caches) }

func versions(m measure.Machine) string { return pairs(m.Versions) }

func pairs(m map[string]string) string {
	var words []string
	for name, value := range m {
		words = append(words, displayName(name)+" "+value)
	}
	sort.Strings(words)
	return strings.Join(words, ", ")
}

// machineLine says in one sentence what the README says of the machines, and which commits of the
// subject were measured on each.
func (d *data) machineLine() string {
	var words []string
	commits := map[string][]string{}
	for _, m := range d.machines {
		text := fmt.Sprintf("%s, %d cores used, %.0f GiB of memory, %s, Go %s, %s", m.CPU, m.Cores,
			float64(m.Memory)/(1<<30), release(m.Kernel), strings.TrimPrefix(m.Go, "go"), m.CC)
		if !slices.Contains(words, text) {
			words = append(words, text)
		}
		if commit := short(m.Commit); d.ofOwn[m.Run] && !slices.Contains(commits[text], commit) {
			commits[text] = append(commits[text], commit)
		}
	}
	for i, text := range words {
		of := commits[text]
		switch {
		case len(of) == 0:
		case len(of) == 1:
			words[i] = fmt.Sprintf("%s, %s at commit %s", text, subjectName, of[0])
		case len(of) <= mostNamed:
			words[i] = fmt.Sprintf("%s, %s at commits %s", text, subjectName, strings.Join(of, ", "))
		default:
			words[i] = fmt.Sprintf("%s, %s at %d commits, which the results name", text, subjectName, len(of))
		}
	}
	return oneLine(strings.Join(words, "; "), 0)
}

// mostNamed is how many commits a line names.
const mostNamed = 3

// release is what a kernel is called, without what its builder added: "Linux 6.18".
func release(kernel string) string {
	parts := strings.SplitN(strings.TrimPrefix(kernel, "Linux "), ".", 3)
	return "Linux " + strings.Join(parts[:min(2, len(parts))], ".")
}

// short cuts a commit id as git does.
func short(commit string) string {
	id, rest, _ := strings.Cut(commit, " ")
	if len(id) == 40 {
		id = id[:10]
	}
	return strings.TrimSpace(id + " " + rest)
}
