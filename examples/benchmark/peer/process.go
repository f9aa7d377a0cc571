// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// An Error is a call that a peer did not answer as it should.
type Error struct {
	// Fatal says that the process is gone: it ended by itself, or was ended for what it did.
	Fatal bool
	// Reason is for the reader of results, such as "timeout after 20m0s" or
	// "crashed: signal: illegal instruction".
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// A Process is a running adapter. It may be used by one goroutine at a time.
type Process struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	answers chan []byte // lines of its standard output; closed at the end
	exited  chan struct{}
	waitErr error // valid after exited
	tail    *tail
	dead    error // what calls get once the process is gone
}

// maxAnswer bounds a line of an adapter's output.
const maxAnswer = 1 << 20

// Start installs the peer if need be and starts its adapter, which must answer "hello". What the
// adapter prints goes to log.
func Start(ctx context.Context, spec Spec, log io.Writer) (*Process, error) {
	command, err := spec.command(ctx, log)
	if err != nil {
		return nil, err
	}
	p, err := startCommand(command, log)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// command returns the command line of the adapter.
func (s Spec) command(ctx context.Context, log io.Writer) ([]string, error) {
	if s.Kind == "go" {
		self, err := os.Executable()
		return []string{self, "peer", s.Name}, err
	}
	python, err := install(ctx, s, log)
	if err != nil {
		return nil, err
	}
	file, err := adapterFile(s)
	if err != nil {
		return nil, err
	}
	return []string{python, "-u", file}, nil
}

// startCommand starts an adapter by its command line.
func startCommand(command []string, log io.Writer) (*Process, error) {
	p := &Process{
		cmd:     exec.Command(command[0], command[1:]...),
		answers: make(chan []byte),
		exited:  make(chan struct{}),
		tail:    &tail{next: log},
	}
	p.cmd.Stderr = p.tail
	p.cmd.Env = append(os.Environ(), "PYTHONPATH="+adapterDir(), "PYTHONDONTWRITEBYTECODE=1")
	p.cmd.WaitDelay = 5 * time.Second
	detach(p.cmd)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, maxAnswer)
		for lines.Scan() {
			line := bytes.Clone(lines.Bytes())
			select {
			case p.answers <- line:
			case <-time.After(time.Minute): // nobody asked for it
				kill(p.cmd)
			}
		}
		io.Copy(io.Discard, stdout) // after a line that is too long
		p.waitErr = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Call sends a request and reads its answer into answer. It fails with an *Error when the peer
// reports an error, ends, or takes longer than limit, for which the process is killed; with the
// cause of ctx when that ends, in which case it is killed as well.
func (p *Process) Call(ctx context.Context, request, answer any, limit time.Duration) error {
	if p.dead != nil {
		return p.dead
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return p.crashed()
	}
	select {
	case reply := <-p.answers:
		return p.decode(reply, answer)
	case <-p.exited:
		return p.crashed()
	case <-timer.C:
		p.end(&Error{Fatal: true, Reason: "timeout after " + limit.String()})
	case <-ctx.Done():
		p.end(context.Cause(ctx))
	}
	return p.dead
}

// decode reads an answer.
func (p *Process) decode(reply []byte, answer any) error {
	var head struct {
		OK    *bool  `json:"ok"`
		Error string `json:"error"`
	}
	err := json.Unmarshal(reply, &head)
	if err == nil && head.OK == nil {
		err = errors.New(`no "ok"`)
	}
	if err == nil && *head.OK && answer != nil {
		err = json.Unmarshal(reply, answer)
	}
	if err != nil {
		p.end(&Error{Fatal: true, Reason: fmt.Sprintf("answer not understood: %v: %.200q", err, reply)})
		return p.dead
	}
	if !*head.OK {
		return &Error{Reason: head.Error}
	}
	return nil
}

// crashed tells of a process that ended, by its own doing.
func (p *Process) crashed() error {
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second): // it closed its pipe and goes on
		kill(p.cmd)
		<-p.exited
	}
	reason := "exit status 0"
	if p.waitErr != nil {
		reason = p.waitErr.Error()
	}
	if last := p.tail.lastLine(); last != "" {
		reason += ": " + last
	}
	p.dead = &Error{Fatal: true, Reason: "crashed: " + reason}
	return p.dead
}

// end kills the process; why is what this call and later ones return.
func (p *Process) end(why error) {
	p.dead = why
	kill(p.cmd)
	for {
		select {
		case <-p.answers:
		case <-p.exited:
			return
		}
	}
}

// Close asks the process to end, and makes it.
func (p *Process) Close() {
	if p.dead != nil {
		return
	}
	io.WriteString(p.stdin, `{"op":"quit"}`+"\n") // if it is gone, so much the better
	p.stdin.Close()
	select {
	case <-p.answers:
	case <-p.exited:
	case <-time.After(5 * time.Second):
	}
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
	}
	p.end(errors.New("closed"))
}

// A tail passes on what is written and remembers its end.
type tail struct {
	mu   sync.Mutex
	next io.Writer
	end  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, b...)
	if len(t.end) > 4096 {
		t.end = append([]byte(nil), t.end[len(t.end)-2048:]...)
	}
	if t.next != nil {
		t.next.Write(b) // a log that fails is no reason to stop
	}
	return len(b), nil
}

// lastLine returns the last line that is not blank, at most 200 bytes of it.
func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.end)), "\n")
	return fmt.Sprintf("%.200s", strings.TrimSpace(lines[len(lines)-1]))
}
