# SPDX-License-Identifier: Apache-2.0
"""Random grey patches of photographs, reduced by PCA to 40 dimensions and normalised.

A patch is 16 x 16 pixels of a photograph at full, half or a quarter of its size, less its mean.
The axes are computed from a sample of fixed size, and chunk c of the rows depends on the seed and
c only, so that a larger set begins with the smaller one.

Arguments: photos, base, rows, queries_out, queries, seed.
"""
import cv2
import numpy as np

import common

SIDE = 16
DIM = 40
CHUNK = 1 << 16
SAMPLE = 1 << 17
FLATTEST = 3.0  # standard deviation below which a patch is empty: sky, or a drawn surface


def draw(photos, offsets, widths, heights, pixels, count, key):
    """count patches[count][SIDE * SIDE] without their means, by the random stream of that key."""
    chance = np.random.Generator(np.random.PCG64(key))
    found, missing = [], count
    inner = np.arange(SIDE)
    while missing:
        n = missing + missing // 2 + 64
        i = chance.integers(0, photos, n)
        y = (chance.random(n) * (heights[i] - SIDE + 1)).astype(np.int64)
        x = (chance.random(n) * (widths[i] - SIDE + 1)).astype(np.int64)
        first = offsets[i] + y * widths[i] + x
        where = (first[:, None, None] + inner[None, :, None] * widths[i][:, None, None]
                 + inner[None, None, :])
        patch = pixels[where].reshape(n, -1).astype(np.float32)
        patch -= patch.mean(axis=1, keepdims=True)
        patch = patch[patch.std(axis=1) >= FLATTEST][:missing]
        found.append(patch)
        missing -= len(patch)
    return np.concatenate(found)


def main():
    args = common.arguments()
    seed = args["seed"]
    grey = []
    full = common.photographs(args["photos"])
    for photo in full:
        level = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY)
        for _ in range(3):
            grey.append(level)
            level = cv2.resize(level, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    heights = np.array([g.shape[0] for g in grey], np.int64)
    widths = np.array([g.shape[1] for g in grey], np.int64)
    offsets = np.concatenate(([0], np.cumsum(heights * widths)[:-1]))
    pixels = np.concatenate([g.ravel() for g in grey])
    source = (len(grey), offsets, widths, heights, pixels)

    sample = draw(*source, SAMPLE, [seed, 0])
    values, axes = np.linalg.eigh(np.cov(sample.T.astype(np.float64)))
    axes = axes[:, ::-1][:, :DIM]
    # The sign of an axis is arbitrary: its largest part is made positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(DIM)])
    kept = values[::-1][:DIM].sum() / values.sum()
    axes = axes.astype(np.float32)

    def write(path, rows, stream):
        with open(path, "wb") as out:
            for chunk, start in enumerate(range(0, rows, CHUNK)):
                reduced = draw(*source, CHUNK, [seed, stream, chunk])[:rows - start] @ axes
                reduced /= np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-6)
                out.write(reduced.astype("<f4").tobytes())
                common.progress(min(start + CHUNK, rows), rows)

    write(args["queries_out"], args["queries"], 1)
    write(args["base"], args["rows"], 2)
    common.result(rows=args["rows"], dim=DIM, photographs=len(full), kept=round(float(kept), 4))


if __name__ == "__main__":
    main()
