// SPDX-License-Identifier: Apache-2.0

//go:build !(cgo && (linux || darwin) && (amd64 || arm64 || loong64 || mips64le || ppc64le || riscv64))

package n2

// Without cgo, or for a platform that the core does not know, the package compiles and has no core. As
// New, Load and Read return ErrNoCgo there is no index on which the other methods could be called.

type core struct{}

func newCore(int, *Options, keyKind) (*core, error) { return nil, ErrNoCgo }
func loadCore(string, bool) (*core, error)          { return nil, ErrNoCgo }

func (*core) close()                                                              {}
func (*core) free()                                                               {}
func (*core) add([]float32, int) (uint32, error)                                  { return 0, ErrNoCgo }
func (*core) addIndex(*core) (uint32, error)                                      { return 0, ErrNoCgo }
func (*core) update(uint32, []float32) error                                      { return ErrNoCgo }
func (*core) delete(uint32) error                                                 { return ErrNoCgo }
func (*core) put(keyKind, rawKeys, []float32) (int, error)                        { return 0, ErrNoCgo }
func (*core) find(keyKind, rawKey) (uint32, error)                                { return 0, ErrNoCgo }
func (*core) deleteKey(keyKind, rawKey) error                                     { return ErrNoCgo }
func (*core) numbersOf([]Neighbor, []uint64) error                                { return ErrNoCgo }
func (*core) textsOf([]Neighbor, []byte, []int) error                             { return ErrNoCgo }
func (*core) keys() keyKind                                                       { return keysNone }
func (*core) search([]Neighbor, []float32, SearchOptions) (int, error)            { return 0, ErrNoCgo }
func (*core) searchID([]Neighbor, uint32, SearchOptions) (int, error)             { return 0, ErrNoCgo }
func (*core) searchBatch([]Neighbor, []int, []float32, int, SearchOptions) error  { return ErrNoCgo }
func (*core) searchBatchID([]Neighbor, []int, []uint32, int, SearchOptions) error { return ErrNoCgo }
func (*core) searchExact([]Neighbor, []int, []float32, int) error                 { return ErrNoCgo }
func (*core) openCursor([]float32, SearchOptions) (*cursor, error)                { return nil, ErrNoCgo }
func (*core) list(uint32, []uint32) ([]uint32, error)                             { return nil, ErrNoCgo }
func (*core) vector(uint32, []float32) error                                      { return ErrNoCgo }
func (*core) save(string) error                                                   { return ErrNoCgo }
func (*core) beginSave() (*writer, error)                                         { return nil, ErrNoCgo }
func (*core) verify(*int32) error                                                 { return ErrNoCgo }
func (*core) degrees(*int32) ([][]int, error)                                     { return nil, ErrNoCgo }
func (*core) linkDue() int                                                        { return 0 }
func (*core) stats() Stats                                                        { return Stats{} }
func (*core) beginBuild(int, []float32, int, buildPart) (*build, error)           { return nil, ErrNoCgo }

type build struct{}

func (*build) step() (done, total int, err error) { return 0, 0, ErrNoCgo }
func (*build) cancel()                            {}
func (*build) end()                               {}

type cursor struct{}

func (*cursor) next([]Neighbor) (int, error) { return 0, ErrNoCgo }
func (*cursor) close()                       {}

type writer struct{}

func (*writer) left() uint64                { return 0 }
func (*writer) next([]byte) ([]byte, error) { return nil, ErrNoCgo }
func (*writer) end()                        {}

type reader struct{}

func beginLoad() (*reader, error) { return nil, ErrNoCgo }

func (*reader) left() uint64        { return 0 }
func (*reader) next([]byte) error   { return ErrNoCgo }
func (*reader) end() (*core, error) { return nil, ErrNoCgo }
func (*reader) drop()               {}
