// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An engine is a peer in Go: what an adapter does, less the protocol. Its object holds one index,
// in which the row of a vector in the base is its id.
type engine interface {
	build(base []float32, dim int, metric string, threads int, params map[string]float64) error
	save(path string) error
	load(path string, dim int, metric string, mapped bool, params map[string]float64) error
	// prepare is called before each run of searches, outside the time that is measured.
	prepare(k, threads int, params map[string]float64) error
	// one writes the ids of the vectors nearest to query to ids, which are all -1 before.
	one(query []float32, ids []int32) error
	// batch does so for several queries, by the peer's own batch call.
	batch(queries []float32, dim int, ids []int32) error
	close()
}

// engines make the peers of kind "go".
var engines = map[string]func() (e engine, version string){
	Own:           newOwn,
	"n2-f16":      newOwn,
	"n2-sq8":      newOwn,
	"n2-sq8-only": newOwn,
	"n2-sketch":   newOwn,
	"coder-hnsw":  newCoder,
}

var errNoBatch = errors.New("no batch call")

// A request is any of the protocol's.
type request struct {
	Op      string
	Base    string
	Path    string
	Out     string
	Plan    string
	Metric  string
	Mode    string
	N       int
	Dim     int
	K       int
	Threads int
	Limit   int
	Keys    int
	Mmap    bool
	Params  map[string]float64
	Build   map[string]float64

	Capacity int // how many vectors there will be at most, if the index is to change
}

// Serve answers the requests on in for the peer of kind "go" of that name, until there are no
// more or "quit" is one.
func Serve(name string, in io.Reader, out io.Writer) error {
	makeEngine, ok := engines[name]
	if name == Scan.Name {
		makeEngine, ok = newScan, true
	}
	if !ok {
		return fmt.Errorf("no peer %q in Go", name)
	}
	s := server{name: name, makeEngine: makeEngine}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxAnswer)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		var r request
		answer := map[string]any{}
		err := json.Unmarshal(lines.Bytes(), &r)
		if err == nil {
			err = s.do(&r, answer)
		}
		answer["ok"] = err == nil
		if err != nil {
			answer["error"] = err.Error()
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
		if r.Op == "quit" {
			return nil
		}
	}
	return lines.Err()
}

// A server is the state between requests.
type server struct {
	name       string
	makeEngine func() (engine, string)
	engine     engine
	queries    []float32
	base       []float32 // what plans add rows of
	dim        int
}

func (s *server) do(r *request, answer map[string]any) error {
	switch r.Op {
	case "hello":
		_, version := s.makeEngine()
		answer["peer"], answer["version"] = s.name, version
		return nil
	case "build":
		return s.build(r, answer)
	case "load":
		s.fresh()
		start := time.Now()
		err := s.engine.load(r.Path, r.Dim, r.Metric, r.Mmap, r.Params)
		answer["wall_s"] = time.Since(start).Seconds()
		return err
	case "queries":
		var err error
		s.queries, err = readFloats(r.Path, r.N*r.Dim)
		s.dim = r.Dim
		return err
	case "live build":
		return s.liveBuild(r, answer)
	case "quit":
		return nil
	}
	if s.engine == nil {
		return errors.New("no index yet")
	}
	switch r.Op {
	case "save":
		start := time.Now()
		err := s.engine.save(r.Path)
		answer["wall_s"] = time.Since(start).Seconds()
		if err == nil {
			answer["bytes"], err = pathBytes(r.Path)
		}
		return err
	case "search":
		return s.search(r, answer)
	case "allow":
		return s.allow(r)
	case "live":
		return s.live(r, answer)
	}
	return fmt.Errorf("unknown op %q", r.Op)
}

// fresh makes an empty engine.
func (s *server) fresh() {
	if s.engine != nil {
		s.engine.close()
	}
	s.engine, _ = s.makeEngine()
	s.base = nil
	debug.FreeOSMemory()
}

func (s *server) build(r *request, answer map[string]any) error {
	s.fresh()
	if e, ok := s.engine.(liveEngine); ok && r.Capacity > 0 {
		e.expectChanges()
	}
	answer["rss_before"] = statusBytes("VmRSS")
	base, err := readFloats(r.Base, r.N*r.Dim)
	if err != nil {
		return err
	}
	answer["rss_raw"] = statusBytes("VmRSS")
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // VmHWM begins anew; where it can
	runtime.GOMAXPROCS(r.Threads)
	cpu, start := cpuSeconds(), time.Now()
	err = s.engine.build(base, r.Dim, r.Metric, r.Threads, r.Params)
	answer["wall_s"], answer["cpu_s"] = time.Since(start).Seconds(), cpuSeconds()-cpu
	answer["rss_peak"] = statusBytes("VmHWM")
	base = nil // for the collector to see
	debug.FreeOSMemory()
	answer["rss_after"] = statusBytes("VmRSS")
	return err
}

func (s *server) search(r *request, answer map[string]any) error {
	queries := s.queries
	if r.Limit > 0 && r.Limit*s.dim < len(queries) {
		queries = queries[:r.Limit*s.dim]
	}
	if len(queries) == 0 || r.K <= 0 {
		return errors.New("search without queries or k")
	}
	count := len(queries) / s.dim
	ids := slices.Repeat([]int32{-1}, count*r.K)
	runtime.GOMAXPROCS(max(1, r.Threads))
	if err := s.engine.prepare(r.K, r.Threads, r.Params); err != nil {
		return err
	}
	runtime.GC()
	latencies := []float64{}
	start := time.Now()
	if r.Mode == "single" {
		latencies = make([]float64, count)
		last := start
		for i := range count {
			err := s.engine.one(queries[i*s.dim:(i+1)*s.dim], ids[i*r.K:(i+1)*r.K])
			if err != nil {
				return err
			}
			now := time.Now()
			latencies[i] = float64(now.Sub(last)) / 1e3
			last = now
		}
	} else if err := s.engine.batch(queries, s.dim, ids); err != nil {
		return err
	}
	answer["wall_s"], answer["count"] = time.Since(start).Seconds(), count
	if len(latencies) > 0 {
		slices.Sort(latencies)
		latencies = []float64{percentile(latencies, 50), percentile(latencies, 95), percentile(latencies, 99)}
	}
	answer["latencies_us"] = latencies
	return writeIDs(r.Out, ids)
}

// percentile interpolates between the two nearest of the sorted values, as numpy does.
func percentile(sorted []float64, p float64) float64 {
	at := p / 100 * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// readFloats reads the first n numbers of a file of little-endian float32.
func readFloats(path string, n int) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := make([]float32, n)
	block := make([]byte, 1<<20)
	for done := 0; done < n; {
		b := block[:min(len(block), 4*(n-done))]
		if _, err := io.ReadFull(f, b); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for i := 0; i < len(b); i += 4 {
			bits := uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16 | uint32(b[i+3])<<24
			out[done] = math.Float32frombits(bits)
			done++
		}
	}
	return out, nil
}

// writeIDs writes little-endian int32.
func writeIDs(path string, ids []int32) error {
	b := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		b = append(b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return os.WriteFile(path, b, 0o666)
}

// pathBytes returns the size of a file, or of all files in a folder.
func pathBytes(path string) (int64, error) {
	var size int64
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// statusBytes returns a memory figure of this process, such as VmRSS; 0 where there is none.
func statusBytes(field string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib * 1024
		}
	}
	return 0
}
