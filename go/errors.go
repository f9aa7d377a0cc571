// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"errors"
	"strings"
)

// The errors of this package, for [errors.Is]. Methods return them wrapped in an [*Error].
// Of an error of the operating system it holds the [syscall.Errno], so that errors.Is also knows
// fs.ErrNotExist, fs.ErrPermission and the like.
var (
	ErrClosed     = errors.New("n2: index is closed")
	ErrDimension  = errors.New("n2: wrong dimension")
	ErrNotFinite  = errors.New("n2: vector holds a NaN or an infinity")
	ErrZeroVector = errors.New("n2: zero vector has no direction")
	ErrMagnitude  = errors.New("n2: vector is too long or too short for float32 distances")
	ErrNotFound   = errors.New("n2: no vector has this id or key")
	ErrOption     = errors.New("n2: option or argument outside its range")
	ErrNoMemory   = errors.New("n2: out of memory")
	ErrFull       = errors.New("n2: index is full")
	ErrFormat     = errors.New("n2: not an N2 file")
	ErrTruncated  = errors.New("n2: file is truncated")
	ErrVersion    = errors.New("n2: file is of another version of the format")
	ErrCorrupt    = errors.New("n2: file or index is corrupt")
	ErrKeyType    = errors.New("n2: keys are of another type")
	ErrNoCgo      = errors.New("n2: built without cgo, or for a platform that the C core does not know")
)

// errCancelled is what C returns after the flag of a walk was raised or a build was cancelled. It
// stays inside: callers get the cause of the context that did it.
var errCancelled = errors.New("n2: cancelled")

// An Error says which operation failed, on which file, and why.
type Error struct {
	Op   string // "new", "load", "add", "build", "search", ...
	Path string // of the file that was to be loaded or saved, else empty
	// Err is, or wraps, one of the errors of this package, a syscall.Errno, the cause of a context, or an
	// error of the writer or reader that was given.
	Err error
}

// Error returns one line such as "n2: load words.n2: file is truncated".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("n2: ")
	b.WriteString(e.Op)
	if e.Path != "" {
		b.WriteString(" ")
		b.WriteString(e.Path)
	}
	b.WriteString(": ")
	b.WriteString(strings.TrimPrefix(e.Err.Error(), "n2: "))
	return b.String()
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// wrap returns err, where there is one, as the error of an operation.
func wrap(op string, err error) error { return wrapPath(op, "", err) }

func wrapPath(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Path: path, Err: err}
}
