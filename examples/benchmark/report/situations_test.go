// SPDX-License-Identifier: Apache-2.0

package report

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// situations are records of indexes in use and of searches under filters, without any others.
func situations(t *testing.T) []measure.Record {
	t.Helper()
	records, err := measure.Read("testdata/situations.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestSituations(t *testing.T) {
	golden(t, "situations.md", collect(situations(t)).markdownPage())
}

// TestSituationsBeside says that they add to what is shown of the points, and change nothing of it.
func TestSituationsBeside(t *testing.T) {
	records := results(t)
	for _, r := range situations(t) {
		if r.Machine == nil {
			for _, v := range []*int{liveN(r), filteredN(r), failureN(r)} {
				if v != nil {
					*v = 10000
				}
			}
			records = append(records, r)
		}
	}
	alone, both := collect(results(t)).markdownPage(), collect(records).markdownPage()
	first, _, _ := strings.Cut(alone, "## glove-100, n = 100,000")
	if !strings.HasPrefix(both, first) {
		t.Error("what was there before has changed")
	}
	for _, title := range []string{"searched while it changes", "searches under filters"} {
		if strings.Count(both, "## glove-100, n = 10,000: "+title) != 1 {
			t.Errorf("no section %q", title)
		}
	}
}

func liveN(r measure.Record) *int {
	if r.Live == nil {
		return nil
	}
	return &r.Live.N
}

func filteredN(r measure.Record) *int {
	if r.Filtered == nil {
		return nil
	}
	return &r.Filtered.N
}

func failureN(r measure.Record) *int {
	if r.Failure == nil {
		return nil
	}
	return &r.Failure.N
}

func TestWriteSituations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := Write(situations(t), dir); err != nil {
		t.Fatal(err)
	}
	names := []string{"live-churn-2w-search", "live-churn-2w-add", "live-churn-2w-recall", "live-churn-2w-memory",
		"live-mixed-95-5-2w-search", "live-mixed-95-5-2w-add", "live-build-2w-search", "live-build-2w-add",
		"filter-random-k10", "filter-far-k10", "filter-random-1-k10", "filter-random-50-k10", "filter-far-1-k10", "filter-far-50-k10"}
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name+"-glove-100-n2000-light.png"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := png.DecodeConfig(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if elements := wellFormed(t, "index.html", page); elements["svg"] != 2*len(names) {
		t.Errorf("%d pictures for %d plots", elements["svg"], len(names))
	}
}

// TestWriteLittleSituation says that a report is made of whatever a peer leaves out.
func TestWriteLittleSituation(t *testing.T) {
	t.Parallel()
	live := measure.Record{Live: &measure.LiveRun{Dataset: "d", N: 10, Peer: "x", Workload: "a workload of tomorrow"}}
	filtered := measure.Record{Filtered: &measure.Filtered{Dataset: "d", N: 10, Peer: "x", Kind: "odd", QPS: 5}}
	for _, records := range [][]measure.Record{{live}, {filtered}, {live, filtered}} {
		if err := Write(records, t.TempDir()); err != nil {
			t.Error(err)
		}
		if _, err := ReadmeSection(records, ReadmeOptions{}); err != nil {
			t.Error(err)
		}
	}
}
