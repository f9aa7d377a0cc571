// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

type filterCommand struct {
	scene
	Peers   []string      `help:"Peers to measure; those that have filters. A scan of what is allowed is added." default:"n2,hnswlib"`
	Kinds   []string      `help:"What is allowed: vectors at random, those near to a random one, those far from it." default:"random,near,far"`
	Shares  []float64     `help:"Per cent of the vectors that are allowed." default:"90,50,10,1,0.1,0.01"`
	Repeats int           `help:"How often each point is measured." default:"3"`
	Points  int           `help:"How many points of each sweep are searched; 0 is all." default:"0"`
	Budget  time.Duration `help:"Time for one repeat of a point, beyond which it makes fewer searches." default:"1s"`
}

func (c *filterCommand) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.play(ctx, c.Peers, func(ctx context.Context, o measure.Options) error {
		o.Repeats, o.Points, o.Budget = c.Repeats, c.Points, c.Budget
		var shares []float64
		for _, s := range c.Shares {
			shares = append(shares, s/100)
		}
		return measure.Filter(ctx, &measure.FilterOptions{Options: o, Kinds: c.Kinds, Shares: shares, K: c.K, Params: c.params()})
	})
}

func (c *filterCommand) check() error {
	for _, k := range c.Kinds {
		if !slices.Contains(measure.FilterKinds, k) {
			return fmt.Errorf("no filter is called %q; known are %s", k, strings.Join(measure.FilterKinds, ", "))
		}
	}
	for _, s := range c.Shares {
		if !(s > 0 && s <= 100) {
			return errors.New("--shares must be above 0 and at most 100")
		}
	}
	if c.Repeats < 1 || c.Points < 0 || c.Budget <= 0 {
		return errors.New("--repeats and --budget must be above 0, --points not negative")
	}
	return nil
}
