// SPDX-License-Identifier: Apache-2.0

package report

import (
	"hash/fnv"
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// theme is one of the two variants of each plot.
type theme struct {
	name             string
	page, ink, grid  color.NRGBA
	black, blue, sky color.NRGBA // those of the palette that differ between the themes
}

// The colours are those of Okabe and Ito, "Color Universal Design" (2008), which people with the
// common kinds of colour blindness can tell apart. Their black and yellow change with the page: on
// white, yellow has too little contrast and grey stands in for it; on dark, black becomes white. The
// darker blue is lightened on dark. Shapes differ as well, so that colour never says it alone.
var (
	light = theme{name: "light", page: rgb(0xffffff), ink: rgb(0x1f2328), grid: rgb(0xd8dee4),
		black: rgb(0x000000), blue: rgb(0x0072b2), sky: rgb(0x56b4e9)}
	dark = theme{name: "dark", page: rgb(0x0d1117), ink: rgb(0xe6edf3), grid: rgb(0x30363d),
		black: rgb(0xffffff), blue: rgb(0x4a9fe0), sky: rgb(0x8fd3ff)}
	themes = []theme{light, dark}
)

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 255}
}

// palette gives the colours of a theme by number.
func (t theme) palette() []color.NRGBA {
	third := rgb(0x767d86)
	if t.name == dark.name {
		third = rgb(0xf0e442)
	}
	return []color.NRGBA{rgb(0xd55e00), t.black, t.blue, rgb(0x009e73), rgb(0xcc79a7), rgb(0xe69f00), t.sky, third}
}

// faint mixes a colour with the page, so that points off the front stay behind the others.
func (t theme) faint(c color.NRGBA) color.NRGBA {
	mix := func(a, b uint8) uint8 { return uint8((4*int(a) + 6*int(b)) / 10) }
	return color.NRGBA{R: mix(c.R, t.page.R), G: mix(c.G, t.page.G), B: mix(c.B, t.page.B), A: 255}
}

// look is how a peer is drawn, the same in all plots.
type look struct {
	color int // in the palette
	shape draw.GlyphDrawer
	dash  []vg.Length
}

var shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, polygon{up, true}, polygon{diamond, true},
	polygon{down, true}, draw.RingGlyph{}, draw.SquareGlyph{}, polygon{up, false}, polygon{diamond, false},
	polygon{down, false}, draw.PlusGlyph{}, draw.CrossGlyph{}, polygon{star, true}, polygon{star, false}}

var dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(1.5), vg.Points(2.5)}}

// peerLooks fixes the looks of the peers known, so that all plots agree: colour, shape, dash.
var peerLooks = map[string][3]int{
	subject: {0, 0, 0}, reference: {1, 1, 0}, "symphonyqg": {2, 2, 0}, "vsag": {3, 3, 0}, "svs": {4, 4, 0},
	"n2-original": {5, 5, 1}, "nmslib": {6, 6, 1}, "usearch": {7, 7, 1}, "usearch-i8": {7, 9, 2}, "faiss": {2, 8, 1},
	"faiss-sq8": {2, 11, 2}, "annoy": {3, 10, 1}, "alayalite": {4, 9, 1}, "voyager": {5, 11, 2}, "zvec": {6, 12, 2},
	"ngt": {1, 13, 1}, "glass": {0, 8, 1}, "coder-hnsw": {1, 5, 2},
	floor: {6, 12, 1},
}

// lookOf gives the look of a peer; one that is not known gets one by its name.
func lookOf(peer string) look {
	l, ok := peerLooks[peer]
	if !ok {
		h := fnv.New32a()
		h.Write([]byte(peer))
		v := int(h.Sum32() >> 1)
		l = [3]int{v % 8, v / 8 % len(shapes), 1 + v/128%2}
	}
	return look{color: l[0], shape: shapes[l[1]], dash: dashes[l[2]]}
}

// line and glyph are the styles of a peer's curve and its points.
func (t theme) line(peer string) draw.LineStyle {
	l := lookOf(peer)
	width := vg.Points(1.6)
	if peer == subject {
		width = vg.Points(2.8)
	}
	return draw.LineStyle{Color: t.palette()[l.color], Width: width, Dashes: l.dash}
}

func (t theme) glyph(peer string) draw.GlyphStyle {
	l := lookOf(peer)
	radius := vg.Points(3.6)
	if peer == subject {
		radius = vg.Points(4.6)
	}
	return draw.GlyphStyle{Color: t.palette()[l.color], Radius: radius, Shape: l.shape}
}

// polygon draws a marker of straight edges, which gonum's own markers lack.
type polygon struct {
	corners [][2]float64 // in units of the radius
	filled  bool
}

var (
	up      = [][2]float64{{0, 1.25}, {1.1, -0.75}, {-1.1, -0.75}}
	down    = [][2]float64{{0, -1.25}, {1.1, 0.75}, {-1.1, 0.75}}
	diamond = [][2]float64{{0, 1.35}, {1.1, 0}, {0, -1.35}, {-1.1, 0}}
	star    = starCorners()
)

func starCorners() [][2]float64 {
	var list [][2]float64
	for i := range 10 {
		r := 1.5
		if i%2 == 1 {
			r = 0.6
		}
		sin, cos := math.Sincos(math.Pi * float64(i) / 5)
		list = append(list, [2]float64{r * sin, r * cos})
	}
	return list
}

// DrawGlyph implements draw.GlyphDrawer.
func (p polygon) DrawGlyph(c *draw.Canvas, style draw.GlyphStyle, at vg.Point) {
	var path vg.Path
	for i, corner := range p.corners {
		pt := vg.Point{X: at.X + style.Radius*vg.Length(corner[0]), Y: at.Y + style.Radius*vg.Length(corner[1])}
		if i == 0 {
			path.Move(pt)
		} else {
			path.Line(pt)
		}
	}
	path.Close()
	c.SetColor(style.Color)
	if p.filled {
		c.Fill(path)
		return
	}
	c.SetLineStyle(draw.LineStyle{Color: style.Color, Width: vg.Points(1.2)})
	c.Stroke(path)
}
