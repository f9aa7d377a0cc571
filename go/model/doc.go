// SPDX-License-Identifier: Apache-2.0

// Package model compares the library with a model of it: a list of vectors, and the definitions of the
// distances in float64. Random sequences of calls go to both, and what the library answers must be
// what the model says. There is nothing here but tests; they are a module of their own because they
// need a library, which makes the sequences and shortens those that fail.
//
//	go test ./...                                                 # 20,000 operations
//	N2_MODEL_OPERATIONS=1000000 go test -v -timeout 0 ./...       # that many
//	go test ./... -rapid.seed 7                                   # other sequences
//
// Their seeds count up from that of the flag, which is 1 by default. A failure prints the flags that
// repeat its sequence, and the shortest one found that fails as well. A fault of memory in C ends the
// process before that: -v -rapid.v prints the seed and the operations of each sequence as it goes.
package model
