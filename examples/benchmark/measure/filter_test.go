// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/n2ann/n2/examples/benchmark/peer"
)

// A filterPeer holds numbers and finds those allowed that are nearest to -1.
type filterPeer struct {
	livePeer
	allowed []int32
}

func (p *filterPeer) Call(ctx context.Context, request, answer any, limit time.Duration) error {
	r := request.(map[string]any)
	switch op := r["op"].(string); {
	case p.how == op+" fails":
		return &peer.Error{Reason: "no " + op}
	case op == "build":
		return nil
	case op == "allow":
		raw, err := os.ReadFile(r["path"].(string))
		p.allowed = nil
		for i := range 8 * len(raw) {
			if raw[i/8]>>(i%8)&1 == 1 {
				p.allowed = append(p.allowed, int32(i))
			}
		}
		return err
	case op == "search":
		k, count := r["k"].(int), r["limit"].(int)
		near := slices.Clone(p.allowed[:k])
		switch p.how {
		case "short":
			near[k-1] = -1
		case "not allowed":
			near[0] = (p.allowed[0] + 59) % 60 // the one before the first
		}
		raw, err := binary.Append(nil, binary.LittleEndian, slices.Repeat(near, count))
		if err := errors.Join(err, os.WriteFile(r["out"].(string), raw, 0o666)); err != nil {
			return err
		}
		reply, _ := json.Marshal(map[string]any{"wall_s": 0.5, "count": count, "latencies_us": []float64{1, 2, 3}})
		return json.Unmarshal(reply, answer)
	}
	return p.livePeer.Call(ctx, request, answer, limit)
}

func filterOptions(t *testing.T, how string) *FilterOptions {
	live, calls := liveOptions(t, "")
	o := &FilterOptions{Options: live.Options, Kinds: FilterKinds, Shares: []float64{0.5, 0.05}, K: 4, Params: map[string]any{"M": 16.0}}
	o.Repeats, o.Budget = 3, time.Minute
	o.Data.QueryCount = 30
	o.Data.Queries = writeFloats(t, slices.Repeat([]float32{-1}, 30)...)
	o.Data.ByDistance = func(int) ([]int32, error) {
		rows := make([]int32, o.Data.N)
		for i := range rows {
			rows[i] = int32(i)
		}
		return rows, nil
	}
	o.Start = func(context.Context, peer.Spec, io.Writer) (Process, error) {
		return &filterPeer{livePeer: livePeer{how: how, calls: calls}}, nil
	}
	return o
}

func TestFilters(t *testing.T) {
	o := filterOptions(t, "")
	list, err := o.filters()
	if err != nil || len(list) != 6 {
		t.Fatal(len(list), err)
	}
	again, _ := o.filters()
	if !reflect.DeepEqual(list, again) {
		t.Error("not the same each time")
	}
	for i, want := range []int{30, 3, 30, 3, 30, 3} {
		if f := list[i]; len(f.rows) != want || !slices.IsSorted(f.rows) {
			t.Errorf("%+v", f)
		}
	}
	for _, row := range list[1].rows {
		if !slices.Contains(list[0].rows, row) {
			t.Errorf("row %d is allowed at random by the small one alone", row)
		}
	}
	if near, far := list[3].rows, list[5].rows; !slices.Equal(near, []int32{0, 1, 2}) || !slices.Equal(far, []int32{57, 58, 59}) {
		t.Error(near, far)
	}
	if bits := list[5].bits(60); len(bits) != 1 || bits[0] != 7<<57 {
		t.Errorf("%x", bits)
	}
}

func TestFilter(t *testing.T) {
	o := filterOptions(t, "")
	for range 2 { // the second time nothing is left
		if err := Filter(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	records, err := Read(o.Out)
	if err != nil || len(records) != 1+6*3+6 { // the machine, three points of x, one of the scan
		t.Fatal(len(records), err)
	}
	for _, r := range records[1:] {
		v := r.Filtered
		if v == nil || v.Recall != 1 || v.Short != 0 || v.QPS != 60 || v.P50 != 1 || v.P99 != 3 || v.Repeats != 3 ||
			v.Allowed != int(60*v.Share) {
			t.Errorf("%+v", r)
		}
	}
	if last := records[len(records)-1].Filtered; last.Peer != "scan" || last.Kind != "far" {
		t.Errorf("%+v", last)
	}
}

func TestFilterWrong(t *testing.T) {
	for how, reason := range map[string]string{"not allowed": "is not allowed", "allow fails": "no allow", "short": ""} {
		o := filterOptions(t, how)
		if err := Filter(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		records, err := Read(o.Out)
		if err != nil || len(records) < 2 {
			t.Fatal(len(records), err)
		}
		for _, r := range records[1:] {
			switch {
			case r.Failure != nil && (how == "short" || r.Failure.Stage != "filter" || !strings.Contains(r.Failure.Reason, reason)):
				t.Errorf("%s: %+v", how, r.Failure)
			case r.Filtered != nil && (how != "short" || r.Filtered.Short != 1 || r.Filtered.Recall >= 1):
				t.Errorf("%s: %+v", how, r.Filtered)
			}
		}
	}
}
