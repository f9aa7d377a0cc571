// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Write writes a plan for adapters: for each worker the number of its operations and then, for each
// of them, kind, key and row, all as little-endian int32.
func (p Plan) Write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, operations := range p {
		err = errors.Join(err, binary.Write(w, binary.LittleEndian, int32(len(operations))),
			binary.Write(w, binary.LittleEndian, operations))
	}
	return errors.Join(err, w.Flush(), f.Close())
}

// Read reads what Write wrote.
func Read(path string) (Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	var plan Plan
	for {
		var n int32
		if err := binary.Read(r, binary.LittleEndian, &n); err == io.EOF {
			return plan, nil
		} else if err != nil || n < 0 {
			return nil, fmt.Errorf("%s: no plan, or not all of one", path)
		}
		operations := make([]Operation, n)
		if err := binary.Read(r, binary.LittleEndian, operations); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		plan = append(plan, operations)
	}
}

// A Timing is an operation that was made: when it began and ended, in nanoseconds since the
// workers began.
type Timing struct {
	Kind       int64 // a Kind
	Start, End int64
}

// WriteTimings writes kind, start and end of each, all as little-endian int64.
func WriteTimings(path string, byWorker [][]Timing) error {
	return writeAll(path, byWorker)
}

// ReadTimings reads what WriteTimings wrote.
func ReadTimings(path string) ([]Timing, error) { return readAll[Timing](path, 24) }

// A Sample is the resident memory of a process at one time, on the clock of the timings.
type Sample struct{ At, Bytes int64 }

// WriteSamples writes time and bytes of each, as little-endian int64.
func WriteSamples(path string, samples []Sample) error {
	return writeAll(path, [][]Sample{samples})
}

// ReadSamples reads what WriteSamples wrote.
func ReadSamples(path string) ([]Sample, error) { return readAll[Sample](path, 16) }

func writeAll[T any](path string, lists [][]T) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for _, list := range lists {
		err = errors.Join(err, binary.Write(w, binary.LittleEndian, list))
	}
	return errors.Join(err, w.Flush(), f.Close())
}

func readAll[T any](path string, size int) ([]T, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(raw)%size != 0 {
		return nil, fmt.Errorf("%s: %d bytes, no multiple of %d", path, len(raw), size)
	}
	list := make([]T, len(raw)/size)
	_, err = binary.Decode(raw, binary.LittleEndian, list)
	return list, err
}
