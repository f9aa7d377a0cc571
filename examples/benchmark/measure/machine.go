// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/n2ann/n2/examples/benchmark/peer"
)

// vectorFlags are the processor's flags that decide which code the peers run.
var vectorFlags = []string{"sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq",
	"avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx512_vpopcntdq", "avx_vnni",
	"amx_tile", "amx_int8", "asimd", "asimddp", "asimdhp", "sve", "sve2", "i8mm", "bf16"}

// ThisMachine describes the machine. What cannot be found out is left empty.
func ThisMachine(run string) Machine {
	m := Machine{
		Run:      run,
		Time:     time.Now().UTC().Format(time.RFC3339),
		Cores:    len(peer.Cores()),
		Go:       runtime.Version(),
		Caches:   map[string]string{},
		Versions: map[string]string{},
	}
	for line := range strings.Lines(text("/proc/cpuinfo")) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch name = strings.TrimSpace(name); {
		case name == "model name" && m.CPU == "":
			m.CPU = value
		case (name == "flags" || name == "Features") && m.Flags == nil:
			have := strings.Fields(value)
			for _, f := range vectorFlags {
				if slices.Contains(have, f) {
					m.Flags = append(m.Flags, f)
				}
			}
		}
	}
	if m.CPU == "" {
		m.CPU = runtime.GOARCH
	}
	caches, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*")
	for _, dir := range caches {
		name := "L" + text(dir+"/level")
		switch text(dir + "/type") {
		case "Data":
			name += "d"
		case "Instruction":
			name += "i"
		}
		m.Caches[name] = text(dir + "/size")
	}
	m.Memory = Memory()
	m.THP = chosen(text("/sys/kernel/mm/transparent_hugepage/enabled"))
	m.Kernel = strings.TrimSpace(text("/proc/sys/kernel/ostype") + " " + text("/proc/sys/kernel/osrelease"))
	if load := strings.Fields(text("/proc/loadavg")); len(load) >= 3 {
		m.Load = strings.Join(load[:3], " ")
	}
	if out, err := exec.Command("cc", "--version").Output(); err == nil {
		m.CC, _, _ = strings.Cut(string(out), "\n")
	}
	return m
}

// Memory is that of the machine in bytes, or 0 where it is unknown.
func Memory() int64 {
	for line := range strings.Lines(text("/proc/meminfo")) {
		if value, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib * 1024
		}
	}
	return 0
}

// Commit names the source that this program was built from.
func Commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*").Output()
	if commit := strings.TrimSpace(string(out)); err == nil && commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}

// text returns a file's contents less the space around them, or nothing.
func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// chosen returns the word in brackets, by which the kernel marks a choice.
func chosen(s string) string {
	_, s, _ = strings.Cut(s, "[")
	s, _, _ = strings.Cut(s, "]")
	return s
}
