// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// FuzzLoad loads and reads anything as a file and uses what comes of it. With sealed set the header gets its
// right checksum, so that changes of its fields are looked at.
func FuzzLoad(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add([]byte("no index"), true)
	for _, b := range samples(f) {
		f.Add(b, false)
		f.Add(b[:len(b)/2], false)
		for at := versionAt; at < headerBytes(b); at += 4 {
			changed := bytes.Clone(b)
			changed[at] ^= 1
			f.Add(changed, true)
		}
		for i := range 7 {
			changed := bytes.Clone(b)
			s := section(changed, i)
			s[len(s)/2] ^= 0xff
			f.Add(changed, false)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		if sealed {
			b = bytes.Clone(b)
			seal(b)
		}
		path := filepath.Join(t.TempDir(), "fuzz.n2")
		must(t, os.WriteFile(path, b, 0o644))
		for i := range 3 {
			x, err := n2.Load(path, &n2.LoadOptions{NoMap: i == 1})
			if i == 2 {
				x, err = n2.Read(bytes.NewReader(b), nil)
			}
			if err != nil {
				continue
			}
			use(t, x)
			must(t, x.Close())
		}
	})
}
