// SPDX-License-Identifier: Apache-2.0

// Package measure runs a benchmark: it decides what is measured when, measures it, compares what
// the peers found with the ground truth, and writes each point to a file of JSON lines as soon as
// it is known.
package measure

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// A Machine describes where and with what a run took place.
type Machine struct {
	Run      string            `json:"run"`
	Time     string            `json:"time"` // RFC 3339, when the run began
	CPU      string            `json:"cpu"`
	Flags    []string          `json:"flags"`  // the processor's vector instructions
	Caches   map[string]string `json:"caches"` // "L1d": "32K", of the first core
	Cores    int               `json:"cores"`  // those that this process may use
	Memory   int64             `json:"memory"` // bytes
	THP      string            `json:"thp"`    // the policy for transparent huge pages
	Kernel   string            `json:"kernel"`
	Go       string            `json:"go"`
	CC       string            `json:"cc"`
	Load     string            `json:"load"` // load averages when the run began
	Commit   string            `json:"commit"`
	Versions map[string]string `json:"versions"` // of the peers
}

// A Build is one index that was built, saved and loaded. Times are in seconds, sizes in bytes;
// what a peer cannot do is zero.
type Build struct {
	Run         string         `json:"run"`
	Dataset     string         `json:"dataset"`
	N           int            `json:"n"`
	Dim         int            `json:"dim"`
	Metric      string         `json:"metric"`
	Peer        string         `json:"peer"`
	Version     string         `json:"version"`
	Params      map[string]any `json:"params"`
	Threads     int            `json:"threads"`
	WallS       float64        `json:"wall_s"`
	CPUS        float64        `json:"cpu_s"`
	RSSBefore   int64          `json:"rss_before"` // before the vectors were read
	RSSRaw      int64          `json:"rss_raw"`    // after they were
	RSSPeak     int64          `json:"rss_peak"`   // at most during the build, the vectors included
	RSSAfter    int64          `json:"rss_after"`  // after the build, the vectors freed
	FileBytes   int64          `json:"file_bytes"`
	SaveS       float64        `json:"save_s"`
	LoadS       float64        `json:"load_s"`
	LoadMappedS float64        `json:"load_mapped_s"`
	First1000S  float64        `json:"first_1000_s"` // the first 1,000 searches after loading, mapped where that is possible
	Repeat      int            `json:"repeat"`       // 0 is the first
}

// A Reference is what the reference peer did in the same rounds as the point it belongs to. It is
// measured again and again beside other peers: how its QPS vary at one point tells how fast the
// machine was each time.
type Reference struct {
	Peer   string         `json:"peer"`
	Params map[string]any `json:"params"`
	Search map[string]any `json:"search"`
	QPS    float64        `json:"qps"`
}

// A Search is one point: one index searched in one way.
type Search struct {
	Run            string         `json:"run"`
	Dataset        string         `json:"dataset"`
	N              int            `json:"n"`
	Peer           string         `json:"peer"`
	Params         map[string]any `json:"params"`
	Search         map[string]any `json:"search"`
	K              int            `json:"k"`
	Mode           string         `json:"mode"` // "single": one query a call, "batch": all in one call
	Threads        int            `json:"threads"`
	QPS            float64        `json:"qps"`        // queries per second, the best of the repeats
	QPSSpread      float64        `json:"qps_spread"` // (max - min) / median of the repeats
	Repeats        int            `json:"repeats"`
	P50            float64        `json:"p50_us"` // latencies of the best repeat, in mode "single"
	P95            float64        `json:"p95_us"`
	P99            float64        `json:"p99_us"`
	Recall         float64        `json:"recall"`          // by id
	RecallDistance float64        `json:"recall_distance"` // one as near as the k-th true neighbour counts too
	Judged         int            `json:"judged"`          // of how many queries, the first ones; 0 is not known
	More           *More          `json:"more,omitempty"`  // of more queries, where the first repeat made more searches
	Reference      *Reference     `json:"reference"`
}

// More is the recall of all searches of the first repeat. How many these were depends on the peer and
// its speed: it tells the recall of a point more exactly, and is not to compare peers by.
type More struct {
	Judged         int     `json:"judged"`
	Recall         float64 `json:"recall"`
	RecallDistance float64 `json:"recall_distance"`
}

// A LiveRun is an index that one peer searched and changed at the same time.
type LiveRun struct {
	Run      string         `json:"run"`
	Dataset  string         `json:"dataset"`
	N        int            `json:"n"`
	Dim      int            `json:"dim"`
	Metric   string         `json:"metric"`
	Peer     string         `json:"peer"`
	Version  string         `json:"version"`
	Params   map[string]any `json:"params"`
	Search   map[string]any `json:"search"`
	K        int            `json:"k"`
	Workload string         `json:"workload"`
	Workers  int            `json:"workers"`
	Size     int            `json:"size"`    // operations of a mixed workload, rounds of churn
	Start    int            `json:"start"`   // vectors when it began
	Recall   float64        `json:"recall"`  // then, by distance, of searches when nothing else happened
	Memory   int64          `json:"memory"`  // then, resident bytes of the index
	Nothing  Latency        `json:"nothing"` // a call that does nothing, made in the same way
	Rounds   []Round        `json:"rounds"`
	// Operations and Slices are of all rounds, less the time between them.
	Operations map[string]Latency `json:"operations"`
	Slices     []Slice            `json:"slices"`
}

