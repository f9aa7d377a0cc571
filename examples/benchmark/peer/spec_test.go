// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAll(t *testing.T) {
	specs := All()
	if specs[0].Name != Own {
		t.Errorf("the first is %s", specs[0].Name)
	}
	seen := map[string]bool{}
	for _, s := range specs {
		if seen[s.Name] {
			t.Errorf("%s: twice", s.Name)
		}
		seen[s.Name] = true
		if s.Version == "" || len(s.Metrics) == 0 || len(s.BuildParams) == 0 || len(s.SearchParams) == 0 {
			t.Errorf("%s: incomplete: %+v", s.Name, s)
		}
		if s.Kind == "go" {
			if _, ok := engines[s.Name]; !ok {
				t.Errorf("%s: no engine", s.Name)
			}
			continue
		}
		if text, err := pythonFiles.ReadFile("py/" + s.file); err != nil ||
			!strings.Contains(string(text), `package = "`+s.Package+`"`) {
			t.Errorf("%s: adapter %s is not for %s: %v", s.Name, s.file, s.Package, err)
		}
	}
	for _, name := range []string{Reference, "faiss", "faiss-sq8", "usearch", "usearch-i8", "n2-original",
		"nmslib", "annoy", "symphonyqg", "vsag", "svs", "alayalite", "voyager", "zvec", "ngt", "glass",
		"coder-hnsw"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestLookupUnknown(t *testing.T) {
	_, err := Lookup("hnswlob")
	if err == nil || !strings.Contains(err.Error(), "hnswlib") {
		t.Error(err)
	}
}

func TestParseSpecs(t *testing.T) {
	const good = `# peer: {"name":"x","version":"1","package":"p","metrics":["L2"],"build":[{}],"search":{"ef":[1,2]}}`
	specs, err := parseSpecs("first\n" + good + "\n" + good)
	if err != nil || len(specs) != 2 || len(specs[0].SearchParams) != 2 || specs[0].Kind != "python" {
		t.Fatal(specs, err)
	}
	if v := specs[0].SearchParams[1]["ef"]; v != 2.0 {
		t.Errorf("ef is %v", v)
	}
	for _, bad := range []string{
		`# peer: nonsense`,
		`# peer: {}`,
		strings.Replace(good, `"name"`, `"nmae"`, 1),
		strings.Replace(good, `[1,2]`, `[]`, 1),
		strings.Replace(good, `[{}]`, `[]`, 1),
		strings.Replace(good, `[1,2]`, `[1],"nprobe":[1]`, 1),
	} {
		if _, err := parseSpecs(bad); err == nil {
			t.Errorf("no error for %s", bad)
		}
	}
}

func TestAddFile(t *testing.T) {
	defer func() { added = nil }()
	path := filepath.Join(t.TempDir(), "mine.py")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("print()\n")
	if err := AddFile(path); err == nil {
		t.Error("no error without a peer")
	}
	write(`# peer: {"name":"hnswlib","version":"1","package":"p","metrics":["L2"],"build":[{}],"search":{"ef":[1]}}`)
	if err := AddFile(path); err == nil {
		t.Error("no error for a name that is taken")
	}
	write(`# peer: {"name":"mine","version":"1","package":"p","metrics":["L2"],"build":[{}],"search":{"ef":[1]}}`)
	if err := AddFile(path); err != nil {
		t.Fatal(err)
	}
	s, err := Lookup("mine")
	if err != nil || s.file != path {
		t.Error(s, err)
	}
}
