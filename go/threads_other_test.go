// SPDX-License-Identifier: Apache-2.0

//go:build cgo && !linux

package n2_test

import (
	"runtime/pprof"
	"testing"
)

// osThreads counts the threads that Go has created.
func osThreads(*testing.T) int { return pprof.Lookup("threadcreate").Count() }
