// SPDX-License-Identifier: Apache-2.0

//go:build !cgo

package n2_test

import (
	"errors"
	"strings"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

func TestWithoutCgo(t *testing.T) {
	if _, err := n2.New(3, nil); !errors.Is(err, n2.ErrNoCgo) {
		t.Errorf("New gives %v", err)
	}
	if _, err := n2.Load("words.n2", nil); !errors.Is(err, n2.ErrNoCgo) {
		t.Errorf("Load gives %v", err)
	}
	if _, err := n2.Read(strings.NewReader("words"), nil); !errors.Is(err, n2.ErrNoCgo) {
		t.Errorf("Read gives %v", err)
	}
	if _, err := n2.NewMap[string](3, nil); !errors.Is(err, n2.ErrNoCgo) {
		t.Errorf("NewMap gives %v", err)
	}
	if _, err := n2.LoadMap[int]("words.n2", nil); !errors.Is(err, n2.ErrNoCgo) {
		t.Errorf("LoadMap gives %v", err)
	}
	if _, err := n2.ReadMap[int](strings.NewReader("words"), nil); !errors.Is(err, n2.ErrNoCgo) {
		t.Errorf("ReadMap gives %v", err)
	}
	var x n2.Index
	if _, err := x.Search(nil, 1, nil); !errors.Is(err, n2.ErrClosed) {
		t.Errorf("Search gives %v", err)
	}
	if err := x.Close(); err != nil {
		t.Errorf("Close gives %v", err)
	}
}
