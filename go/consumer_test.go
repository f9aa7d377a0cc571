// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// A program of somebody else's.
const consumer = `package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	n2 "github.com/n2ann/n2/go"
)

func main() {
	x, err := n2.New(2, &n2.Options{Metric: n2.L2})
	check(err)
	_, err = x.AddBatch([]float32{0, 0, 3, 4})
	check(err)
	check(x.Build(context.Background(), nil))
	path := filepath.Join(os.Args[1], "points.n2")
	check(x.Save(path))
	check(x.Close())
	x, err = n2.Load(path, nil)
	check(err)
	neighbors, err := x.Search([]float32{3, 4}, 2, nil)
	check(err)
	fmt.Println(neighbors)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
`

const (
	modulePath    = "github.com/n2ann/n2"
	moduleVersion = "v0.1.0"
)

// moduleFiles are the files of this module that a program is built from, and the folders beside
// them that it is not; by their paths within the module.
func moduleFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, pattern := range []string{"go.mod", "csrc/*", "csrc/*/*", "go/*"} {
		paths, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(pattern)))
		must(t, err)
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			b, err := os.ReadFile(path)
			must(t, err)
			name, err := filepath.Rel("..", path)
			must(t, err)
			files[filepath.ToSlash(name)] = b
		}
	}
	return files
}

// newConsumer makes a module that requires this one.
func newConsumer(t *testing.T, replace string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	mod := "module example.com/consumer\n\ngo 1.24\n\nrequire " + modulePath + " " + moduleVersion + "\n"
	if replace != "" {
		mod += "\nreplace " + modulePath + " => " + replace + "\n"
	}
	must(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(consumer), 0o644))
	return dir
}

// command runs the go command in dir, apart from what is set around this test.
func command(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-modcacherw", "GOWORK=off", "GOTOOLCHAIN=local",
		"GOSUMDB=off")
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// buildAndRun builds the consumer with the tags of this test, runs it and checks what it prints.
func buildAndRun(t *testing.T, dir string, env []string, flags ...string) {
	t.Helper()
	program := filepath.Join(dir, "consumer")
	args := append([]string{"build", "-tags=" + buildTags(), "-o", program}, flags...)
	command(t, dir, env, args...)
	out, err := exec.Command(program, t.TempDir()).CombinedOutput()
	if want := "[{1 0} {0 25}]\n"; err != nil || string(out) != want {
		t.Errorf("the program prints %q, %v, not %q", out, err, want)
	}
}

// buildTags are those that this test was built with.
func buildTags() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				return s.Value
			}
		}
	}
	return ""
}

// A vendored copy holds all that the build needs, and nothing that it does not.
func TestVendoredConsumer(t *testing.T) {
	copied := t.TempDir()
	for name, b := range moduleFiles(t) {
		path := filepath.Join(copied, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, b, 0o644))
	}
	dir := newConsumer(t, copied)
	env := []string{"GOPROXY=off"}
	command(t, dir, env, "mod", "vendor")
	must(t, os.RemoveAll(copied))
	buildAndRun(t, dir, env, "-mod=vendor")
	vendored := filepath.Join(dir, "vendor", filepath.FromSlash(modulePath))
	for _, name := range []string{"csrc/test", "csrc/fuzz", "testdata"} {
		if _, err := os.Stat(filepath.Join(vendored, name)); err == nil {
			t.Errorf("%s is vendored", name)
		}
	}
}

// The module is fetched from a proxy, which is a folder here, into an empty cache.
func TestModuleCacheConsumer(t *testing.T) {
	proxy := t.TempDir()
	versions := filepath.Join(proxy, filepath.FromSlash(modulePath), "@v")
	must(t, os.MkdirAll(versions, 0o755))
	files := moduleFiles(t)
	write := func(name string, b []byte) {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(versions, name), b, 0o644))
	}
	write("list", []byte(moduleVersion+"\n"))
	write(moduleVersion+".info", []byte(`{"Version":"`+moduleVersion+`"}`))
	write(moduleVersion+".mod", files["go.mod"])
	archive, err := os.Create(filepath.Join(versions, moduleVersion+".zip"))
	must(t, err)
	defer archive.Close()
	z := zip.NewWriter(archive)
	for name, b := range files {
		w, err := z.Create(modulePath + "@" + moduleVersion + "/" + name)
		must(t, err)
		_, err = w.Write(b)
		must(t, err)
	}
	must(t, z.Close())
	must(t, archive.Close())
	env := []string{
		"GOPROXY=file://" + filepath.ToSlash(proxy),
		"GOMODCACHE=" + filepath.Join(t.TempDir(), "mod"),
	}
	buildAndRun(t, newConsumer(t, ""), env, "-mod=mod")
}

// Without a C compiler everything compiles, and says so when it is used.
func TestConsumerWithoutCgo(t *testing.T) {
	env := []string{"CGO_ENABLED=0"}
	command(t, "..", env, "vet", "./go", "./csrc/...")
	command(t, ".", env, "test", "-run=TestWithoutCgo", ".")
}
