// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed py/*.py
var scripts embed.FS

// What the scripts need of PyPI, for Python 3.11 and later.
var (
	needImages = []string{"numpy==2.4.6", "opencv-python-headless==5.0.0.93"}
	needHDF5   = []string{"numpy==2.4.6", "h5py==3.16.0"}
)

// A scriptResult is what a script says at its end.
type scriptResult struct {
	Rows, Dim, Queries, Photographs, Distinct int
	Kept                                      float64
	Distance                                  string
}

// python runs an embedded script with those arguments, in an environment that has the packages.
func (k *kitchen) python(ctx context.Context, script, title string, packages []string,
	arguments map[string]any) (*scriptResult, error) {

	interpreter, err := k.environment(ctx, packages)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(k.dir, ".py-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	if err := os.CopyFS(folder, scripts); err != nil {
		return nil, err
	}
	text, err := json.Marshal(arguments)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, interpreter, filepath.Join(folder, "py", script), string(text))
	c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONPATH=", "PYTHONHOME=")
	var said bytes.Buffer
	c.Stderr, c.WaitDelay = &said, 5*time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	result, p := (*scriptResult)(nil), newProgress(k.log, title)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var done, total int
		if n, _ := fmt.Sscanf(lines.Text(), "progress %d %d", &done, &total); n == 2 {
			p.set(done, total)
		} else if text, ok := strings.CutPrefix(lines.Text(), "result "); ok {
			result = &scriptResult{}
			if err := json.Unmarshal([]byte(text), result); err != nil {
				result = nil
			}
		}
	}
	p.end()
	err = c.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %s", script, err, tail(said.String(), 2000))
	case result == nil:
		return nil, fmt.Errorf("%s ended without a result", script)
	}
	return result, nil
}

// environment returns the interpreter of a virtual environment in the cache that has exactly these
// packages, and makes it if there is none.
func (k *kitchen) environment(ctx context.Context, packages []string) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(packages, "\n")))
	name := "python-" + hex.EncodeToString(sum[:4])
	dir := filepath.Join(k.cache, name)
	interpreter := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(interpreter); err == nil {
		return interpreter, nil
	}
	fmt.Fprintf(k.log, "making a Python environment with %s\n", strings.Join(packages, ", "))
	work, err := os.MkdirTemp(k.cache, ".making-"+name+"-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err := runTool(ctx, work, "python3", "-m", "venv", work); err != nil {
		return "", fmt.Errorf("making a Python environment: %w", err)
	}
	install := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"--only-binary", ":all:"}, packages...)
	if err := runTool(ctx, work, filepath.Join(work, "bin", "python"), install...); err != nil {
		return "", fmt.Errorf("installing %s: %w", strings.Join(packages, ", "), err)
	}
	// Scripts in bin name the old path; the interpreter, all that is used, finds itself.
	if err := os.Rename(work, dir); err != nil {
		if _, again := os.Stat(interpreter); again != nil {
			return "", errors.Join(err, again)
		} // else another process was faster
	}
	return interpreter, nil
}
