// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// loadOptions are all there are.
var loadOptions = []*n2.LoadOptions{nil, {NoMap: true}, {Verify: true}, {NoMap: true, Verify: true}}

// checkAlike fails the test unless two indexes have the same options, vectors and answers.
func checkAlike(t *testing.T, a, b *n2.Index) {
	t.Helper()
	sa, sb := a.Stats(), b.Stats()
	for _, s := range []*n2.Stats{&sa, &sb} { // what depends on where an index comes from
		s.VectorBytes, s.LinkBytes, s.IDBytes, s.ScratchBytes, s.MappedBytes, s.Threads = 0, 0, 0, 0, 0, 0
		s.RepairedLinks, s.GivenBackBytes = 0, 0
	}
	if !reflect.DeepEqual(sa, sb) {
		t.Fatalf("%+v and %+v", sa, sb)
	}
	var va, vb []float32
	for id := range uint32(a.Len()) {
		va, _ = a.Vector(id, va)
		vb, _ = b.Vector(id, vb)
		ra, err := a.Search(va, 5, &n2.SearchOptions{Ef: 20})
		must(t, err)
		rb, err := b.SearchByID(id, 5, &n2.SearchOptions{Ef: 20})
		must(t, err)
		if !reflect.DeepEqual(va, vb) || !reflect.DeepEqual(ra, rb) {
			t.Fatalf("vector %d: %v finds %v, %v finds %v", id, va, ra, vb, rb)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	const dim = 9
	for _, m := range metrics {
		for _, n := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {300, 0}, {300, 50}} { // built, pending
			x := builtIndex(t, dim, &n2.Options{Metric: m, M: 5, Seed: 9}, gauss(1, n[0], dim))
			_, err := x.AddBatch(gauss(2, n[1], dim))
			must(t, err)
			b := saved(t, x)
			path := written(t, b)
			for _, o := range loadOptions {
				y := loadIndex(t, path, o)
				checkAlike(t, x, y)
				must(t, y.Verify(t.Context()))
				mapped := o == nil || !o.NoMap
				if got := y.Stats().MappedBytes; (got > 0) != (mapped && n[0]+n[1] > 0) {
					t.Errorf("%v, %+v: %d bytes are mapped", n, o, got)
				}
				if !bytes.Equal(saved(t, y), b) {
					t.Errorf("%v, %+v: saved again, the file is another", n, o)
				}
			}
		}
	}
}

// A mapped index grows beyond its file, which stays as it is.
func TestAddToLoadedIndex(t *testing.T) {
	const n, dim = 400, 6
	vs := gauss(3, 2*n, dim)
	first := saved(t, builtIndex(t, dim, nil, vs[:n*dim]))
	for _, o := range []*n2.LoadOptions{nil, {NoMap: true}} {
		path := written(t, first)
		x := loadIndex(t, path, o)
		_, err := x.AddBatch(vs[n*dim:])
		must(t, err)
		for id := range uint32(2 * n) {
			got, err := x.SearchByID(id, 1, nil)
			must(t, err)
			if got[0].ID != id {
				t.Errorf("vector %d is found as %v", id, got)
			}
		}
		must(t, x.Build(t.Context(), nil))
		must(t, x.Verify(t.Context()))
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, first) {
			t.Errorf("the file has changed (%v)", err)
		}
		must(t, x.Save(path)) // over the file that is mapped
		checkAlike(t, x, loadIndex(t, path, &n2.LoadOptions{Verify: true}))
	}
}

