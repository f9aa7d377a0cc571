// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/n2ann/n2/examples/benchmark/peer"
	"github.com/n2ann/n2/examples/benchmark/workload"
)

// A livePeer holds numbers and finds those nearest to -1: those of the smallest rows. Below an ef of
// 20 it finds only half of them.
type livePeer struct {
	how      string
	rows     map[int32]int32 // by key
	calls    *[]string
	capacity int
}

func (p *livePeer) Pin([]int) error { return nil }
func (p *livePeer) Close()          {}

func (p *livePeer) Call(ctx context.Context, request, answer any, _ time.Duration) error {
	r := request.(map[string]any)
	op := r["op"].(string)
	*p.calls = append(*p.calls, op)
	if p.how == op+" fails" {
		return &peer.Error{Reason: "no " + op}
	}
	reply := map[string]any{"version": "1", "wall_s": 2, "rss_before": 1000, "rss_after": 9000, "kept": 500, "extra": 700}
	var err error
	switch op {
	case "build":
		p.fill(r["n"].(int))
		p.capacity = r["capacity"].(int)
	case "live build":
		p.fill(r["n"].(int))
		err = p.write(r["out"].(string), []workload.Kind{workload.Build, workload.Search})
	case "live":
		err = p.live(r)
	case "search":
		reply["count"] = r["limit"]
		err = p.search(r)
	}
	if err != nil || answer == nil {
		return err
	}
	raw, err := json.Marshal(reply)
	return errors.Join(err, json.Unmarshal(raw, answer))
}

func (p *livePeer) fill(n int) {
	p.rows = map[int32]int32{}
	for i := range int32(n) {
		p.rows[i] = i
	}
}

func (p *livePeer) live(r map[string]any) error {
	plan, err := workload.Read(r["plan"].(string))
	if err != nil {
		return err
	}
	var kinds []workload.Kind
	for _, operations := range plan {
		for _, o := range operations {
			kinds = append(kinds, o.Kind)
			switch {
			case o.Kind == workload.Add:
				p.rows[o.Key] = o.Row
			case o.Kind == workload.Delete && p.how != "keeps what is deleted":
				delete(p.rows, o.Key)
			}
			if len(p.rows) > p.capacity && p.how == "" {
				return errors.New("full")
			}
			if int(o.Key) >= r["keys"].(int) {
				return errors.New("a key beyond those announced")
			}
		}
	}
	return p.write(r["out"].(string), kinds)
}

// write says that each operation took a millisecond, one after the other.
func (p *livePeer) write(out string, kinds []workload.Kind) error {
	timings := make([]workload.Timing, len(kinds))
	for i, kind := range kinds {
		timings[i] = workload.Timing{Kind: int64(kind), Start: int64(i) * 1e6, End: int64(i+1) * 1e6}
	}
	return errors.Join(workload.WriteTimings(out, [][]workload.Timing{timings}),
		workload.WriteSamples(out+".memory", []workload.Sample{{At: 1e9, Bytes: 5000}}))
}

func (p *livePeer) search(r map[string]any) error {
	var keys []int32
	for key := range p.rows {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b int32) int { return cmp.Compare(p.rows[a], p.rows[b]) })
	k := r["k"].(int)
	if ef := r["params"].(map[string]any)["ef"].(int); ef < 20 || p.how == "finds half" {
		for i := k / 2; i < k; i++ {
			keys[i] = -1
		}
	}
	var ids []int32
	for range r["limit"].(int) {
		ids = append(ids, keys[:k]...)
	}
	raw, err := binary.Append(nil, binary.LittleEndian, ids)
	return errors.Join(err, os.WriteFile(r["out"].(string), raw, 0o666))
}

