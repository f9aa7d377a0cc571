// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

func results(t *testing.T) []measure.Record {
	t.Helper()
	records, err := measure.Read("testdata/results.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("%s differs in line %d; go test -update rewrites it\n got: %q\nwant: %q", name, i+1,
				strings.Join(a[min(i, len(a)):min(i+1, len(a))], ""), strings.Join(b[min(i, len(b)):min(i+1, len(b))], ""))
		}
	}
}

func TestMarkdownPage(t *testing.T) {
	golden(t, "page.md", collect(results(t)).markdownPage())
}

func TestReadmeSection(t *testing.T) {
	got, err := ReadmeSection(results(t), ReadmeOptions{Images: "plots/", Command: "make bench"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "readme.md", got)
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "report")
	if err := Write(results(t), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"recall-glove-100-n10000", "build-glove-100-n100000", "memory-glove-100-n10000",
		"growth-build-glove-100", "growth-search-glove-100", "growth-memory-glove-100"} {
		for _, theme := range []string{"light", "dark"} {
			text, err := os.ReadFile(filepath.Join(dir, name+"-"+theme+".png"))
			if err != nil {
				t.Fatal(err)
			}
			img, err := png.DecodeConfig(bytes.NewReader(text))
			if err != nil || img.Width != 1800 {
				t.Errorf("%s-%s.png: %d pixels wide, %v", name, theme, img.Width, err)
			}
			text, err = os.ReadFile(filepath.Join(dir, name+"-"+theme+".svg"))
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, name, text)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	elements := wellFormed(t, "index.html", page)
	if elements["svg"] != 18 || elements["img"] != 0 || elements["script"] != 0 || elements["link"] != 0 {
		t.Errorf("not self-contained, or plots are missing: %v", elements)
	}
	for _, want := range []string{"timeout after 20m0s", "no wheel for this interpreter &lt;3.11&gt;", "Example CPU 3000"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// wellFormed parses strictly, and counts the elements.
func wellFormed(t *testing.T, name string, text []byte) map[string]int {
	t.Helper()
	elements := map[string]int{}
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return elements
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok {
			elements[e.Name.Local]++
		}
	}
}

// Whatever a result file holds, the report is made of it: one point, no build, only failures.
func TestWriteLittle(t *testing.T) {
	t.Parallel()
	one := measure.Record{Search: &measure.Search{Dataset: "../my <file>.npy", N: 10, Peer: "a & b", K: 10, Mode: "single",
		Threads: 1, QPS: 5, Recall: 1}}
	worthless := measure.Record{Search: &measure.Search{Dataset: "d", N: 10, Peer: "n2", K: 10, Mode: "batch", Threads: 1, QPS: 5}}
	failed := measure.Record{Failure: &measure.Failure{Dataset: "d", N: 10, Peer: "x", Stage: "build", Reason: "wrong ids"}}
	empty := measure.Record{Build: &measure.Build{Dataset: "d", N: 10, Peer: "x"}}
	for _, records := range [][]measure.Record{{one}, {worthless}, {failed}, {empty}, {one, worthless, failed, empty}} {
		dir := t.TempDir()
		if err := Write(records, dir); err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(dir, "index.html"))
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, "index.html", page)
		if _, err := ReadmeSection(records, ReadmeOptions{}); err != nil {
			t.Error(err)
		}
	}
	if err := Write(nil, t.TempDir()); !errors.Is(err, errEmpty) {
		t.Errorf("nothing to report: %v", err)
	}
}

func TestCollectLastRunWins(t *testing.T) {
	s := func(run string, qps float64) measure.Record {
		return measure.Record{Search: &measure.Search{Run: run, Dataset: "d", N: 1, Peer: reference, K: 10, Mode: "batch", Threads: 1, QPS: qps}}
	}
	b := func(run string, repeat int) measure.Record {
		return measure.Record{Build: &measure.Build{Run: run, Dataset: "d", N: 1, Peer: "x", Threads: 1, WallS: 1, Repeat: repeat}}
	}
	got := collect([]measure.Record{s("1", 9), b("1", 0), b("1", 1), s("2", 3), s("2", 5), s("2", 4), b("2", 0)}).sets[0]
	if len(got.searches) != 1 || got.searches[0].QPS != 5 {
		t.Errorf("searches: %+v", got.searches)
	}
	if len(got.builds) != 1 || got.builds[0].Run != "2" {
		t.Errorf("builds: %+v", got.builds)
	}
	if len(got.references["1"]) != 1 || len(got.references["2"]) != 1 || got.references["2"][0].QPS != 5 {
		t.Errorf("references: %+v", got.references)
	}
}

func TestMachineLine(t *testing.T) {
	one := measure.Machine{CPU: "A", Cores: 2, Memory: 4 << 30, Kernel: "Linux 6.1", Go: "go1.24", CC: "gcc 12", Commit: "aaa"}
	other, again, foreign, without := one, one, one, one
	other.CPU, again.Commit, foreign.Commit, without.CPU = "B", "bbb", "ccc", "C"
	foreign.Run, without.Run = "without", "without"
	d := data{machines: []measure.Machine{one, other, again, foreign, without, one}, ofOwn: map[string]bool{"": true}}
	got := d.machineLine()
	want := "A, 2 cores used, 4 GiB of memory, Linux 6.1, Go 1.24, gcc 12, N2 at commits aaa, bbb; " +
		"B, 2 cores used, 4 GiB of memory, Linux 6.1, Go 1.24, gcc 12, N2 at commit aaa; " +
		"C, 2 cores used, 4 GiB of memory, Linux 6.1, Go 1.24, gcc 12"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestUpdateReadme(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("# A\n" + BeginMark + "\nold\n" + EndMark + "\n## B\n")
	for range 2 { // the second time changes nothing
		if err := UpdateReadme(path, results(t), ReadmeOptions{Images: "plots"}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, "# A\n"+BeginMark+"\nMeasured on") || !strings.HasSuffix(got, EndMark+"\n## B\n") ||
		strings.Contains(got, "old") || strings.Count(got, "[all tables and plots](plots/README.md)") != 1 {
		t.Errorf("wrong file:\n%s", got)
	}
	for _, bad := range []string{"", BeginMark, EndMark + BeginMark, BeginMark + EndMark + EndMark} {
		write(bad)
		if err := UpdateReadme(path, results(t), ReadmeOptions{}); !errors.Is(err, ErrMarks) {
			t.Errorf("%q: %v", bad, err)
		}
		if text, _ := os.ReadFile(path); string(text) != bad {
			t.Errorf("%q was changed", bad)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{figures(0), none}, {figures(-1), none}, {figures(12345), "12,300"}, {figures(999.6), "1,000"}, {figures(1.234), "1.23"},
		{figures(0.01234), "0.0123"}, {figures(99.96), "100.0"}, {figures(1234567), "1,230,000"},
		{thousands(-1234), "-1,234"}, {thousands(12), "12"}, {times(0), none}, {times(0.0666), "0.067"}, {times(1.234), "1.23"},
		{times(12.34), "12.3"}, {escapeMarkdown("a|b\nc_d <e>"), `a\|b c\_d &lt;e>`}, {oneLine("a \n  b", 0), "a b"}, {oneLine("abcdef", 4), "abc…"},
		{slug("/x/y z.npy"), "_x_y_z_npy"}, {tickLabel(2e6), "2 M"}, {tickLabel(5000), "5,000"}, {tickLabel(0.05), "0.05"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
