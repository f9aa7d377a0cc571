// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/n2ann/n2/examples/benchmark/peer"
)

// A fakePeer answers as the protocol demands, but for one way of misbehaving.
type fakePeer struct {
	how   string
	calls *[]string
	name  string
}

func (p *fakePeer) Pin([]int) error { return nil }
func (p *fakePeer) Close()          {}

func (p *fakePeer) Call(ctx context.Context, request, answer any, _ time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r := request.(map[string]any)
	op := r["op"].(string)
	*p.calls = append(*p.calls, p.name+" "+op)
	reply := map[string]any{"version": "1", "wall_s": 0.5, "bytes": 77, "cpu_s": 1}
	switch {
	case p.how == op+" fails":
		return &peer.Error{Reason: "no " + op}
	case p.how == op+" hangs":
		return &peer.Error{Fatal: true, Reason: "timeout after 1s"}
	case op == "search":
		count, k := r["limit"].(int), r["k"].(int)
		ids := make([]int32, count*k)
		for i := range ids {
			ids[i] = int32(i % k)
		}
		switch p.how {
		case "too few":
			ids[len(ids)-1] = -1
		case "wrong ids":
			ids[0] = 1000
		case "short file":
			ids = ids[1:]
		}
		raw, _ := binary.Append(nil, binary.LittleEndian, ids)
		if err := os.WriteFile(r["out"].(string), raw, 0o666); err != nil {
			return err
		}
		reply["count"], reply["latencies_us"] = count, []float64{1, 2, 3}
	}
	if answer == nil {
		return nil
	}
	raw, _ := json.Marshal(reply)
	return json.Unmarshal(raw, answer)
}

func fakeSpec(name string) peer.Spec {
	return peer.Spec{Name: name, Version: "1", Kind: "python", Package: name, Metrics: []string{"L2"},
		BuildParams:  []map[string]any{{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}},
		SearchParams: []map[string]any{{"ef": 10}, {"ef": 20}, {"ef": 40}},
		CanSave:      true, CanMap: true}
}

// options are for peers ref, x and y; how is what is wrong with x.
func options(t *testing.T, how string) (*Options, *[]string) {
	calls := &[]string{}
	var base, queries []float32
	var truth [][]int32
	for i := range 10 {
		base = append(base, float32(i))
		queries = append(queries, -1)
		truth = append(truth, []int32{0, 1, 2})
	}
	o := &Options{
		Data: Data{Name: "numbers", Metric: "L2", Dim: 1, N: 10, QueryCount: 10,
			Base: writeFloats(t, base...), Queries: writeFloats(t, queries...),
			Truth: func(_ context.Context, k int) ([][]int32, [][]float32, error) {
				return truth, nil, nil
			}},
		Peers: []peer.Spec{fakeSpec("x"), fakeSpec("ref"), fakeSpec("y")}, Reference: "ref",
		Out: filepath.Join(t.TempDir(), "out.jsonl"), Commit: "c1", Scratch: t.TempDir(),
		Ks: []int{3, 1}, Cores: 2, BuildThreads: []int{2, 1}, BuildRepeats: 1, Repeats: 3, Tiers: 2,
		Budget: time.Second, BuildLimit: time.Second, SearchLimit: time.Second, Log: io.Discard,
		Start: func(_ context.Context, s peer.Spec, _ io.Writer) (Process, error) {
			if s.Name != "x" {
				return &fakePeer{name: s.Name, calls: calls}, nil
			}
			if how == "install" {
				return nil, errors.New("pip: no such thing")
			}
			return &fakePeer{name: s.Name, how: how, calls: calls}, nil
		},
	}
	return o, calls
}

// count counts the records of a file, by kind and peer.
func count(t *testing.T, path string) (map[string]int, []Record) {
	t.Helper()
	records, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, r := range records {
		switch {
		case r.Build != nil:
			n["build "+r.Build.Peer]++
		case r.Search != nil:
			n["search "+r.Search.Peer]++
		case r.Failure != nil:
			n["failure "+r.Failure.Peer+" "+r.Failure.Stage]++
		}
	}
	return n, records
}

// all is what is measured of a peer that works: 2 parameter sets x 2 threads; 2 sets x 3 points x
// 5 ways (k 3 single, batch, batch on all cores; k 1 single, batch).
var all = map[string]int{"build x": 4, "build y": 4, "build ref": 4, "search x": 30, "search y": 30, "search ref": 30}

