# SPDX-License-Identifier: Apache-2.0
"""What the scripts of this folder share: the photographs, and the way they speak to the program.

A script is called with one JSON object as its argument. On standard output it writes lines
"progress DONE TOTAL" and at its end "result JSON"; what it says on standard error is for people.
"""
import json
import os
import sys

import cv2
import numpy as np

ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
SMALLEST = 900  # pixels on the shorter side: below are icons and previews
LARGEST = 2560  # on the longer side: larger ones are scaled down, for their finest detail is noise


def arguments():
    return json.loads(sys.argv[1])


def progress(done, total):
    print(f"progress {done} {total}", flush=True)


def result(**values):
    print("result " + json.dumps(values), flush=True)


def paths(folder):
    """All pictures below a folder, in an order that does not depend on the file system."""
    found = []
    for where, folders, files in os.walk(folder):
        folders.sort()
        found += [os.path.join(where, f) for f in files if f.lower().endswith(ENDINGS)]
    return sorted(found)


def photographs(folder, largest=LARGEST):
    """Reads the photographs below a folder: each once, though some are shipped in many sizes.

    Two files show the same if their thumbnails differ by less than 2 in 255 on average after
    they are brought to one shape; the larger stays.
    """
    pictures = []
    for path in paths(folder):
        picture = cv2.imread(path, cv2.IMREAD_COLOR)
        if picture is None or min(picture.shape[:2]) < SMALLEST:
            continue
        thumbnail = cv2.resize(picture, (24, 24), interpolation=cv2.INTER_AREA).astype(np.float32)
        scale = largest / max(picture.shape[:2])
        pixels = picture.shape[0] * picture.shape[1]
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for i, (other, other_thumbnail, other_pixels) in enumerate(pictures):
            if np.abs(thumbnail - other_thumbnail).mean() < 2:
                if pixels > other_pixels:
                    pictures[i] = (picture, thumbnail, pixels)
                break
        else:
            pictures.append((picture, thumbnail, pixels))
    if not pictures:
        sys.exit(f"no photographs below {folder}")
    return [picture for picture, _, _ in pictures]
