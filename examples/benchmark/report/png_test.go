// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
)

// 300 colours, of which the 44 rarest become their neighbours; the others stay what they were.
func TestEncodePNG(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 300, 3))
	for x := range 300 {
		for y := range 3 {
			c := color.RGBA{R: uint8(x % 256), B: uint8(x / 256 * 255), A: 255}
			if y > 0 && x >= 256 {
				c = color.RGBA{A: 255} // so the blue ones occur once, the others three times
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := encodePNG(&b, img); err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(&b)
	if err != nil || got.Bounds() != img.Bounds() {
		t.Fatalf("%v, %v", got, err)
	}
	for x := range 256 {
		if r, g, bl, _ := got.At(x, 2).RGBA(); r>>8 != uint32(x) || g != 0 || bl != 0 {
			t.Fatalf("pixel %d: %d %d %d", x, r>>8, g, bl)
		}
	}
	if r, _, _, _ := got.At(256+40, 0).RGBA(); r>>8 != 40 {
		t.Errorf("a rare colour became one with red %d, want 40", r>>8)
	}
}
