// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"context"
)

// makeRandom writes uniform values. Queries have a stream of their own, so that they, and the first
// rows of the base, are the same for every number of rows.
func makeRandom(ctx context.Context, k *kitchen) error {
	k.dim = 10
	if err := k.writeRandom(ctx, k.queries(), k.recipe.queries, 2); err != nil {
		return err
	}
	return k.writeRandom(ctx, k.base(), k.rows, 3)
}

func (k *kitchen) writeRandom(ctx context.Context, path string, rows int, stream uint64) error {
	r := newRandom(stream)
	return writeFile(path, func(w *bufio.Writer) error {
		row := make([]byte, 0, k.dim*4)
		for i := range rows {
			if i%4096 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			row = row[:0]
			for range k.dim {
				row = encode(row, r.unit())
			}
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
}
