// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package peer

import (
	"os/exec"
	"runtime"
)

func detach(*exec.Cmd) {}

func kill(cmd *exec.Cmd) { cmd.Process.Kill() }

// Cores returns the processors that this process may use.
func Cores() []int {
	cores := make([]int, runtime.NumCPU())
	for i := range cores {
		cores[i] = i
	}
	return cores
}

// Pin does nothing where threads cannot be bound to processors.
func (p *Process) Pin([]int) error { return nil }