// A Round is a part of it, with what the index was like afterwards.
type Round struct {
	WallS      float64            `json:"wall_s"`
	Len        int                `json:"len"`
	Recall     float64            `json:"recall"`
	Memory     int64              `json:"memory"`
	Operations map[string]Latency `json:"operations"`
}

// A Filtered is one point of searches under a filter, one query a call on one thread.
type Filtered struct {
	Run       string         `json:"run"`
	Dataset   string         `json:"dataset"`
	N         int            `json:"n"`
	Dim       int            `json:"dim"`
	Metric    string         `json:"metric"`
	Peer      string         `json:"peer"`
	Version   string         `json:"version"`
	Params    map[string]any `json:"params"`
	Search    map[string]any `json:"search"`
	K         int            `json:"k"`
	Kind      string         `json:"filter"` // how the allowed ones were chosen
	Share     float64        `json:"share"`
	Allowed   int            `json:"allowed"`
	QPS       float64        `json:"qps"` // the best of the repeats
	QPSSpread float64        `json:"qps_spread"`
	Repeats   int            `json:"repeats"`
	P50       float64        `json:"p50_us"`
	P99       float64        `json:"p99_us"`
	Recall    float64        `json:"recall"` // among the allowed, by distance
	Short     float64        `json:"short"`  // share of the searches that found fewer than there are
}

// A Failure is something that could not be measured, and why.
type Failure struct {
	Run     string         `json:"run"`
	Dataset string         `json:"dataset"`
	N       int            `json:"n"`
	Peer    string         `json:"peer"`
	Params  map[string]any `json:"params,omitempty"`
	Threads int            `json:"threads,omitempty"` // of a build
	Stage   string         `json:"stage"`             // "install", "start", "build", "save", "load", "search", "live churn" and so on
	Reason  string         `json:"reason"`
}

// A Record is one line of a result file: exactly one of its fields is not nil.
type Record struct {
	Machine  *Machine
	Build    *Build
	Search   *Search
	Live     *LiveRun
	Filtered *Filtered
	Failure  *Failure
}

// MarshalJSON writes the record with its kind as the first field.
func (r Record) MarshalJSON() ([]byte, error) {
	switch {
	case r.Machine != nil:
		return withKind("machine", r.Machine)
	case r.Build != nil:
		return withKind("build", r.Build)
	case r.Search != nil:
		return withKind("search", r.Search)
	case r.Live != nil:
		return withKind("live", r.Live)
	case r.Filtered != nil:
		return withKind("filtered", r.Filtered)
	case r.Failure != nil:
		return withKind("failure", r.Failure)
	}
	return nil, errors.New("empty record")
}

func withKind(kind string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte(`{"kind":"`+kind+`",`), b[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Record) UnmarshalJSON(b []byte) error {
	var head struct{ Kind string }
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	*r = Record{}
	switch head.Kind {
	case "machine":
		r.Machine = &Machine{}
		return json.Unmarshal(b, r.Machine)
	case "build":
		r.Build = &Build{}
		return json.Unmarshal(b, r.Build)
	case "search":
		r.Search = &Search{}
		return json.Unmarshal(b, r.Search)
	case "live":
		r.Live = &LiveRun{}
		return json.Unmarshal(b, r.Live)
	case "filtered":
		r.Filtered = &Filtered{}
		return json.Unmarshal(b, r.Filtered)
	case "failure":
		r.Failure = &Failure{}
		return json.Unmarshal(b, r.Failure)
	}
	return fmt.Errorf("unknown kind %q", head.Kind)
}

// Read reads a result file. A last line without an end, which an interrupted run may leave, is
// left out.
func Read(path string) ([]Record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var records []Record
	lines := bufio.NewReader(f)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var r Record
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		records = append(records, r)
	}
}

// Append writes records to the end of a result file, which it makes if need be. The rest of a line
// that an interrupted run left is removed first.
func Append(path string, records ...Record) error {
	var b bytes.Buffer
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	err = cutPartialLine(f)
	if err == nil {
		_, err = f.Write(b.Bytes())
	}
	return errors.Join(err, f.Close())
}

// cutPartialLine leaves f open at its end, which is that of a line.
func cutPartialLine(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	end := size
	for one := make([]byte, 1); end > 0; end-- {
		if _, err := f.ReadAt(one, end-1); err != nil {
			return err
		}
		if one[0] == '\n' {
			break
		}
	}
	if end < size {
		if err := f.Truncate(end); err != nil {
			return err
		}
	}
	_, err = f.Seek(end, io.SeekStart)
	return err
}
