// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The tests of this file read small imitations of what the packages hold.

func testKitchen(t *testing.T) *kitchen {
	return &kitchen{cache: t.TempDir(), dir: t.TempDir(), log: io.Discard}
}

func TestReadGlove(t *testing.T) {
	const start = `{"precision":8,"wordIndex":3,"size":2,"dimensions":2,"words":["a","}"],"vectors":`
	for name, c := range map[string]struct{ text, want string }{
		"good":        {start + `{"}":[3,4,5,1],"a":[1,-2,2.2,0]},"unkVector":[0,0]}`, ""},
		"short row":   {start + `{"}":[3,4,1],"a":[1,2,2.2,0]}}`, `"}" has 3 values`},
		"place twice": {start + `{"}":[3,4,5,0],"a":[1,2,2.2,0]}}`, `"a" has place 0 of 2`},
		"bad place":   {start + `{"}":[3,4,5,2],"a":[1,2,2.2,0]}}`, `"}" has place 2 of 2`},
		"row missing": {start + `{"a":[1,2,2.2,0]}}`, "1 vectors where 2 are announced"},
		"truncated":   {start + `{"a":[1,2,2.2,0],"}":[3,4`, "unexpected EOF"},
		"no sizes":    {`{"vectors":{}}`, "0 vectors of 0 dimensions"},
		"no object":   {`[]`, "not a JSON object"},
	} {
		k := testKitchen(t)
		err := k.readGlove(strings.NewReader(c.text))
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want one with %q", name, err, c.want)
			}
			continue
		}
		values, readErr := readRows(k.raw(), 2, 2)
		if err != nil || readErr != nil || !slices.Equal(values, []float32{1, -2, 3, 4}) {
			t.Errorf("%s: %v, %v, %v", name, values, err, readErr)
		}
	}
}

// picture returns 784 values of which the first is v, as JSON.
func picture(v int) string { return "[" + fmt.Sprint(v) + strings.Repeat(",0", pictureDim-1) + "]" }

func TestReadPictures(t *testing.T) {
	idx := binary.BigEndian.AppendUint32
	head := idx(idx(idx(idx(nil, 0x0803), 2), 28), 28)
	two := make([]byte, 2*pictureDim)
	two[0], two[pictureDim] = 7, 255
	type reader = func(io.Reader, func([]byte) error) error
	for name, c := range map[string]struct {
		read reader
		text string
		want string // in the error
	}{
		"clothes":           {readClothes, `{"data":[` + picture(7) + `,[],` + picture(255) + `]}`, ""},
		"clothes, small":    {readClothes, `{"data":[[1,2]]}`, "2 pixels"},
		"clothes, value":    {readClothes, `{"data":[` + picture(256) + `]}`, "value 256"},
		"clothes, other":    {readClothes, `{"label":1}`, "expected"},
		"digits":            {readIDX, string(head) + string(two), ""},
		"digits, truncated": {readIDX, string(head) + string(two[1:]), "EOF"},
		"digits, labels":    {readIDX, "\x00\x00\x08\x01" + string(head), "not a file of pictures"},
	} {
		var first []byte
		err := c.read(strings.NewReader(c.text), func(pixels []byte) error {
			first = append(first, pixels[0])
			return nil
		})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want one with %q", name, err, c.want)
			}
		} else if err != nil || !slices.Equal(first, []byte{7, 255}) {
			t.Errorf("%s: %v, %v", name, first, err)
		}
	}
}

func TestEachFile(t *testing.T) {
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	w := tar.NewWriter(z)
	for _, name := range []string{"package/a", "package/b", "package/c"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: 1, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	path := put(t, "a.tgz", archive.Bytes())
	var seen []string
	err := eachFile(context.Background(), path, func(name string, _ io.Reader) error {
		seen = append(seen, name)
		if name == "package/b" {
			return io.EOF
		}
		return nil
	})
	if err != nil || !slices.Equal(seen, []string{"package/a", "package/b"}) {
		t.Errorf("%v, %v", seen, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := eachFile(ctx, path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := eachFile(context.Background(), put(t, "b.tgz", archive.Bytes()[:40]),
		func(string, io.Reader) error { return nil }); err == nil {
		t.Error("a truncated archive is not noticed")
	}
}

// fakeTool puts a shell script of that name before all other programs.
func fakeTool(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestFetchChecks(t *testing.T) {
	p := npmPackage{"thing", "1.0.0", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}
	fakeTool(t, "npm", "printf x > thing-1.0.0.tgz")
	k := testKitchen(t)
	path, err := p.fetch(context.Background(), k)
	if err != nil || string(read(t, path)) != "x" {
		t.Fatalf("%s, %v", path, err)
	}
	fakeTool(t, "npm", "echo no network; exit 3")
	if _, err := p.fetch(context.Background(), k); err != nil {
		t.Errorf("it is fetched again: %v", err)
	}
	k = testKitchen(t)
	if _, err := p.fetch(context.Background(), k); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("error %v", err)
	}
	fakeTool(t, "npm", "printf y > thing-1.0.0.tgz")
	if _, err := p.fetch(context.Background(), k); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("error %v", err)
	}
	t.Setenv("PATH", "")
	if _, err := p.fetch(context.Background(), k); err == nil || !strings.Contains(err.Error(), "npm is needed") {
		t.Errorf("error %v", err)
	}
}

// TestPython runs scripts by an interpreter that is a shell script.
func TestPython(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"good":      {`echo progress 1 2; echo noise; echo 'result {"rows": 3, "distance": "angular"}'`, ""},
		"fails":     {`echo it is not a table >&2; exit 1`, "it is not a table"},
		"no result": {`echo done`, "without a result"},
	} {
		k := testKitchen(t)
		fakeTool(t, "python3", `mkdir -p "$3/bin"; cat >"$3/bin/python" <<'END'
#!/bin/sh
[ "$1" = -m ] && exit 0
[ -f "$1" ] || exit 9
`+c.script+`
END
chmod +x "$3/bin/python"`)
		r, err := k.python(context.Background(), "sift.py", "testing", needImages, map[string]any{"a": 1})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v, want one with %q", name, err, c.want)
			}
		} else if err != nil || r.Rows != 3 || r.Distance != "angular" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestMetricOf(t *testing.T) {
	for distance, want := range map[string]string{"angular": "angular", "euclidean": "L2", "": "L2",
		"ip": "dot", "hamming": ""} {
		if got, err := metricOf(distance); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v", distance, got, err)
		}
	}
}
