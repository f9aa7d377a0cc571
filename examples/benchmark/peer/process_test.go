// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeEnv makes this test's own program a peer that misbehaves in the way it names.
const fakeEnv = "N2_BENCH_FAKE_PEER"

func TestMain(m *testing.M) {
	if how := os.Getenv(fakeEnv); how != "" {
		fake(how)
	}
	os.Exit(m.Run())
}

func fake(how string) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch how {
		case "good":
			fmt.Println(`{"ok":true,"version":"1"}`)
		case "refuses":
			fmt.Println(`{"ok":false,"error":"not today"}`)
		case "babbles":
			fmt.Println("Loading index...")
		case "ok is missing":
			fmt.Println(`{"version":"1"}`)
		case "wrong type":
			fmt.Println(`{"ok":true,"version":1}`)
		case "endless line":
			for {
				fmt.Print(strings.Repeat("x", 1<<16))
			}
		case "hangs":
			time.Sleep(time.Hour)
		case "exits":
			fmt.Fprintln(os.Stderr, "assertion failed")
			os.Exit(3)
		case "killed":
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			time.Sleep(time.Hour)
		case "closes":
			os.Stdout.Close()
			time.Sleep(time.Hour)
		}
	}
	os.Exit(0)
}

func startFake(t *testing.T, how string) *Process {
	t.Helper()
	t.Setenv(fakeEnv, how)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := startCommand([]string{self}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

var hello = map[string]any{"op": "hello"}

func TestFakes(t *testing.T) {
	for _, test := range []struct {
		how    string
		limit  time.Duration
		reason string // what it begins with; empty for success
		fatal  bool
	}{
		{"good", time.Minute, "", false},
		{"refuses", time.Minute, "not today", false},
		{"babbles", time.Minute, "answer not understood: ", true},
		{"ok is missing", time.Minute, `answer not understood: no "ok"`, true},
		{"wrong type", time.Minute, "answer not understood: ", true},
		{"endless line", 500 * time.Millisecond, "timeout after 500ms", true},
		{"hangs", 100 * time.Millisecond, "timeout after 100ms", true},
		{"exits", time.Minute, "crashed: exit status 3: assertion failed", true},
		{"killed", time.Minute, "crashed: signal: killed", true},
		{"closes", 500 * time.Millisecond, "timeout after 500ms", true},
	} {
		t.Run(test.how, func(t *testing.T) {
			p := startFake(t, test.how)
			var answer struct{ Version string }
			err := p.Call(t.Context(), hello, &answer, test.limit)
			if test.reason == "" {
				if err != nil || answer.Version != "1" {
					t.Fatalf("answer %v, error %v", answer, err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Fatal != test.fatal || !strings.HasPrefix(e.Reason, test.reason) {
				t.Fatalf("error %#v (%v)", e, err)
			}
			if test.fatal { // and so it stays
				if again := p.Call(t.Context(), hello, nil, time.Minute); again != err {
					t.Errorf("the next call: %v", again)
				}
			}
		})
	}
}

func TestCallInterrupted(t *testing.T) {
	p := startFake(t, "hangs")
	why := errors.New("Ctrl-C")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(why) })
	if err := p.Call(ctx, hello, nil, time.Minute); err != why {
		t.Fatal(err)
	}
}

func TestPin(t *testing.T) {
	p := startFake(t, "good")
	if err := p.Pin(Cores()[:1]); err != nil {
		t.Fatal(err)
	}
	if err := p.Call(t.Context(), hello, nil, time.Minute); err != nil {
		t.Fatal(err)
	}
}
