// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/n2ann/n2/examples/benchmark/dataset"
	"github.com/n2ann/n2/examples/benchmark/measure"
	"github.com/n2ann/n2/examples/benchmark/peer"
)

// A scene is what the commands have in common that measure peers in one situation rather than at all
// their points: each peer has one index, with the same parameters.
type scene struct {
	Data           string        `help:"Data set, or a file of vectors." default:"glove-100"`
	N              int           `help:"Use the first N vectors; 0 is all." default:"100000" placeholder:"N"`
	Out            string        `help:"Result file, which is appended to." default:"results.jsonl"`
	K              int           `help:"Number of neighbours." default:"10"`
	M              int           `help:"M of every peer." default:"16"`
	EfConstruction int           `help:"efConstruction of every peer." default:"200"`
	Adapter        []string      `type:"existingfile" help:"Files with adapters of further peers."`
	BuildLimit     time.Duration `help:"Time after which a build is given up, or a round of changes." default:"60m"`
	SearchLimit    time.Duration `help:"Time after which any other request is." default:"10m"`
	Scratch        string        `help:"Folder for what is written meanwhile; default: the system's for temporary files."`
	Log            string        `help:"File for what the peers print." placeholder:"FILE"`
}

// sceneQueries is how many queries are asked at most; a set of more has its first ones asked.
const sceneQueries = 1000

// play measures peers with what the flags say.
func (c *scene) play(ctx context.Context, names []string, run func(context.Context, measure.Options) error) error {
	if c.N < 0 || c.K < 1 || c.M < 2 || c.EfConstruction < 1 || c.BuildLimit <= 0 || c.SearchLimit <= 0 {
		return errors.New("--n must not be negative, --m at least 2, --k, --ef-construction and times above 0")
	}
	for _, file := range c.Adapter {
		if err := peer.AddFile(file); err != nil {
			return err
		}
	}
	var peers []peer.Spec
	for _, name := range names {
		s, err := peer.Lookup(name)
		if err != nil {
			return err
		}
		peers = append(peers, s)
	}
	set, err := dataset.Open(ctx, c.Data, c.N, os.Stderr)
	if err != nil {
		return err
	}
	peers = fit(peers, set.Metric)
	log, err := openLog(c.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	bar := newBar(os.Stderr)
	err = run(ctx, measure.Options{
		Data: measure.Data{
			Name: set.Name, Metric: set.Metric, Base: set.BasePath(), Queries: set.QueriesPath(), Dim: set.Dim, N: set.N,
			QueryCount: min(set.Queries, sceneQueries), Truth: set.Truth, TruthOf: set.TruthOf, ByDistance: set.ByDistance,
		},
		Peers: peers, Out: c.Out, Commit: measure.Commit(), Scratch: c.Scratch, Memory: measure.Memory(),
		BuildLimit: c.BuildLimit, SearchLimit: c.SearchLimit, Log: log, Progress: bar.show,
	})
	bar.end()
	sayWhere(ctx, c.Out)
	return err
}

// params are those of every peer's index.
func (c *scene) params() map[string]any {
	return map[string]any{"M": c.M, "efConstruction": c.EfConstruction}
}

// fit returns the peers that know the metric, and says which do not.
func fit(peers []peer.Spec, metric string) []peer.Spec {
	peers, unfit := measure.Peers(peers, metric)
	for _, s := range unfit {
		fmt.Fprintf(os.Stderr, "%s: left out, as it does not know the metric %s\n", s.Name, metric)
	}
	return peers
}

// openLog opens the file for what the peers print; without a name, what they print is lost.
func openLog(name string) (io.WriteCloser, error) {
	if name == "" {
		name = os.DevNull
	}
	return os.Create(name)
}

// sayWhere says, after an interruption, where the results so far are.
func sayWhere(ctx context.Context, out string) {
	if ctx.Err() != nil {
		fmt.Fprintf(os.Stderr, "what was measured is in %s; the same command goes on from there\n", out)
	}
}
