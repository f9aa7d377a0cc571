// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/json"
	"fmt"

	"github.com/n2ann/n2/examples/benchmark/peer"
)

// A stage is a group of peers whose indexes are in memory at the same time, so that they can take
// turns at every point. The reference is in each.
type stage struct {
	builds  []build
	points  []point
	members []member
}

// A member is a peer in a stage with the parameters of its index.
type member struct {
	spec      peer.Spec
	params    map[string]any
	reference bool
}

// A build is one index to make. Those of a member follow each other; keep is set for the first,
// whose process then makes the searches.
type build struct {
	member, threads, repeat int
	keep                    bool
}

// A point is one way to search, in which members take turns.
type point struct {
	k       int
	mode    string
	threads int
	entries []entry
}

type entry struct {
	member int
	search map[string]any
}

// A way is one of the manners of searching that are compared.
type way struct {
	k       int
	mode    string
	threads int
}

// ways are all of them: one query a call and batches on one thread for each k, batches on all
// cores for the k that comes first.
func (o *Options) ways() []way {
	var list []way
	for _, k := range o.Ks {
		list = append(list, way{k, "single", 1}, way{k, "batch", 1})
		if k == o.Ks[0] && o.Cores > 1 {
			list = append(list, way{k, "batch", o.Cores})
		}
	}
	return list
}

// schedule decides what is measured, in which order. The same options give the same schedule.
func schedule(o *Options) []stage {
	var stages []stage
	for tier := 0; ; tier++ {
		var members []member
		more := false
		for _, s := range o.Peers {
			if tier < len(s.BuildParams) && tier < o.Tiers {
				more = true
				members = append(members, member{spec: s, params: s.BuildParams[tier]})
			}
		}
		if !more {
			return stages
		}
		for _, group := range o.split(members, tier) {
			stages = append(stages, o.stage(group))
		}
	}
}

// split makes groups that fit into memory together, the reference at the head of each.
func (o *Options) split(members []member, tier int) [][]member {
	var reference []member
	var others []member
	for _, m := range members {
		if m.spec.Name != o.Reference {
			others = append(others, m)
		}
	}
	for _, s := range o.Peers {
		if s.Name == o.Reference {
			at := min(tier, len(s.BuildParams)-1)
			reference = []member{{spec: s, params: s.BuildParams[at], reference: true}}
		}
	}
	size := max(1, o.together()-len(reference))
	groups := [][]member{}
	for len(others) > 0 {
		n := min(size, len(others))
		groups = append(groups, append(reference[:len(reference):len(reference)], others[:n]...))
		others = others[n:]
	}
	if len(groups) == 0 {
		groups = append(groups, reference)
	}
	return groups
}

// together is how many peers may have their indexes in memory at once: half of the memory is for
// them. An index is taken for three times the vectors, and 512 bytes a vector for its links.
func (o *Options) together() int {
	if o.Together > 0 {
		return o.Together
	}
	each := int64(o.Data.N)*int64(3*4*o.Data.Dim+512) + 100<<20
	return int(max(2, o.Memory/2/each))
}

// stage lists what is done with a group.
func (o *Options) stage(members []member) stage {
	s := stage{members: members}
	for i := range members {
		for _, threads := range o.BuildThreads {
			for repeat := range o.BuildRepeats {
				s.builds = append(s.builds, build{i, threads, repeat, threads == o.BuildThreads[0] && repeat == 0})
			}
		}
	}
	longest := 0
	for _, m := range members {
		longest = max(longest, len(o.sweep(m.spec)))
	}
	for at := range longest {
		for _, w := range o.ways() {
			p := point{k: w.k, mode: w.mode, threads: w.threads}
			others := false
			for i, m := range members {
				list := o.sweep(m.spec)
				switch {
				case w.mode == "batch" && m.spec.NoBatch:
				case m.reference:
					p.entries = append(p.entries, entry{i, list[min(at, len(list)-1)]})
				case at < len(list):
					p.entries = append(p.entries, entry{i, list[at]})
					others = true
				}
			}
			if others || len(members) == 1 {
				s.points = append(s.points, p)
			}
		}
	}
	return s
}

// sweep is the peer's, thinned out to Points if there are more.
func (o *Options) sweep(s peer.Spec) []map[string]any {
	list := s.SearchParams
	if o.Points <= 0 || len(list) <= o.Points {
		return list
	}
	var thin []map[string]any
	for i := range o.Points {
		thin = append(thin, list[i*(len(list)-1)/max(1, o.Points-1)])
	}
	return thin
}

// Keys name what has been measured already. Parameters are written as JSON, whose map keys are
// sorted and whose numbers are the same after reading them back.

func key(parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		return fmt.Sprint(parts...)
	}
	return string(text)
}

func (o *Options) buildKey(m member, b build) string {
	return key("build", o.Data.Name, o.Data.N, m.spec.Name, m.spec.Version, m.params, b.threads, b.repeat)
}

func (o *Options) searchKey(m member, p point, search map[string]any) string {
	return key("search", o.Data.Name, o.Data.N, m.spec.Name, m.params, search, p.k, p.mode, p.threads)
}

// done collects the keys of what the records of the same commit hold.
func (o *Options) done(records []Record) map[string]bool {
	commits := map[string]string{}
	for _, r := range records {
		if r.Machine != nil {
			commits[r.Machine.Run] = r.Machine.Commit
		}
	}
	done := map[string]bool{}
	for _, r := range records {
		switch {
		case r.Build != nil && commits[r.Build.Run] == o.Commit:
			b := r.Build
			done[key("build", b.Dataset, b.N, b.Peer, b.Version, b.Params, b.Threads, b.Repeat)] = true
		case r.Search != nil && commits[r.Search.Run] == o.Commit:
			s := r.Search
			done[key("search", s.Dataset, s.N, s.Peer, s.Params, s.Search, s.K, s.Mode, s.Threads)] = true
		case r.Live != nil && commits[r.Live.Run] == o.Commit:
			v := r.Live
			done[liveKey(v.Dataset, v.N, v.Peer, v.Params, v.K, v.Workload, v.Workers, v.Size)] = true
		case r.Filtered != nil && commits[r.Filtered.Run] == o.Commit:
			v := r.Filtered
			done[filterKey(v.Dataset, v.N, v.Peer, v.Params, v.Search, v.Kind, v.Share, v.K)] = true
		case r.Failure != nil && commits[r.Failure.Run] == o.Commit && r.Failure.Stage == "build":
			f := r.Failure
			done[failedKey(f.Dataset, f.N, f.Peer, f.Params, f.Threads)] = true
		}
	}
	return done
}

func failedKey(dataset string, n int, peer string, params map[string]any, threads int) string {
	return key("failed", dataset, n, peer, params, threads)
}

func liveKey(dataset string, n int, peer string, params map[string]any, k int, workload string, workers, size int) string {
	return key("live", dataset, n, peer, params, k, workload, workers, size)
}

func filterKey(dataset string, n int, peer string, params, search map[string]any, kind string, share float64, k int) string {
	return key("filtered", dataset, n, peer, params, search, kind, share, k)
}
