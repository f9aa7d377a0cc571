// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/n2ann/n2/examples/benchmark/measure"
	"github.com/n2ann/n2/examples/benchmark/peer"
)

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		args string
		ok   bool
	}{
		{"data glove-100", true},
		{"run --data glove-100 --n 1000 --peers n2,hnswlib --out x.jsonl --quick", true},
		{"run --data glove-100 --k 10,100 --build-limit 5m", true},
		{"run --data glove-100 --profile folder --recall 0.9", true},
		{"run", false},
		{"run --data glove-100 --n many", false},
		{"live", true},
		{"live --n 10000 --peers n2 --workloads churn --rounds 3 --workers 4 --k 5", true},
		{"live --rounds many", false},
		{"filter --n 10000 --peers n2 --shares 50,0.1 --kinds near", true},
		{"filter --shares half", false},
		{"report does-not-exist.jsonl", false},
		{"peers", true},
		{"peer n2", true},
		{"dance", false},
	} {
		var c cli
		parser, err := kong.New(&c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(strings.Fields(test.args)); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.args, err)
		}
	}
}

func TestChoose(t *testing.T) {
	c := runCommand{Peers: []string{"n2", "faiss", "n2"}, Reference: "hnswlib"}
	peers, reference, err := c.choose()
	if err != nil || reference != "hnswlib" {
		t.Fatal(reference, err)
	}
	var names []string
	for _, p := range peers {
		names = append(names, p.Name)
	}
	if want := []string{"n2", "faiss", "hnswlib"}; !slices.Equal(names, want) {
		t.Error(names)
	}
	c = runCommand{Peers: []string{"all"}, Reference: "none"}
	peers, reference, err = c.choose()
	if err != nil || reference != "" || len(peers) != len(peer.All()) {
		t.Error(len(peers), reference, err)
	}
	c = runCommand{Peers: []string{"fais"}, Reference: "none"}
	if _, _, err := c.choose(); err == nil || !strings.Contains(err.Error(), "faiss-sq8") {
		t.Error(err)
	}
}

func TestLiveCheck(t *testing.T) {
	good := liveCommand{Workloads: []string{"churn", "build"}, Workers: 2, Operations: 1, Rounds: 1, Recall: 0.9}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for what, spoil := range map[string]func(*liveCommand){
		"mixed-95-5": func(c *liveCommand) { c.Workloads = []string{"chrun"} },
		"--workers":  func(c *liveCommand) { c.Workers = 1 },
		"--rounds":   func(c *liveCommand) { c.Rounds = 0 },
		"--recall":   func(c *liveCommand) { c.Recall = 1 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestFilterCheck(t *testing.T) {
	good := filterCommand{Kinds: []string{"random", "far"}, Shares: []float64{100, 0.01}, Repeats: 1, Budget: time.Second}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for what, spoil := range map[string]func(*filterCommand){
		"near":      func(c *filterCommand) { c.Kinds = []string{"nearby"} },
		"--shares":  func(c *filterCommand) { c.Shares = []float64{50, 0} },
		"100":       func(c *filterCommand) { c.Shares = []float64{101} },
		"--repeats": func(c *filterCommand) { c.Repeats = 0 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPowers(t *testing.T) {
	for n, want := range map[int][]int{1: {1}, 2: {2, 1}, 3: {3, 2, 1}, 4: {4, 2, 1}, 12: {12, 8, 4, 2, 1}} {
		if got := powers(n); !slices.Equal(got, want) {
			t.Errorf("%d: %v", n, got)
		}
	}
}

func TestBarLine(t *testing.T) {
	p := measure.Progress{Done: 5, Total: 10, What: "searching", Left: 90 * time.Second}
	if got, want := barLine(p), "[==========          ] 5/10, 1m30s left: searching"; got != want {
		t.Errorf("%q", got)
	}
	if got := barLine(measure.Progress{Left: -1}); got != "[                    ] 0/0, -- left: " {
		t.Errorf("%q", got)
	}
}

func TestHeaviest(t *testing.T) {
	listing := `Ir
1,000 (100.0%)  PROGRAM TOTALS
  300 (30.00%)  /x/csrc/hnsw.c:search_layer [/tmp/profile]
  250 (25.00%)  /x/csrc/kernels.c:dot_rows [/tmp/profile]
  200 (20.00%)  /x/csrc/visited.h:search_layer [/tmp/profile]
  100 (10.00%)  /usr/lib/avx2intrin.h:dot_rows [/tmp/profile]
`
	files, functions := heaviest(listing)
	if want := "   35.0 %  kernels\n   30.0 %  hnsw.c\n   20.0 %  visited.h"; files != want {
		t.Errorf("%q", files)
	}
	if want := "   50.0 %  search_layer\n   35.0 %  dot_rows"; functions != want {
		t.Errorf("%q", functions)
	}
}
