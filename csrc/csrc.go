// SPDX-License-Identifier: Apache-2.0

//go:build cgo

// Package csrc is the C core of N2; its interface is n2.h, for Go programs package n2. It declares
// nothing for Go.
//
// The folder is a Go package because cgo compiles the C files that lie beside a Go file and no
// others, and because go mod vendor copies the folders of imported packages and no others. Package
// n2 imports it for its effect on the link. The headers are embedded in a variable without a name,
// which adds nothing to a program, but makes the go command see them: without that, a change in a
// header alone would not recompile package n2.
package csrc

/*
#cgo CFLAGS: -std=c11 -O3 -fvisibility=hidden
#cgo LDFLAGS: -lm -lpthread
*/
import "C"

import "embed"

//go:embed *.h
var _ embed.FS
