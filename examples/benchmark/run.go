// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/n2ann/n2/examples/benchmark/dataset"
	"github.com/n2ann/n2/examples/benchmark/measure"
	"github.com/n2ann/n2/examples/benchmark/peer"
)

type runCommand struct {
	Data           string        `required:"" help:"Data set, or a file of vectors."`
	N              int           `help:"Use the first N vectors; 0 is all." placeholder:"N"`
	Peers          []string      `help:"Peers to measure, or 'all'. The reference is added." default:"n2"`
	Adapter        []string      `type:"existingfile" help:"Files with adapters of further peers."`
	Out            string        `help:"Result file, which is appended to." default:"results.jsonl"`
	Quick          bool          `help:"One parameter set, k 10 alone, builds on all cores alone, and fewer repeats and points."`
	Reference      string        `help:"Peer measured beside each other one; 'none' for none." default:"hnswlib"`
	K              []int         `help:"Numbers of neighbours." default:"10,1,100"`
	Repeats        int           `help:"How often each point is measured." default:"5"`
	BuildRepeats   int           `help:"How often each index is built." default:"1"`
	BuildThreads   []int         `help:"Numbers of threads to build with, that of the searched index first; default: all powers of two up to the cores."`
	Sets           int           `help:"How many parameter sets of each peer are built." default:"2"`
	M              int           `help:"M of every peer that has one, instead of the peers' own parameter sets." placeholder:"M"`
	EfConstruction int           `help:"efConstruction, in the same way." placeholder:"EF"`
	Points         int           `help:"How many points of each sweep are searched; 0 is all." default:"0"`
	Together       int           `help:"How many indexes are in memory at once; 0 is as many as fit." default:"0"`
	Budget         time.Duration `help:"Time for one repeat of a point, beyond which it makes fewer searches." default:"5s"`
	BuildLimit     time.Duration `help:"Time after which a build is given up." default:"20m"`
	SearchLimit    time.Duration `help:"Time after which any other request is." default:"10m"`
	Scratch        string        `help:"Folder for indexes; default: the system's for temporary files."`
	Log            string        `help:"File for what the peers print." placeholder:"FILE"`
	Profile        string        `help:"Measure nothing; write callgrind profiles of N2's build (of up to 20,000 vectors, which is the default of --n) and search to this folder." placeholder:"FOLDER"`
	Recall         float32       `help:"The recall that the searches of --profile ask for." default:"0.95"`
}

func (c *runCommand) Run(ctx context.Context) (err error) {
	for _, file := range c.Adapter {
		if err := peer.AddFile(file); err != nil {
			return err
		}
	}
	if c.Quick {
		c.K, c.Sets, c.Repeats, c.Budget = []int{10}, 1, min(c.Repeats, 3), min(c.Budget, time.Second)
		if c.Points == 0 {
			c.Points = 6
		}
		if len(c.BuildThreads) == 0 {
			c.BuildThreads = []int{len(peer.Cores())}
		}
	}
	peers, reference, err := c.choose()
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if c.Profile != "" && c.N == 0 {
		c.N = profileN
	}
	set, err := dataset.Open(ctx, c.Data, c.N, os.Stderr)
	if err != nil {
		return err
	}
	if c.Profile != "" {
		return profile(ctx, set, c.M, c.EfConstruction, c.K[0], c.Recall, c.Profile, os.Stdout)
	}
	peers = fit(peers, set.Metric)
	if len(peers) == 0 {
		return fmt.Errorf("no peer knows the metric %s", set.Metric)
	}
	log, err := openLog(c.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	cores := len(peer.Cores())
	if len(c.BuildThreads) == 0 {
		c.BuildThreads = powers(cores)
	}
	bar := newBar(os.Stderr)
	err = measure.Run(ctx, &measure.Options{
		Data: measure.Data{
			Name: set.Name, Metric: set.Metric, Base: set.BasePath(), Queries: set.QueriesPath(),
			Dim: set.Dim, N: set.N, QueryCount: set.Queries, Truth: set.Truth,
		},
		Peers: peers, Reference: reference, Out: c.Out, Commit: measure.Commit(), Scratch: c.Scratch,
		Ks: c.K, Cores: cores, BuildThreads: c.BuildThreads, BuildRepeats: c.BuildRepeats,
		Repeats: c.Repeats, Tiers: c.Sets, Points: c.Points, Together: c.Together,
		Memory: measure.Memory(), Budget: c.Budget, BuildLimit: c.BuildLimit, SearchLimit: c.SearchLimit,
		Log: log, Progress: bar.show,
	})
	bar.end()
	sayWhere(ctx, c.Out)
	return err
}

// choose returns the peers, N2 first if it is one of them, and the name of the reference.
func (c *runCommand) choose() ([]peer.Spec, string, error) {
	var peers []peer.Spec
	names := c.Peers
	if slices.Contains(names, "all") {
		peers, names = peer.All(), nil
	}
	if c.Reference == "none" {
		c.Reference = ""
	} else {
		names = append(slices.Clone(names), c.Reference)
	}
	for _, name := range names {
		s, err := peer.Lookup(name)
		if err != nil {
			return nil, "", err
		}
		if !slices.ContainsFunc(peers, func(p peer.Spec) bool { return p.Name == name }) {
			peers = append(peers, s)
		}
	}
	for i := range peers {
		peers[i].BuildParams = c.override(peers[i].BuildParams)
	}
	return peers, c.Reference, nil
}

// override returns the parameter sets with those of the command line in their places: the first set
// alone, where there are any.
func (c *runCommand) override(sets []map[string]any) []map[string]any {
	params := maps.Clone(sets[0])
	for name, value := range map[string]int{"M": c.M, "efConstruction": c.EfConstruction} {
		if _, has := params[name]; has && value != 0 {
			params[name] = value
		}
	}
	if maps.Equal(params, sets[0]) {
		return sets
	}
	return []map[string]any{params}
}

func (c *runCommand) check() error {
	for _, list := range [][]int{c.K, c.BuildThreads, {c.Repeats, c.BuildRepeats, c.Sets}} {
		for _, v := range list {
			if v < 1 {
				return errors.New("--k, --build-threads, --repeats, --build-repeats and --sets must be above 0")
			}
		}
	}
	if c.M < 0 || c.EfConstruction < 0 {
		return errors.New("--m and --ef-construction must not be negative")
	}
	if c.Recall <= 0 || c.Recall > 1 {
		return errors.New("--recall must be above 0 and at most 1")
	}
	if len(c.K) == 0 || c.N < 0 || c.Budget <= 0 || c.BuildLimit <= 0 || c.SearchLimit <= 0 {
		return errors.New("--k must not be empty, --n not negative, and times must be above 0")
	}
	return nil
}

// powers returns n and the powers of two below it, in descending order.
func powers(n int) []int {
	list := []int{n}
	p := 1
	for 2*p < n {
		p *= 2
	}
	for ; p >= 1 && p < n; p /= 2 {
		list = append(list, p)
	}
	return list
}
