// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A progress shows how far a long step is: as a bar with an estimate on a terminal, elsewhere by a
// line now and then.
type progress struct {
	log   io.Writer
	title string
	bar   *progressbar.ProgressBar
	start time.Time
	next  time.Time
}

// quiet is the time between two lines that are not on a terminal, and before the first.
const quiet = 15 * time.Second

func newProgress(log io.Writer, title string) *progress {
	now := time.Now()
	return &progress{log: log, title: title, start: now, next: now.Add(quiet)}
}

// set says that done of total are done. total may change from call to call.
func (p *progress) set(done, total int) {
	if total <= 0 {
		return
	}
	if f, ok := p.log.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if p.bar == nil {
			p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.log),
				progressbar.OptionSetDescription(p.title), progressbar.OptionClearOnFinish(),
				progressbar.OptionThrottle(200*time.Millisecond), progressbar.OptionSetWidth(30),
				progressbar.OptionSetPredictTime(true))
		}
		p.bar.ChangeMax(total)
		_ = p.bar.Set(done) // what a terminal cannot show is no reason to stop
		return
	}
	if now := time.Now(); now.After(p.next) && done > 0 && done < total {
		p.next = now.Add(quiet)
		left := now.Sub(p.start) * time.Duration(total-done) / time.Duration(done)
		fmt.Fprintf(p.log, "%s: %d of %d, %v left\n", p.title, done, total, left.Round(time.Second))
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
