// SPDX-License-Identifier: Apache-2.0

// Command benchmark measures N2 and other libraries side by side, on the same data in one run.
//
//	go run . data glove-100
//	go run . run --data glove-100 --n 100000 --peers n2,hnswlib --out results.jsonl
//	go run . live --out results.jsonl
//	go run . filter --out results.jsonl
//	go run . report results.jsonl --out report
//	go run . compare before.jsonl after.jsonl
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/n2ann/n2/examples/benchmark/dataset"
	"github.com/n2ann/n2/examples/benchmark/measure"
	"github.com/n2ann/n2/examples/benchmark/peer"
	"github.com/n2ann/n2/examples/benchmark/report"
)

type cli struct {
	Data    dataCommand    `cmd:"" help:"Make a data set, or say that it is there."`
	Run     runCommand     `cmd:"" help:"Measure, and append the results to a file."`
	Live    liveCommand    `cmd:"" help:"Measure indexes that change while they are searched, and append the results to a file."`
	Filter  filterCommand  `cmd:"" help:"Measure searches that may return some vectors only, and append the results to a file."`
	Report  reportCommand  `cmd:"" help:"Make tables, plots and a page out of result files."`
	Compare compareCommand `cmd:"" help:"Show what changed from one result file to another."`
	Peers   peersCommand   `cmd:"" help:"List the peers."`
	Peer    peerCommand    `cmd:"" hidden:""`
}

func main() {
	// The first Ctrl-C ends the run in order; a second one ends the program.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	var c cli
	k := kong.Parse(&c, kong.Name("benchmark"), kong.UsageOnError(),
		kong.Description("Measures N2 and other libraries for nearest neighbours side by side."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := k.Run()
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		fmt.Fprintln(os.Stderr, "interrupted")
		os.Exit(130)
	}
	k.FatalIfErrorf(err)
}

type dataCommand struct {
	Name string `arg:"" help:"Data set, or a file of vectors."`
	N    int    `help:"Use the first N vectors; 0 is all." placeholder:"N"`
}

func (c *dataCommand) Run(ctx context.Context) error {
	s, err := dataset.Open(ctx, c.Name, c.N, os.Stderr)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d vectors of %d dimensions, %d queries, %s\nfrom: %s\nlicence: %s\n",
		s.Name, s.N, s.Dim, s.Queries, s.Metric, s.Provenance, s.Licence)
	return nil
}

type reportCommand struct {
	Files   []string `arg:"" type:"existingfile" help:"Result files."`
	Out     string   `help:"Folder to write." default:"report"`
	Readme  string   `type:"existingfile" help:"Replace the section between the marks in this file, too." placeholder:"FILE"`
	Command string   `help:"The command that the section says repeats the results."`
}

func (c *reportCommand) Run() error {
	var records []measure.Record
	for _, file := range c.Files {
		more, err := measure.Read(file)
		if err != nil {
			return err
		}
		records = append(records, more...)
	}
	if err := report.Write(records, c.Out); err != nil {
		return err
	}
	if c.Readme != "" {
		images, err := filepath.Rel(filepath.Dir(c.Readme), absolute(c.Out))
		if err != nil {
			return err
		}
		options := report.ReadmeOptions{Images: filepath.ToSlash(images), Command: c.Command}
		return report.UpdateReadme(c.Readme, records, options)
	}
	fmt.Print(report.Summary(records))
	fmt.Println("Plots and all tables:", filepath.Join(c.Out, "index.html"))
	return nil
}

// absolute is the path as it stands, if the working directory is unknown.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

type compareCommand struct {
	Before string `arg:"" type:"existingfile" help:"Result file of the one commit."`
	After  string `arg:"" type:"existingfile" help:"Result file of the other."`
}

func (c *compareCommand) Run() error {
	before, err := measure.Read(c.Before)
	if err != nil {
		return err
	}
	after, err := measure.Read(c.After)
	if err != nil {
		return err
	}
	return report.Compare(before, after, os.Stdout)
}

type peersCommand struct{}

func (c *peersCommand) Run() error {
	for _, s := range peer.All() {
		fmt.Printf("%-12s %-12s %-7s %v %s\n", s.Name, s.Version, s.Kind, s.Metrics, s.Note)
	}
	return nil
}

// A peerCommand is what runs in the process of a peer in Go.
type peerCommand struct {
	Name string `arg:""`
}

func (c *peerCommand) Run() error {
	out := os.Stdout
	os.Stdout = os.Stderr // what libraries print must not be taken for an answer
	return peer.Serve(c.Name, os.Stdin, out)
}
