// SPDX-License-Identifier: Apache-2.0

// Package peer runs the libraries that are compared, N2 among them: each in a process of its own,
// behind an adapter that answers requests on its standard input. PROTOCOL.md is the manual of
// adapters.
package peer

import (
	"bufio"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	n2 "github.com/n2ann/n2/go"
)

// A Spec is a peer as the harness knows it.
type Spec struct {
	Name    string `json:"name"`
	Version string `json:"version"` // pinned: what is installed
	Kind    string `json:"-"`       // "go": a hidden command of this program; "python": an adapter in a file
	Package string `json:"package"` // the distribution that is installed; for Go the module
	// PipArgs are further arguments of the installation.
	PipArgs []string `json:"pip,omitempty"`
	Metrics []string `json:"metrics"`
	// BuildParams are the parameter sets that indexes are built with. Those at the same place in
	// the lists of different peers are measured side by side.
	BuildParams []map[string]any `json:"build"`
	// SearchParams is the sweep, in the same way.
	SearchParams []map[string]any `json:"search"`
	CanSave      bool             `json:"save"`     // and load
	CanMap       bool             `json:"map"`      // load by mapping the file
	MapOnly      bool             `json:"map_only"` // load in no other way
	NoBatch      bool             `json:"no_batch"` // has no batch call
	// Note is what a reader of results should know.
	Note string `json:"note,omitempty"`

	file string // the adapter, "" for one that is compiled in
}

// Knows says whether the peer has the metric.
func (s Spec) Knows(metric string) bool { return slices.Contains(s.Metrics, metric) }

// Own is the name of the peer that the benchmark is about, and Reference that of the one which is
// measured beside every other.
const (
	Own       = "n2"
	Reference = "hnswlib"
)

// sweep makes a list of parameter sets of one parameter.
func sweep[T int | float64](name string, values ...T) []map[string]any {
	var list []map[string]any
	for _, v := range values {
		list = append(list, map[string]any{name: v})
	}
	return list
}

func graph(m, efConstruction int) map[string]any {
	return map[string]any{"M": m, "efConstruction": efConstruction}
}

// variant describes N2 with more build parameters.
func variant(name string, more map[string]any, note string) Spec {
	params := graph(16, 200)
	maps.Copy(params, more)
	return Spec{
		Name: name, Version: "working tree", Kind: "go", Package: "github.com/n2ann/n2/go",
		Metrics:      []string{"angular", "L2", "dot"},
		BuildParams:  []map[string]any{params},
		SearchParams: sweep("recall", 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999),
		CanSave:      true, CanMap: true,
		Note: note,
	}
}

const roundingNote = "N2 that keeps vectors rounded; recall is that among the vectors as they were given"

// goSpecs are the peers that speak the protocol as a hidden command of this program.
var goSpecs = []Spec{
	{
		Name: Own, Version: "working tree", Kind: "go", Package: "github.com/n2ann/n2/go",
		Metrics: []string{"angular", "L2", "dot"},
		BuildParams: []map[string]any{graph(16, 200), graph(32, 200), graph(16, 500), graph(8, 200),
			graph(48, 500)},
		SearchParams: sweep("recall", 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999),
		CanSave:      true, CanMap: true,
		Note: "is asked for recall, of which it measures while building what it takes",
	},
	variant("n2-f16", map[string]any{"bits": 16}, roundingNote),
	variant("n2-sq8", map[string]any{"bits": 8}, roundingNote),
	variant("n2-sq8-only", map[string]any{"bits": 8, "navigation": int(n2.NavigateVectors)},
		roundingNote+"; it keeps nothing else of them and walks by them, in the least memory"),
	variant("n2-sketch", map[string]any{"sketch": int(n2.SketchOn)}, "N2 that keeps a sketch of every link"),
	{
		Name: "coder-hnsw", Version: "0.6.1", Kind: "go", Package: "github.com/coder/hnsw",
		Metrics:      []string{"angular", "L2"},
		BuildParams:  []map[string]any{{"M": 16}, {"M": 32}},
		SearchParams: sweep("ef", 10, 20, 40, 80, 120, 200, 400, 800),
		CanSave:      true, NoBatch: true,
		Note: "builds in one thread; M is the degree on every level; ef is how many vectors are asked for, of which the nearest k are kept",
	},
}

//go:embed py/*.py
var pythonFiles embed.FS

// All returns the known peers: N2 first, the others by name.
func All() []Spec {
	specs := slices.Clone(goSpecs)
	entries, _ := pythonFiles.ReadDir("py") // embedded
	for _, e := range entries {
		text, _ := pythonFiles.ReadFile("py/" + e.Name())
		found, err := parseSpecs(string(text))
		if err != nil {
			panic(fmt.Sprintf("peer/py/%s: %v", e.Name(), err)) // a test reads them all
		}
		for _, s := range found {
			s.file = e.Name()
			specs = append(specs, s)
		}
	}
	specs = append(specs, added...)
	slices.SortFunc(specs[1:], func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	return specs
}

// added are the peers of AddFile.
var added []Spec

// AddFile makes the peers of an adapter outside this program known. It is to be called before
// any other use of the package.
func AddFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	specs, err := parseSpecs(string(text))
	if err == nil && len(specs) == 0 {
		err = errors.New(`no line begins with "# peer: "`)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	for _, s := range specs {
		if _, err := Lookup(s.Name); err == nil {
			return fmt.Errorf("%s: there is a peer %q already", path, s.Name)
		}
		s.file = path
		added = append(added, s)
	}
	return nil
}

// Lookup returns the peer of that name; the error lists those known.
func Lookup(name string) (Spec, error) {
	var names []string
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Spec{}, fmt.Errorf("unknown peer %q; known are %s", name, strings.Join(names, ", "))
}

// parseSpecs reads the lines of an adapter that begin with "# peer: ", each with a Spec in JSON.
// There, "search" may be an object instead, with one parameter and the list of its values.
func parseSpecs(text string) ([]Spec, error) {
	var specs []Spec
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), "# peer: ")
		if !ok {
			continue
		}
		s := struct {
			Spec
			Search map[string][]any `json:"search"`
		}{}
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&s); err != nil {
			return nil, err
		}
		s.Kind = "python"
		for name, values := range s.Search {
			for _, v := range values {
				s.SearchParams = append(s.SearchParams, map[string]any{name: v})
			}
		}
		switch {
		case s.Name == "" || s.Version == "" || s.Package == "":
			return nil, errors.New("name, version or package is missing")
		case len(s.Metrics) == 0 || len(s.BuildParams) == 0 || len(s.SearchParams) == 0:
			return nil, errors.New("metrics, build or search is missing")
		case len(s.Search) != 1:
			return nil, errors.New("search must have one parameter")
		}
		specs = append(specs, s.Spec)
	}
	return specs, lines.Err()
}
