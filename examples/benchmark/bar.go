// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// A bar shows progress: as a line that is rewritten on a terminal, else as a line now and then.
type bar struct {
	out      *os.File
	terminal bool
	last     time.Time
}

// interval is how often a line is written where it cannot be rewritten.
const interval = 15 * time.Second

func newBar(out *os.File) *bar {
	info, err := out.Stat()
	return &bar{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (b *bar) show(p measure.Progress) {
	if p.Failure != "" {
		b.clear()
		fmt.Fprintln(b.out, "failed:", p.Failure)
		return
	}
	if !b.terminal && time.Since(b.last) < interval {
		return
	}
	b.last = time.Now()
	line := barLine(p)
	if b.terminal {
		b.clear()
		fmt.Fprint(b.out, line)
	} else {
		fmt.Fprintln(b.out, line)
	}
}

// barLine is at most 100 characters long.
func barLine(p measure.Progress) string {
	const width = 20
	full := width * p.Done / max(1, p.Total)
	left := "--"
	if p.Left >= 0 {
		left = p.Left.Round(time.Second).String()
	}
	line := fmt.Sprintf("[%s%s] %d/%d, %s left: %s", strings.Repeat("=", full), strings.Repeat(" ", width-full),
		p.Done, p.Total, left, p.What)
	return fmt.Sprintf("%.100s", line)
}

func (b *bar) clear() {
	if b.terminal {
		fmt.Fprint(b.out, "\r\033[K")
	}
}

func (b *bar) end() { b.clear() }
