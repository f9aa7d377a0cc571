# SPDX-License-Identifier: Apache-2.0
"""GIST descriptors (Oliva and Torralba 2001) of random patches of photographs.

A patch is a square of 48 to 192 pixels, scaled to 32 x 32. Each of its three colours goes through
20 Gabor filters, 8 + 8 + 4 orientations at three scales; the magnitude of each answer is averaged
over a grid of 4 x 4: 3 * 20 * 16 = 960 values, as in the well-known set GIST1M.

Arguments: photos, out, rows, seed.
"""
import hashlib
import multiprocessing
import os
import sys

import cv2
import numpy as np

import common

SIDE = 32
ORIENTATIONS = (8, 8, 4)
BLOCK = 100  # patches computed together


def filters():
    """The transfer functions, in the order of a fast Fourier transform of SIDE x SIDE."""
    frequency = np.fft.fftfreq(SIDE)
    fx, fy = np.meshgrid(frequency, frequency)
    radius, angle = np.hypot(fx, fy), np.arctan2(fy, fx)
    bank = []
    for scale, count in enumerate(ORIENTATIONS):
        centre = 0.3 / 1.85 ** scale  # cycles a pixel
        for k in range(count):
            turn = np.angle(np.exp(1j * (angle - np.pi * k / count)))
            bank.append(np.exp(-3.5 * (radius / centre - 1) ** 2
                               - 2 * np.pi * (count / 8) ** 2 * turn ** 2))
    return np.array(bank, np.float32)


BANK = filters()


def describe(patches):
    """GIST of patches[n][SIDE][SIDE][3] of 8-bit values."""
    light = np.log1p(patches.astype(np.float32)).transpose(0, 3, 1, 2)
    light -= light.mean(axis=(2, 3), keepdims=True)
    light /= 0.2 + light.std(axis=(1, 2, 3), keepdims=True)  # local contrast made equal
    spectrum = np.fft.fft2(light).astype(np.complex64)
    cell = SIDE // 4
    answers = np.empty((len(patches), 3, len(BANK), 4, 4), np.float32)
    for i, transfer in enumerate(BANK):
        magnitude = np.abs(np.fft.ifft2(spectrum * transfer))
        answers[:, :, i] = magnitude.reshape(-1, 3, 4, cell, 4, cell).mean(axis=(3, 5))
    return answers.reshape(len(patches), -1)


def patches(photos, rows, seed):
    """Blocks of random patches. One without contrast has no descriptor, and one seen before, as in
    the stripes and gradients of drawn pictures, nothing to add: both are drawn again."""
    chance = np.random.Generator(np.random.PCG64(seed))
    block, seen, tries = [], set(), 50 * rows
    while rows:
        tries -= 1
        if tries < 0:
            sys.exit("the photographs have too few different patches")
        photo = photos[chance.integers(len(photos))]
        side = int(chance.integers(48, 193))
        y = int(chance.integers(photo.shape[0] - side + 1))
        x = int(chance.integers(photo.shape[1] - side + 1))
        patch = cv2.resize(photo[y:y + side, x:x + side], (SIDE, SIDE),
                           interpolation=cv2.INTER_AREA)
        digest = hashlib.blake2b(patch.tobytes(), digest_size=12).digest()
        if patch.std() < 4 or digest in seen:
            continue
        seen.add(digest)
        block.append(patch)
        rows -= 1
        if len(block) == BLOCK or not rows:
            yield np.array(block)
            block = []


def main():
    args = common.arguments()
    cv2.setNumThreads(1)
    # The workers start before the photographs are read, to be small.
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        photos = common.photographs(args["photos"])
        done = 0
        with open(args["out"], "wb") as out:
            for rows in pool.imap(describe, patches(photos, args["rows"], args["seed"])):
                out.write(rows.astype("<f4").tobytes())
                done += len(rows)
                if done % 1000 == 0 or done == args["rows"]:
                    common.progress(done, args["rows"])
    common.result(rows=done, dim=3 * len(BANK) * 16, photographs=len(photos))


if __name__ == "__main__":
    main()
