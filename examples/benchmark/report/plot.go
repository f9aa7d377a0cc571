// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A plot is 900 px wide, as wide as a README is shown, at 96 px an inch; the PNG has twice the
// pixels, for dense screens.
const (
	plotWidth  = 675 * vg.Inch / 72
	plotHeight = 405 * vg.Inch / 72
	labelSize  = 20 * vg.Inch / 72 // for the label of an axis
	pngDPI     = 192
)

// figure is a plot that can be drawn in each theme: its name in file names, its caption, and draw,
// which fills a plot and returns the legend; a plot without one names its peers itself.
type figure struct {
	name, caption string
	height        vg.Length // 0 for plotHeight
	draw          func(t theme) (*plot.Plot, []entry, error)
	svgs          map[string][]byte // by theme, once written
}

// entry is a line of a legend.
type entry struct{ peer, text string }

// file names the picture of a figure: NAME-light.png and so on.
func (f figure) file(t theme, format string) string {
	return fmt.Sprintf("%s-%s.%s", f.name, t.name, format)
}

// write draws a figure in all themes and formats into dir, and returns the SVG of each theme.
func (f figure) write(dir string) (map[string][]byte, error) {
	svgs := map[string][]byte{}
	for _, t := range themes {
		p, legend, err := f.draw(t)
		if err != nil {
			return nil, fmt.Errorf("plot %s: %w", f.name, err)
		}
		h := f.height
		if h == 0 {
			h = plotHeight
		}
		for _, format := range []string{"png", "svg"} {
			var out bytes.Buffer
			if format == "png" {
				canvas := vgimg.NewWith(vgimg.UseWH(plotWidth, h), vgimg.UseDPI(pngDPI), vgimg.UseBackgroundColor(t.page))
				drawOn(canvas, p, legend, t)
				err = encodePNG(&out, canvas.Image())
			} else {
				canvas := vgsvg.New(plotWidth, h)
				drawOn(canvas, p, legend, t)
				_, err = canvas.WriteTo(&out)
				svgs[t.name] = out.Bytes()
			}
			if err != nil {
				return nil, fmt.Errorf("plot %s: %w", f.name, err)
			}
			if err := os.WriteFile(filepath.Join(dir, f.file(t, format)), out.Bytes(), 0o644); err != nil {
				return nil, err
			}
		}
	}
	return svgs, nil
}

// drawOn puts the plot and, in a strip at its right where it hides nothing, the legend. The labels of
// the axes are drawn here too: gonum reserves room for them as if every axis were linear, which
// leaves a part of the picture empty.
func drawOn(canvas vg.CanvasSizer, p *plot.Plot, legend []entry, t theme) {
	c := draw.New(canvas)
	c.SetColor(t.page)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, 6, -10, 6, -8)
	if len(legend) > 0 {
		l := plot.NewLegend()
		l.Top, l.Left = true, true
		l.TextStyle.Font.Size, l.TextStyle.Font.Variant = 11, "Sans"
		l.TextStyle.Color = t.ink
		l.ThumbnailWidth, l.Padding = vg.Points(30), vg.Points(4)
		width := vg.Length(0)
		for _, e := range legend {
			l.Add(e.text, thumbnail{t.line(e.peer), t.glyph(e.peer)})
			width = max(width, l.TextStyle.Width(e.text))
		}
		width += l.ThumbnailWidth + 14
		l.Draw(draw.Crop(c, c.Size().X-width+8, 0, 0, -22))
		c = draw.Crop(c, 0, -width, 0, 0)
	}
	x, y := p.X.Label, p.Y.Label
	p.X.Label.Text, p.Y.Label.Text = "", ""
	defer func() { p.X.Label.Text, p.Y.Label.Text = x.Text, y.Text }()
	inner := draw.Crop(c, 0, 0, labelSize, 0)
	if y.Text != "" {
		inner = draw.Crop(inner, labelSize, 0, 0, 0)
	}
	p.Draw(inner)
	data := p.DataCanvas(inner)
	middle := data.Center()
	x.TextStyle.XAlign, x.TextStyle.YAlign = draw.XCenter, draw.YBottom
	c.FillText(x.TextStyle, vg.Point{X: middle.X, Y: c.Min.Y}, x.Text)
	if y.Text != "" {
		y.TextStyle.Rotation = math.Pi / 2
		y.TextStyle.XAlign, y.TextStyle.YAlign = draw.XCenter, draw.YTop
		c.FillText(y.TextStyle, vg.Point{X: c.Min.X, Y: middle.Y}, y.Text)
	}
}