func liveOptions(t *testing.T, how string) (*LiveOptions, *[]string) {
	const n, queries, k = 60, 5, 4
	calls := &[]string{}
	var base []float32
	for i := range n {
		base = append(base, float32(i))
	}
	o := &LiveOptions{Workloads: Workloads, Workers: 2, Operations: 40, Rounds: 3, K: k, Target: 0.95,
		Params: map[string]any{"M": 16.0}}
	o.Options = Options{
		Data: Data{Name: "numbers", Metric: "L2", Dim: 1, N: n, QueryCount: queries,
			Base: writeFloats(t, base...), Queries: writeFloats(t, -1, -1, -1, -1, -1),
			TruthOf: func(_ context.Context, rows []int32, count, k int) ([][]int32, error) {
				near := slices.Sorted(slices.Values(rows))[:k]
				return slices.Repeat([][]int32{near}, count), nil
			}},
		Peers: []peer.Spec{fakeSpec("x")}, Out: filepath.Join(t.TempDir(), "out.jsonl"), Commit: "c1",
		Scratch: t.TempDir(), BuildLimit: time.Second, SearchLimit: time.Second, Log: io.Discard,
		Start: func(context.Context, peer.Spec, io.Writer) (Process, error) {
			return &livePeer{how: how, calls: calls}, nil
		},
	}
	return o, calls
}

func TestLive(t *testing.T) {
	o, calls := liveOptions(t, "")
	if err := Live(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	records, err := Read(o.Out)
	if err != nil || len(records) != 5 || records[0].Machine == nil {
		t.Fatal(len(records), err)
	}
	for i, want := range []struct {
		workload   string
		rounds     int
		len        int
		operations map[string]int
	}{
		{"mixed-95-5", 1, 32, map[string]int{"search": 38, "add": 2}},
		{"mixed-50-50", 1, 50, map[string]int{"search": 20, "add": 20}},
		{"churn", 3, 30, map[string]int{"search": 60, "add": 30, "delete": 30}},
		{"build", 1, 60, map[string]int{"search": 1, "build": 1}},
	} {
		v := records[i+1].Live
		if v == nil || v.Workload != want.workload || len(v.Rounds) != want.rounds || v.Search["ef"] != 20.0 {
			t.Errorf("%d: %+v", i, v)
			continue
		}
		for _, round := range v.Rounds {
			counts := map[string]int{}
			for kind, l := range round.Operations {
				counts[kind] = l.Count
			}
			if !reflect.DeepEqual(counts, want.operations) || round.Len != want.len || round.Recall != 1 || round.Memory != 7500 {
				t.Errorf("%s: %+v", v.Workload, round)
			}
		}
		counts, memory := map[string]int{}, int64(0)
		for _, s := range v.Slices {
			for kind, l := range s.Operations {
				counts[kind] += l.Count
			}
			memory = max(memory, s.Memory)
		}
		for kind := range want.operations {
			if all := want.rounds * want.operations[kind]; counts[kind] != all || v.Operations[kind].Count != all {
				t.Errorf("%s: slices hold %v, all is %v", v.Workload, counts, v.Operations)
			}
		}
		if memory != 3300 || len(v.Slices) != sliceCount {
			t.Errorf("%s: %d slices, at most %d bytes", v.Workload, len(v.Slices), memory)
		}
		if v.Workload != "build" && (v.Start != 30 || v.Recall != 1 || v.Memory != 7500 || v.Nothing.Count != 2*idleCalls) {
			t.Errorf("%+v", v)
		}
	}
	*calls = nil
	if err := Live(t.Context(), o); err != nil || len(*calls) > 0 {
		t.Errorf("something was repeated: %v, %v", *calls, err)
	}
	o.Rounds = 2
	if err := Live(t.Context(), o); err != nil || len(*calls) == 0 {
		t.Errorf("other rounds: %v, %v", *calls, err)
	}
	if n, _ := Read(o.Out); len(n) != 7 || n[6].Live == nil || len(n[6].Live.Rounds) != 2 {
		t.Errorf("%d records", len(n))
	}
}

func TestLiveFailures(t *testing.T) {
	for how, want := range map[string]string{
		"live fails":            "no live",
		"build fails":           "no build",
		"live build fails":      "no live build",
		"keeps what is deleted": "was deleted, or never added",
		"finds half":            "recall 0.500 at ef",
	} {
		o, _ := liveOptions(t, how)
		if err := Live(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		records, err := Read(o.Out)
		if err != nil {
			t.Fatal(err)
		}
		failures := 0
		for _, r := range records {
			if r.Failure != nil {
				failures++
				if !strings.Contains(r.Failure.Reason, want) || r.Failure.Stage == "" {
					t.Errorf("%s: %+v", how, r.Failure)
				}
			}
		}
		if failures == 0 {
			t.Errorf("%s: no failure", how)
		}
	}
}
