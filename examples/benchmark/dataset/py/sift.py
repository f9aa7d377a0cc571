# SPDX-License-Identifier: Apache-2.0
"""SIFT descriptors (Lowe 2004, as OpenCV computes them) of photographs.

Arguments: photos, out, rows (how many are wanted at least), contrast, cap (a photograph).
"""
import cv2
import numpy as np

import common

args = common.arguments()
photos = common.photographs(args["photos"])
sift = cv2.SIFT_create(nfeatures=args["cap"], contrastThreshold=args["contrast"])
parts = []
for i, photo in enumerate(photos):
    found = sift.detectAndCompute(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), None)[1]
    if found is not None:
        # Each value is an integer of 0 to 255, whatever its type.
        parts.append(np.clip(np.rint(found), 0, 255).astype(np.uint8))
    common.progress(i + 1, len(photos))
rows = np.ascontiguousarray(np.concatenate(parts))
rows = np.unique(rows.view("V128").ravel()).view(np.uint8).reshape(-1, 128)
distinct = len(rows)
if distinct > args["rows"]:
    chosen = np.random.Generator(np.random.PCG64(args["seed"])).choice(
        distinct, args["rows"], replace=False)
    rows = rows[np.sort(chosen)]
with open(args["out"], "wb") as out:
    for start in range(0, len(rows), 1 << 16):
        out.write(rows[start:start + (1 << 16)].astype("<f4").tobytes())
common.result(rows=len(rows), dim=128, photographs=len(photos), distinct=distinct)
