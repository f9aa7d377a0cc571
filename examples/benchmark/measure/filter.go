// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/n2ann/n2/examples/benchmark/peer"
)

// FilterOptions say what is measured of searches under filters. Of Options it takes those that are
// not about points, Repeats, Points and Budget.
type FilterOptions struct {
	Options
	Kinds  []string  // some of FilterKinds
	Shares []float64 // of the vectors that are allowed, above 0 and at most 1
	K      int
	Params map[string]any
}

// FilterKinds are the ways in which the allowed vectors are chosen: at random; those nearest to a
// vector; those farthest from it.
var FilterKinds = []string{"random", "near", "far"}

// filterSeed chooses the random vectors, and the one that others are near to or far from.
const filterSeed = 1

// leastFiltered is how many searches a repeat makes at least: some peers take a second for each.
const leastFiltered = 20

// A filter is a set of rows that are allowed.
type filter struct {
	kind  string
	share float64
	rows  []int32 // ascending
}

// filters are all of them. Of a kind, one that allows less is a part of one that allows more.
func (o *FilterOptions) filters() ([]filter, error) {
	r := rand.New(rand.NewPCG(filterSeed, 3))
	from := r.IntN(o.Data.N)
	order := map[string][]int32{"random": make([]int32, o.Data.N)}
	for i, row := range r.Perm(o.Data.N) {
		order["random"][i] = int32(row)
	}
	if slices.Contains(o.Kinds, "near") || slices.Contains(o.Kinds, "far") {
		near, err := o.Data.ByDistance(from)
		if err != nil {
			return nil, err
		}
		order["near"], order["far"] = near, slices.Clone(near)
		slices.Reverse(order["far"])
	}
	var list []filter
	for _, kind := range o.Kinds {
		for _, share := range o.Shares {
			n := max(1, int(share*float64(o.Data.N)+0.5))
			list = append(list, filter{kind, share, slices.Sorted(slices.Values(order[kind][:n]))})
		}
	}
	return list, nil
}

// bits are the words of a filter.
func (f filter) bits(n int) []uint64 {
	words := make([]uint64, (n+63)/64)
	for _, row := range f.rows {
		words[row/64] |= 1 << (row % 64)
	}
	return words
}

// A filterRunner measures searches under filters.
type filterRunner struct {
	*runner
	o      *FilterOptions
	truths truths
}

// Filter measures what the options say and appends it to the result file, with [Run]'s rules; a scan
// of what is allowed is measured beside the peers.
func Filter(ctx context.Context, o *FilterOptions) error {
	r, end, err := newRunner(&o.Options)
	if err != nil {
		return err
	}
	defer end()
	l := &filterRunner{runner: r, o: o, truths: truths{data: o.Data, k: o.K}}
	defer l.truths.close()
	filters, err := o.filters()
	if err != nil {
		return err
	}
	s := stage{}
	for _, spec := range append(slices.Clone(o.Peers), peer.Scan) {
		m := member{spec: spec, params: o.Params}
		if spec.Name == peer.Scan.Name {
			m.params = peer.Scan.BuildParams[0]
		}
		if slices.ContainsFunc(filters, func(f filter) bool { return len(l.left(m, f)) > 0 }) {
			s.builds = append(s.builds, build{member: len(s.members)})
			s.members = append(s.members, m)
		}
	}
	if len(s.members) == 0 {
		return nil
	}
	r.clock.add(&s, 0)
	if err := r.preflight(ctx, []stage{s}); err != nil {
		return err
	}
	for _, m := range s.members {
		if !r.refused[m.spec.Name] {
			r.clock.begin(r.Progress, "building "+m.spec.Name)
			if err := l.measure(ctx, m, filters); err != nil {
				return err
			}
		}
		r.clock.built()
	}
	return nil
}

// left are the points of the peer's sweep that are not measured yet.
func (l *filterRunner) left(m member, f filter) []map[string]any {
	return slices.DeleteFunc(slices.Clone(l.sweep(m.spec)), func(search map[string]any) bool {
		return l.done[filterKey(l.Data.Name, l.Data.N, m.spec.Name, m.params, search, f.kind, f.share, l.o.K)]
	})
}