// An index goes on as it is when its file is replaced or removed.
func TestFileIsReplacedUnderTheMap(t *testing.T) {
	const dim = 6
	x := builtIndex(t, dim, nil, gauss(4, 300, dim))
	path := written(t, saved(t, x))
	reader := loadIndex(t, path, nil)
	must(t, builtIndex(t, dim, nil, gauss(5, 200, dim)).Save(path))
	checkAlike(t, x, reader)
	must(t, os.Remove(path))
	must(t, reader.Verify(t.Context()))
	must(t, reader.Save(path))
	checkAlike(t, x, loadIndex(t, path, nil))
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	text := written(t, []byte(strings.Repeat("This is no index. ", 100)))
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"missing":         {filepath.Join(dir, "missing"), fs.ErrNotExist},
		"no path":         {"", fs.ErrNotExist},
		"a directory":     {dir, syscall.EISDIR},
		"under a file":    {filepath.Join(text, "index"), syscall.ENOTDIR},
		"a zero byte":     {text + "\x00", syscall.EINVAL},
		"a name too long": {filepath.Join(dir, strings.Repeat("n", 300)), syscall.ENAMETOOLONG},
		"text":            {text, n2.ErrFormat},
		"empty":           {written(t, nil), n2.ErrFormat},
		"one byte":        {written(t, []byte{0x89}), n2.ErrFormat},
		"zeros":           {written(t, make([]byte, 1<<20)), n2.ErrFormat},
		"a device":        {os.DevNull, syscall.EINVAL},
	} {
		for _, o := range loadOptions {
			x, err := n2.Load(c.path, o)
			var e *n2.Error
			if x != nil || !errors.Is(err, c.want) || !errors.As(err, &e) || e.Path != c.path {
				t.Errorf("%s, %+v: %v, not %v", name, o, err, c.want)
			}
		}
	}
}

func TestSaveRefuses(t *testing.T) {
	x := builtIndex(t, 3, nil, gauss(6, 50, 3))
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, []byte("before"), 0o644))
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"no path":         {"", fs.ErrNotExist},
		"no directory":    {filepath.Join(dir, "missing", "index"), fs.ErrNotExist},
		"a directory":     {dir, syscall.EISDIR},
		"under a file":    {filepath.Join(file, "index"), syscall.ENOTDIR},
		"a zero byte":     {file + "\x00", syscall.EINVAL},
		"a name too long": {filepath.Join(dir, strings.Repeat("n", 300)), syscall.ENAMETOOLONG},
	} {
		var e *n2.Error
		if err := x.Save(c.path); !errors.Is(err, c.want) || !errors.As(err, &e) || e.Path != c.path {
			t.Errorf("%s: %v, not %v", name, err, c.want)
		}
	}
	checkOnly(t, dir, "file", "before")
	must(t, x.Verify(t.Context()))
}

// checkOnly fails the test unless the directory holds that file and no other.
func checkOnly(t *testing.T, dir, name, content string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("the directory holds %v, not only %s", entries, name)
	}
	if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != content {
		t.Errorf("%s has changed: %v", name, err)
	}
}

// inProcess runs the calling test in a process of its own and returns true, or returns false if it
// is in that process, where it may do what it would not in this one.
func inProcess(t *testing.T, attr *syscall.SysProcAttr) bool {
	t.Helper()
	const variable = "N2_TEST_IN_PROCESS"
	if os.Getenv(variable) == t.Name() {
		return false
	}
	program, err := os.Executable()
	must(t, err)
	if runtime.GOOS == "linux" {
		program = "/proc/self/exe" // also where the folder is closed to another user
	}
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(dir, 0o777))
	cmd := exec.Command(program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+t.Name(), "TMPDIR="+dir)
	cmd.SysProcAttr = attr
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return true
}

func TestNoPermission(t *testing.T) {
	if os.Geteuid() == 0 { // who is permitted everything
		nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if inProcess(t, nobody) {
			return
		}
	}
	x := builtIndex(t, 3, nil, gauss(7, 50, 3))
	path := written(t, saved(t, x))
	must(t, os.Chmod(path, 0))
	if _, err := n2.Load(path, nil); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Load of a file that may not be read: %v", err)
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("before"), 0o644))
	must(t, os.Chmod(dir, 0o555))
	if err := x.Save(filepath.Join(dir, "file")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Save in a directory that may not be written: %v", err)
	}
	checkOnly(t, dir, "file", "before")
	must(t, os.Chmod(dir, 0o755))
}

// The system refuses to write on, as it does on a full disk.
func TestNoSpace(t *testing.T) {
	if inProcess(t, nil) {
		return
	}
	x := builtIndex(t, 50, nil, gauss(8, 1000, 50))
	before := saved(t, x)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("before"), 0o644))
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	for _, size := range []int{0, 1, 100, 65536, 150000, len(before) - 1} {
		lower := limit
		lower.Cur = uint64(size)
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lower))
		err := x.Save(filepath.Join(dir, "file"))
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("Save in %d bytes: %v", size, err)
		}
		checkOnly(t, dir, "file", "before")
	}
	if !bytes.Equal(saved(t, x), before) {
		t.Error("the index has changed")
	}
}