func with(changes map[string]int) map[string]int {
	m := map[string]int{}
	for k, v := range all {
		m[k] = v
	}
	for k, v := range changes {
		m[k] = v
		if v == 0 {
			delete(m, k)
		}
	}
	return m
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		how    string
		want   map[string]int
		reason string
	}{
		{"good", all, ""},
		{"install", with(map[string]int{"build x": 0, "search x": 0, "failure x install": 1}), "pip: no such thing"},
		{"hello hangs", with(map[string]int{"build x": 0, "search x": 0, "failure x start": 1}), "timeout after 1s"},
		{"build fails", with(map[string]int{"build x": 0, "search x": 0, "failure x build": 2}), "no build"},
		{"build hangs", with(map[string]int{"build x": 0, "search x": 0, "failure x build": 2}), "timeout after 1s"},
		{"save fails", with(map[string]int{"failure x save": 2}), "no save"},
		{"load fails", with(map[string]int{"failure x load": 4}), "no load"},
		// Where a search fails, loading fails too: its first searches do.
		{"search hangs", with(map[string]int{"search x": 0, "failure x load": 4, "failure x search": 2}), "timeout after 1s"},
		{"search fails", with(map[string]int{"search x": 0, "failure x load": 4, "failure x search": 30}), "no search"},
		{"too few", with(map[string]int{"failure x search": 30}), "fewer than k for 1 of 10 queries, 1 ids missing"},
		{"wrong ids", with(map[string]int{"search x": 0, "failure x search": 30}), "wrong ids: 1000 for query 0"},
		{"short file", with(map[string]int{"search x": 0, "failure x load": 4, "failure x search": 30}), "bytes of ids"},
	} {
		t.Run(test.how, func(t *testing.T) {
			o, _ := options(t, test.how)
			if err := Run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			n, records := count(t, o.Out)
			if !reflect.DeepEqual(n, test.want) {
				t.Errorf("got  %v\nwant %v", n, test.want)
			}
			for _, r := range records {
				if r.Failure != nil && !strings.Contains(r.Failure.Reason, test.reason) {
					t.Errorf("%+v", r.Failure)
				}
				if s := r.Search; s != nil && (s.Recall != 1 && test.how != "too few" ||
					s.Reference == nil || s.Reference.Peer != "ref" || s.QPS != 20 || s.P99 != 3 && s.Mode == "single") {
					t.Errorf("%+v", s)
				}
			}
			if left, _ := os.ReadDir(o.Scratch); len(left) > 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestMore has more queries than are judged by default, of which those behind find nothing: peers are
// compared by the first ones, and the recall of all is there too.
func TestMore(t *testing.T) {
	o, _ := options(t, "")
	const n = judged * 3 / 2
	queries, truth := make([]float32, n), make([][]int32, n)
	for i := range truth {
		queries[i], truth[i] = -1, []int32{0, 1, 2}
		if i >= judged {
			truth[i] = []int32{7, 8, 9}
		}
	}
	o.Data.QueryCount, o.Data.Queries = n, writeFloats(t, queries...)
	o.Data.Truth = func(context.Context, int) ([][]int32, [][]float32, error) { return truth, nil, nil }
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	_, records := count(t, o.Out)
	seen := 0
	for _, r := range records {
		if s := r.Search; s != nil {
			seen++
			if s.Judged != judged || s.Recall != 1 || s.More == nil || s.More.Judged != n || s.More.Recall != 2.0/3 {
				t.Errorf("%+v, more %+v", s, s.More)
			}
		}
	}
	if seen == 0 {
		t.Error("no searches")
	}
}

func TestScheduleIsDeterministic(t *testing.T) {
	a, _ := options(t, "")
	b, _ := options(t, "")
	if x, y := fmt.Sprintf("%+v", schedule(a)), fmt.Sprintf("%+v", schedule(b)); x != y {
		t.Errorf("%s\n%s", x, y)
	}
}

func TestScheduleGroups(t *testing.T) {
	o, _ := options(t, "")
	o.Together = 2
	stages := schedule(o)
	if len(stages) != 4 { // two parameter sets, each for ref + x and ref + y
		t.Fatal(len(stages))
	}
	for _, s := range stages {
		if len(s.members) != 2 || !s.members[0].reference {
			t.Errorf("%+v", s.members)
		}
		for _, p := range s.points {
			if len(p.entries) != 2 {
				t.Errorf("%+v", p)
			}
		}
	}
	o.Points = 2
	if list := o.sweep(fakeSpec("x")); len(list) != 2 || list[0]["ef"] != 10 || list[1]["ef"] != 40 {
		t.Error(list)
	}
}

// TestTurns says that peers take turns, and that another begins each round.
func TestTurns(t *testing.T) {
	o, calls := options(t, "good")
	o.Tiers, o.Points, o.Ks, o.Cores = 1, 1, []int{1}, 1
	o.Peers = o.Peers[:2]
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var turns []string
	for _, c := range *calls {
		if name, ok := strings.CutSuffix(c, " search"); ok {
			turns = append(turns, name)
		}
	}
	// After the first searches of two loads each: a warm-up and three rounds, for two ways.
	want := "ref ref x x ref x ref x x ref ref x ref x ref x x ref ref x"
	if got := strings.Join(turns, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestResume(t *testing.T) {
	o, calls := options(t, "good")
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(p Progress) {
		if p.Done >= p.Total/3 {
			cancel()
		}
	}
	if err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	part, _ := count(t, o.Out)
	if part["search x"] == 0 || reflect.DeepEqual(part, all) {
		t.Fatalf("not interrupted in the middle: %v", part)
	}
	o.Progress = nil
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if whole, _ := count(t, o.Out); !reflect.DeepEqual(whole, all) {
		t.Errorf("got  %v\nwant %v", whole, all)
	}
	before, _ := os.ReadFile(o.Out)
	*calls = nil
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(o.Out); string(after) != string(before) || len(*calls) > 0 {
		t.Errorf("something was repeated: %v", *calls)
	}
	o.Commit = "c2"
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n, _ := count(t, o.Out); n["search x"] != 2*all["search x"] {
		t.Errorf("another commit: %v", n)
	}
}

// TestResumeFailedBuild says that a build that failed is not tried again for the same commit.
func TestResumeFailedBuild(t *testing.T) {
	o, calls := options(t, "build hangs")
	for range 2 {
		*calls = nil
		if err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range *calls {
		if c == "x build" {
			t.Fatal("built again")
		}
	}
}