// displayName is what a peer is called in legends and tables.
func displayName(peer string) string {
	if peer == subject {
		return subjectName
	}
	return peer
}

// thumbnail shows a line with its marker in the legend.
type thumbnail struct {
	line  draw.LineStyle
	glyph draw.GlyphStyle
}

// Thumbnail implements plot.Thumbnailer.
func (n thumbnail) Thumbnail(c *draw.Canvas) {
	c.StrokeLine2(n.line, c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
	c.DrawGlyph(n.glyph, c.Center())
}

// newPlot makes an empty plot with titles and the theme's colours.
func newPlot(t theme, title, x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = t.page
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(8)
	face := func(f *font.Font, size vg.Length) { f.Size, f.Variant = size, "Sans" }
	face(&p.Title.TextStyle.Font, 13)
	p.Title.TextStyle.Color = t.ink
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		face(&axis.Label.TextStyle.Font, 12)
		face(&axis.Tick.Label.Font, 11)
		axis.Label.TextStyle.Color, axis.Tick.Label.Color = t.ink, t.ink
		axis.Color, axis.Tick.Color = t.ink, t.ink
		axis.Label.Padding = vg.Points(4)
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = t.grid, t.grid
	p.Add(grid)
	return p
}

// logTicks labels a logarithmic axis at 1, 2 and 5 times each power of ten; where that is more than
// fits, at the powers alone.
type logTicks struct{}

// Ticks implements plot.Ticker.
func (logTicks) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	decades := math.Log10(most) - math.Log10(least)
	for e := math.Floor(math.Log10(least)); e <= math.Ceil(math.Log10(most)); e++ {
		for digit := 1.0; digit < 10; digit++ {
			v := digit * math.Pow(10, e)
			if v < least*0.9999 || v > most*1.0001 {
				continue
			}
			tick := plot.Tick{Value: v}
			if digit == 1 || decades < 3.2 && (digit == 2 || digit == 5) {
				tick.Label = tickLabel(v)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// tickLabel writes a round number of any size: 0.05, 2,000, 10 M.
func tickLabel(v float64) string {
	switch {
	case v >= 999999:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + " M"
	case v >= 1000:
		return thousands(v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// logRange widens a range of positive values by a margin, so that no point lies on the frame, and
// to a factor of at least 3, so that labelled ticks fall in it.
func logRange(least, most float64) (float64, float64) {
	least, most = least/1.25, most*1.25
	if f := most / least; f < 3 {
		widen := math.Sqrt(3 / f)
		least, most = least/widen, most*widen
	}
	return least, most
}

// missScale is an axis for recalls: it is logarithmic in the share of neighbours missed, so that
// 0.9, 0.99 and 0.999 are equally far apart. Shares below missFloor are drawn there.
type missScale struct{}

const missFloor = 1e-4

func misses(recall float64) float64 { return -math.Log10(max(1-recall, missFloor)) }

// Normalize implements plot.Normalizer.
func (missScale) Normalize(least, most, x float64) float64 {
	return (misses(x) - misses(least)) / (misses(most) - misses(least))
}

// missTicks labels the axis of missScale.
type missTicks struct{}

// Ticks implements plot.Ticker.
func (missTicks) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for _, v := range []float64{0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995} {
		if v >= least && v <= most {
			ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', -1, 64)})
		}
	}
	if most >= 1-missFloor {
		ticks = append(ticks, plot.Tick{Value: 1 - missFloor, Label: "≥0.9999"})
	}
	return ticks
}

// groupedTicks are gonum's ticks of a linear axis, with digits in groups of three.
type groupedTicks struct{}

// Ticks implements plot.Ticker.
func (groupedTicks) Ticks(least, most float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(least, most)
	for i := range ticks {
		if ticks[i].Value >= 1000 && ticks[i].Label != "" {
			ticks[i].Label = thousands(ticks[i].Value)
		}
	}
	return ticks
}
