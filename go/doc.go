// SPDX-License-Identifier: Apache-2.0

// Package n2 finds the nearest neighbours of vectors, approximately and fast, in an index that is
// part of the program: there is no server, and nothing to install but a C compiler: gcc, or, with the
// build tag n2_noopenmp, clang.
//
//	x, err := n2.New(100, &n2.Options{Metric: n2.Angular})
//	if err != nil {
//		return err
//	}
//	defer x.Close()
//	if _, err := x.AddBatch(vectors); err != nil { // one after the other in a []float32
//		return err
//	}
//	if err := x.Build(ctx, nil); err != nil {
//		return err
//	}
//	neighbors, err := x.Search(query, 10, nil)
//
// An index is a graph, the hierarchical navigable small world (HNSW) of Malkov and Yashunin,
// https://arxiv.org/abs/1603.09320, from which [Options] and [SearchOptions] take their names. The
// work is done in C, in memory that the garbage collector does not see: call [Index.Close].
//
// # Life of an index
//
// [Index.Add] stores vectors, which searches find from then on by comparing the query with each of
// them; [Index.Build] links them into the graph, which makes that fast. Both may be called again at
// any time, also on an index that was loaded. [Index.Save] writes the index to a file and [Load]
// maps that file into memory; [Index.WriteTo] and [Read] move the same bytes over any stream. The same
// vectors, added and built in the same order and with the same options, make the same file, byte for
// byte, whatever the number of threads.
//
// A [Map] is an index whose vectors have keys, strings or integers.
//
// # Concurrency
//
// Every method may be called from any goroutine at any time, Close included. Searches run in
// parallel and hardly wait for a build: for a moment now and then, longer only while one is undone or
// the index moves to more room. What is not said to be approximate is exact as of some moment between
// call and return.
//
// Calls that must wait, because too many are in C already or because of a build, wait as
// goroutines and not as operating system threads, of which a few per processor are used.
//
// # Errors
//
// Wrong arguments and damaged files give errors, not panics (a nil context, reader or writer does); the
// index is then as it was before the call, where a method does not say otherwise. [ErrClosed] and its likes are for use with [errors.Is], and the error itself is an
// [*Error].
//
// # What the environment can do
//
// A file that another program truncates while it is mapped ends the process with SIGBUS. To be safe
// from that, replace files instead of writing into them, or load with NoMap.
//
// With gcc on Linux, builds use OpenMP. If the variables OMP_PROC_BIND or GOMP_CPU_AFFINITY are in
// the environment, its library binds the program's first thread to a processor when the program
// starts, and GOMAXPROCS becomes 1. The build tag n2_noopenmp leaves OpenMP out.
//
// Without cgo (CGO_ENABLED=0), and on other platforms than 64-bit Linux and macOS, the package compiles,
// but New, Load, Read and their likes for a Map return [ErrNoCgo].
package n2
