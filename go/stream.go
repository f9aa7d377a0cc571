// SPDX-License-Identifier: Apache-2.0

package n2

import "io"

// mostAtOnce is how many bytes a write or a read has at most.
const mostAtOnce = 1 << 20

// mostEmpty is how many reads in a row may give nothing.
const mostEmpty = 100

// WriteTo writes the bytes that [Index.Save] would write to a file, as the index stands when it
// begins, and returns their number; [Read] makes an index of them. There is no second copy of the
// index in memory, but a buffer of 1 MiB.
//
// Searches and adds go on meanwhile; what is added is not written. A Build waits, between two of its
// steps, and so do AutoLink, Save, Verify, Degrees, another WriteTo, an AddIndex of this index to another and, now
// and then, an Add for which the index must move to a larger range of addresses, or all vectors must take
// more memory ([Storage]). Other changes, and lookups by key, wait for that Add. So w must not wait for
// one of all these. Close does not wait for w; WriteTo returns [ErrClosed] after the write that is under
// way.
//
// An error of w is returned in an [*Error]. What w has got by then is a part of a file.
func (x *Index) WriteTo(w io.Writer) (n int64, err error) {
	if err = x.valid(); err == nil {
		n, err = x.writeTo(w)
	}
	return n, wrap("write", err)
}

func (x *Index) writeTo(w io.Writer) (n int64, err error) {
	if err := x.walks.enter(x.closing); err != nil {
		return 0, err
	}
	out, err := x.core.beginSave()
	if err != nil {
		x.walks.leave()
		return 0, err
	}
	buffer := make([]byte, min(out.left(), mostAtOnce))
	x.writer.Store(out)
	defer x.endWriter() // also when w panics
	for {
		var piece []byte
		err := x.reads.do(x.closing, func() (err error) {
			piece, err = out.next(buffer)
			return err
		})
		if err != nil || len(piece) == 0 {
			return n, err
		}
		written, err := w.Write(piece)
		n += int64(written)
		if err == nil && written < len(piece) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return n, err
		}
	}
}

// endWriter ends a WriteTo, which has the place in walks, from within or from Close.
func (x *Index) endWriter() {
	if out := x.writer.Swap(nil); out != nil {
		out.end()
		x.walks.leave()
	}
}

// Read makes an index of the bytes of a file, which it reads from r: those that [Index.WriteTo] or
// [Index.Save] wrote. It reads these and no byte more, so that something else may follow. The
// vectors and links go to their place as they come; beside them there is a buffer of 1 MiB. Memory
// is taken for what has come, not for what the header of the file promises.
//
// The errors are those of [Load]; [ErrTruncated] is what r ends too early for, or
// [ErrFormat] where it ends before the eighth byte. Read always compares
// the checksums of all there is: [ErrCorrupt]. NoMap has no meaning here. An error of r is returned
// in an [*Error]; one that gives neither bytes nor an error, again and again, is [io.ErrNoProgress].
//
// It is a function, and not a method ReadFrom, because an index has its dimension and options from
// its beginning, and these come from r.
func Read(r io.Reader, o *LoadOptions) (*Index, error) {
	c, err := readCore(r)
	if err != nil {
		return nil, wrap("read", err)
	}
	x, err := openIndex(c, o)
	return x, wrap("read", err)
}

func readCore(r io.Reader) (*core, error) {
	in, err := beginLoad()
	if err != nil {
		return nil, err
	}
	defer in.drop() // also when r panics
	var buffer []byte
	empty := 0
	for left := in.left(); left > 0; left = in.left() {
		if most := min(left, mostAtOnce); uint64(len(buffer)) < most {
			buffer = make([]byte, most)
		}
		n, err := r.Read(buffer[:min(left, uint64(len(buffer)))])
		if err := in.next(buffer[:n]); err != nil {
			return nil, err
		}
		if err == io.EOF {
			break // end says whether that is too early
		}
		if n > 0 {
			empty = 0
		} else if empty++; err == nil && empty == mostEmpty {
			err = io.ErrNoProgress
		}
		if err != nil && in.left() > 0 {
			return nil, err
		}
	}
	return in.end()
}
