// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"slices"
)

// encodePNG writes an image with the 256 colours that occur in it most often. A plot has a dozen
// colours and the shades of their edges, so nothing is seen of it, and the file is a third as large,
// which matters for files that are committed.
func encodePNG(w io.Writer, img image.Image) error {
	bounds := img.Bounds()
	rgba, ok := img.(*image.RGBA)
	if !ok {
		rgba = image.NewRGBA(bounds)
		draw.Draw(rgba, bounds, img, bounds.Min, draw.Src)
	}
	count := map[uint32]int{}
	eachRun(rgba, func(c uint32, start, end int) { count[c] += end - start })
	colors := make([]uint32, 0, len(count))
	for c := range count {
		colors = append(colors, c)
	}
	slices.SortFunc(colors, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	var palette color.Palette
	for _, c := range colors[:min(256, len(colors))] {
		palette = append(palette, rgb(c))
	}
	index := make(map[uint32]uint8, len(colors))
	for i, c := range colors {
		if i < len(palette) {
			index[c] = uint8(i)
		} else {
			index[c] = nearest(colors[:len(palette)], c)
		}
	}
	out := image.NewPaletted(bounds, palette)
	eachRun(rgba, func(c uint32, start, end int) {
		at := index[c]
		for i := start; i < end; i++ {
			out.Pix[i] = at
		}
	})
	return (&png.Encoder{}).Encode(w, out)
}

// eachRun calls f for each run of pixels of one colour, 0xRRGGBB; plots are opaque. The pixels are
// numbered as those of an image without padding are.
func eachRun(img *image.RGBA, f func(c uint32, start, end int)) {
	width, height := img.Rect.Dx(), img.Rect.Dy()
	for y := range height {
		row := img.Pix[y*img.Stride:][:4*width]
		start, last := 0, uint32(0)
		for x := range width {
			c := uint32(row[4*x])<<16 | uint32(row[4*x+1])<<8 | uint32(row[4*x+2])
			if x > 0 && c != last {
				f(last, y*width+start, y*width+x)
				start = x
			}
			last = c
		}
		if width > 0 {
			f(last, y*width+start, y*width+width)
		}
	}
}

// nearest gives the colour with the least squared distance to c.
func nearest(colors []uint32, c uint32) uint8 {
	best, at := 1<<30, 0
	for i, p := range colors {
		distance := 0
		for _, shift := range []int{0, 8, 16} {
			d := int(p>>shift&255) - int(c>>shift&255)
			distance += d * d
		}
		if distance < best {
			best, at = distance, i
		}
	}
	return uint8(at)
}
