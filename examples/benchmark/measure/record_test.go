// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	m := ThisMachine("r")
	m.Commit = "c"
	params := map[string]any{"M": 16.0, "storage": "sq8"}
	records := []Record{
		{Machine: &m},
		{Build: &Build{Run: "r", Dataset: "d", N: 5, Params: params, WallS: 1.5, RSSPeak: 1 << 40, Repeat: 2}},
		{Search: &Search{Run: "r", Search: map[string]any{"ef": 10.0}, K: 10, Mode: "single", QPS: 1e4,
			Recall: 0.99, Reference: &Reference{"hnswlib", map[string]any{"M": 16.0}, map[string]any{"ef": 80.0}, 9e3}}},
		{Search: &Search{Run: "r", Mode: "batch"}},
		{Live: &LiveRun{Run: "r", Peer: "p", Search: map[string]any{"ef": 40.0}, Workload: "churn", Nothing: Latency{Count: 1, Max: 0.5},
			Rounds: []Round{{WallS: 2, Len: 7, Recall: 0.9, Memory: 1 << 40, Operations: map[string]Latency{"add": {Count: 3, P999: 9}}}},
			Slices: []Slice{{EndS: 0.5, Memory: 9, Operations: map[string]Part{"add": {3, 1, 2}}}}}},
		{Filtered: &Filtered{Run: "r", Peer: "p", Params: params, Kind: "near", Share: 0.001, Allowed: 100, QPS: 5, Short: 0.5}},
		{Failure: &Failure{Run: "r", Peer: "p", Stage: "build", Reason: "timeout \"x\"\n"}},
	}
	if err := Append(path, records[:2]...); err != nil {
		t.Fatal(err)
	}
	// A run that was killed may leave a line without an end.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"kind":"search","ru`)
	f.Close()
	if got, err := Read(path); err != nil || !reflect.DeepEqual(got, records[:2]) {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := Append(path, records[2:]...); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || !reflect.DeepEqual(got, records) {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestReadBad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	for _, line := range []string{"nonsense", `{}`, `{"kind":"dance"}`, `{"kind":"search","k":"ten"}`} {
		if err := os.WriteFile(path, []byte("\n"+line+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "results.jsonl:2: ") {
			t.Errorf("%s: %v", line, err)
		}
	}
	if err := Append(path, Record{}); err == nil {
		t.Error("an empty record was written")
	}
}
