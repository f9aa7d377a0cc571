// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package peer

// cpuSeconds is the processor time that this process has used; unknown here.
func cpuSeconds() float64 { return 0 }
