// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

type liveCommand struct {
	scene
	Peers      []string `help:"Peers to measure; those that can change an index in use." default:"n2,hnswlib,usearch"`
	Workloads  []string `help:"What to do to the indexes." default:"mixed-95-5,mixed-50-50,churn,build"`
	Workers    int      `help:"Threads that search and change an index; it has as many cores." default:"2"`
	Operations int      `help:"How many operations a mixed workload has." default:"200000"`
	Rounds     int      `help:"How often churn replaces all vectors." default:"10"`
	Recall     float64  `help:"Recall, in the index as it was built, for which each peer's ef is chosen." default:"0.95"`
}

func (c *liveCommand) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.play(ctx, c.Peers, func(ctx context.Context, o measure.Options) error {
		if o.Data.N < 4*c.K {
			return fmt.Errorf("%d vectors are too few", o.Data.N)
		}
		return measure.Live(ctx, &measure.LiveOptions{Options: o, Workloads: c.Workloads, Workers: c.Workers,
			Operations: c.Operations, Rounds: c.Rounds, K: c.K, Target: c.Recall, Params: c.params()})
	})
}

func (c *liveCommand) check() error {
	for _, w := range c.Workloads {
		if !slices.Contains(measure.Workloads, w) {
			return fmt.Errorf("no workload is called %q; known are %s", w, strings.Join(measure.Workloads, ", "))
		}
	}
	if c.Workers < 2 {
		return errors.New("--workers must be 2 at least: of one, nothing happens at the same time")
	}
	if c.Operations < 1 || c.Rounds < 1 || !(c.Recall > 0 && c.Recall < 1) {
		return errors.New("--operations and --rounds must be above 0, --recall between 0 and 1")
	}
	return nil
}
