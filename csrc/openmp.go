// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux && !n2_noopenmp

package csrc

// OpenMP's run-time library is linked from its archive, so that a program needs no shared library
// but those of libc. It is gcc's: the build tag n2_noopenmp leaves OpenMP out, for clang and where
// there is no libgomp.a.

/*
#cgo CFLAGS: -fopenmp
#cgo LDFLAGS: -l:libgomp.a
*/
import "C"
