// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Peers in Python live in virtual environments under the cache directory, one for each package
// and version: their requirements cannot get in each other's way, and a failed one harms no other.

// tools is what is installed beside each peer: what adapters need, and what packages without a
// wheel need to be compiled.
var tools = []string{"numpy", "pybind11", "setuptools", "wheel"}

// installLimit is how long an installation may take; nmslib compiles for minutes.
const installLimit = 20 * time.Minute

// CacheDir is where data and installed peers are kept: $N2_BENCH_CACHE, or n2-benchmark in the
// user's cache directory.
func CacheDir() (string, error) {
	if dir := os.Getenv("N2_BENCH_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "n2-benchmark"), err
}

// install makes the peer's virtual environment, unless it is there, and returns its Python.
func install(ctx context.Context, s Spec, log io.Writer) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "peers", s.Package+"-"+s.Version)
	python, done := filepath.Join(dir, "bin", "python"), filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return python, nil
	}
	if err := os.RemoveAll(dir); err != nil { // what an interrupted installation left
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, installLimit)
	defer cancel()
	fmt.Fprintf(log, "installing %s %s\n", s.Package, s.Version)
	base := os.Getenv("N2_BENCH_PYTHON")
	if base == "" {
		base = "python3"
	}
	pip := []string{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}
	steps := [][]string{
		{base, "-m", "venv", dir},
		append(pip[:len(pip):len(pip)], tools...),
		append(append(pip[:len(pip):len(pip)], s.PipArgs...), s.Package+"=="+s.Version),
	}
	for _, step := range steps {
		if err := runStep(ctx, step, log); err != nil {
			return "", fmt.Errorf("install %s %s: %w", s.Package, s.Version, err)
		}
	}
	return python, os.WriteFile(done, nil, 0o666)
}

// runStep runs a command. Its error ends with the line of output that tells most.
func runStep(ctx context.Context, command []string, log io.Writer) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout = io.MultiWriter(&out, log)
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("timeout after %s", installLimit)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if line := tellingLine(out.String()); line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

// tellingLine returns the last line that speaks of an error, or the last one.
func tellingLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); strings.HasPrefix(strings.ToLower(line), "error") {
			return fmt.Sprintf("%.300s", line)
		}
	}
	return fmt.Sprintf("%.300s", lines[len(lines)-1])
}

// adapterDir is where the adapters that are compiled in are written, for Python to find them.
func adapterDir() string {
	cache, err := CacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "peers", "adapters")
}

// adapterFile returns the path of the peer's adapter, after it has written all that are compiled
// in.
func adapterFile(s Spec) (string, error) {
	dir := adapterDir()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	entries, err := pythonFiles.ReadDir("py")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		text, err := pythonFiles.ReadFile("py/" + e.Name())
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, e.Name())
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
			continue
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return "", err
		}
	}
	if filepath.IsAbs(s.file) {
		return s.file, nil
	}
	return filepath.Join(dir, s.file), nil
}
