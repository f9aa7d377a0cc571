// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
)

// truths make judges of searches among some of the rows, and remember them: each peer is judged by
// the same ones.
type truths struct {
	data Data
	k    int
	made map[[sha256.Size]byte]*Judge
}

func (t *truths) among(ctx context.Context, rows []int32) (*Judge, error) {
	raw, err := binary.Append(nil, binary.LittleEndian, rows)
	if err != nil {
		return nil, err
	}
	key := sha256.Sum256(raw)
	if j := t.made[key]; j != nil {
		return j, nil
	}
	data := t.data
	data.Truth = func(ctx context.Context, k int) ([][]int32, [][]float32, error) {
		ids, err := data.TruthOf(ctx, rows, data.QueryCount, k)
		return ids, nil, err
	}
	j, err := NewJudge(ctx, data, min(t.k, len(rows)))
	if err != nil {
		return nil, err
	}
	if t.made == nil {
		t.made = map[[sha256.Size]byte]*Judge{}
	}
	t.made[key] = j
	return j, nil
}

func (t *truths) close() {
	for _, j := range t.made {
		j.Close()
	}
}