// measure builds one peer's index and searches it under each filter.
func (l *filterRunner) measure(ctx context.Context, m member, filters []filter) error {
	p, version, stage, err := l.begin(ctx, m)
	if err != nil {
		return l.failed(ctx, m, 0, stage, err)
	}
	defer p.Close()
	l.bind(p, len(l.cores))
	request := map[string]any{"op": "build", "base": l.Data.Base, "n": l.Data.N, "dim": l.Data.Dim, "metric": l.Data.Metric,
		"threads": len(l.cores), "params": m.params, "scratch": l.Scratch}
	if err := errors.Join(p.Call(ctx, request, nil, l.BuildLimit), l.queries(ctx, p)); err != nil {
		return l.failed(ctx, m, 0, "filter", err)
	}
	l.bind(p, 1)
	for _, f := range filters {
		points := l.left(m, f)
		if len(points) == 0 {
			continue
		}
		l.clock.tell(l.Progress, fmt.Sprintf("%s: %g %% allowed, %s", m.spec.Name, 100*f.share, f.kind), "")
		if err := l.allow(ctx, p, f); err != nil {
			return l.failed(ctx, m, 0, "filter", err)
		}
		for _, search := range points {
			v, err := l.point(ctx, p, f, search)
			if err != nil {
				err = fmt.Errorf("%g %% allowed, %s, %s: %w", 100*f.share, f.kind, label(search), err)
				if err := l.failed(ctx, m, 0, "filter", err); err != nil {
					return err
				}
				var e *peer.Error
				if errors.As(err, &e) && e.Fatal {
					return nil
				}
				break
			}
			v.Peer, v.Version, v.Params = m.spec.Name, version, m.params
			if err := Append(l.Out, Record{Filtered: v}); err != nil {
				return err
			}
		}
	}
	return nil
}

// allow hands a filter to a peer.
func (l *filterRunner) allow(ctx context.Context, p Process, f filter) error {
	raw, err := binary.Append(nil, binary.LittleEndian, f.bits(l.Data.N))
	if err != nil {
		return err
	}
	path := filepath.Join(l.Scratch, "allowed")
	if err := os.WriteFile(path, raw, 0o666); err != nil {
		return err
	}
	return p.Call(ctx, map[string]any{"op": "allow", "path": path}, nil, l.SearchLimit)
}

// point searches in one way, as often as is asked for, and sums up.
func (l *filterRunner) point(ctx context.Context, p Process, f filter, search map[string]any) (*Filtered, error) {
	k := min(l.o.K, len(f.rows)) // there are no more
	at := point{k: k, mode: "single", threads: 1}
	warm, err := l.search(ctx, p, at, search, leastFiltered)
	if err != nil {
		return nil, err
	}
	limit := max(leastFiltered, int(min(warm.qps()*l.Budget.Seconds(), float64(l.Data.QueryCount))))
	v := &Filtered{Run: l.run, Dataset: l.Data.Name, N: l.Data.N, Dim: l.Data.Dim, Metric: l.Data.Metric, Search: search,
		K: l.o.K, Kind: f.kind, Share: f.share, Allowed: len(f.rows), Repeats: l.Repeats}
	var all []float64
	for repeat := range l.Repeats {
		found, err := l.search(ctx, p, at, search, limit)
		if err != nil {
			return nil, err
		}
		if repeat == 0 {
			if err := l.judge(ctx, f, found, k, v); err != nil {
				return nil, err
			}
		}
		all = append(all, found.qps())
		if found.qps() > v.QPS {
			v.QPS = digits(found.qps())
			if us := found.Latencies; len(us) == 3 {
				v.P50, v.P99 = digits(us[0]), digits(us[2])
			}
		}
	}
	slices.Sort(all)
	v.QPSSpread = digits((all[len(all)-1] - all[0]) / all[len(all)/2])
	return v, nil
}

// judge compares what was found with the truth among the allowed ones.
func (l *filterRunner) judge(ctx context.Context, f filter, found found, k int, v *Filtered) error {
	for _, id := range found.ids {
		if _, ok := slices.BinarySearch(f.rows, id); !ok && id != -1 {
			return fmt.Errorf("wrong ids: %d is not allowed", id)
		}
	}
	j, err := l.truths.among(ctx, f.rows)
	if err != nil {
		return err
	}
	verdict, err := j.Judge(found.ids, k)
	v.Recall = max(verdict.Recall, verdict.RecallDistance)
	v.Short = float64(verdict.Short) / float64(found.Count)
	return err
}
