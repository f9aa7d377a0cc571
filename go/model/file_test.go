// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	n2 "github.com/n2ann/n2/go"
	"pgregory.net/rapid"
)

// save writes a file and goes on with what is loaded from it, mapped or not. The path is sometimes
// that of the file that is mapped.
func (m *machine) save(t *rapid.T) {
	if rapid.Bool().Draw(t, "another path") {
		m.files++
	}
	path := filepath.Join(m.dir, fmt.Sprintf("%d.n2", m.files))
	must(t, m.x.Save(path))
	o := n2.LoadOptions{NoMap: rapid.Bool().Draw(t, "NoMap"), Verify: rapid.Bool().Draw(t, "Verify")}
	if rapid.IntRange(0, 3).Draw(t, "compare") == 0 {
		saved, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Equal(saved, m.bytes(t)) {
			t.Fatalf("Save and WriteTo do not write the same")
		}
	}
	m.reopen(t, nil, path, &o)
	m.verify(t)
}

// stream does the same with a stream.
func (m *machine) stream(t *rapid.T) {
	before := m.bytes(t)
	m.reopen(t, before, "", nil)
	m.verify(t)
	if !bytes.Equal(before, m.bytes(t)) {
		t.Fatalf("what was read is written in another way")
	}
}
