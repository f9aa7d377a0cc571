// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"debug/elf"
	"os"
	"strings"
	"testing"
)

// A program, such as this test, needs no shared library but those of libc.
func TestProgramNeedsOnlyLibc(t *testing.T) {
	path, err := os.Executable()
	must(t, err)
	program, err := elf.Open(path)
	must(t, err)
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	must(t, err)
	for _, library := range libraries {
		name, _, _ := strings.Cut(library, ".so")
		switch {
		case name == "libc", name == "libm", name == "libpthread", name == "libdl", name == "libresolv":
		case strings.HasPrefix(name, "ld-linux"), strings.HasPrefix(name, "libc.musl"):
		default:
			t.Errorf("the program needs %s", library)
		}
	}
}
