# SPDX-License-Identifier: Apache-2.0
"""Reads a file of ann-benchmarks: HDF5 with the data sets "train" and, if it has one, "test".

Arguments: file, base, queries_out.
"""
import json
import sys

import h5py
import numpy as np

args = json.loads(sys.argv[1])


def copy(data, path):
    if not isinstance(data, h5py.Dataset) or data.ndim != 2 or data.dtype.kind not in "fiu":
        sys.exit(f"its data set {data.name} is not a table of numbers with two dimensions")
    step = max(1, (1 << 24) // max(1, data.shape[1] * 4))
    with open(path, "wb") as out:
        for start in range(0, data.shape[0], step):
            out.write(np.asarray(data[start:start + step]).astype("<f4").tobytes())
            print(f"progress {min(start + step, data.shape[0])} {data.shape[0]}", flush=True)
    return data.shape


try:
    with h5py.File(args["file"], "r") as file:
        distance = file.attrs.get("distance", "")
        if isinstance(distance, bytes):
            distance = distance.decode()
        if "train" not in file:
            sys.exit("it has no data set called train")
        rows, dim = copy(file["train"], args["base"])
        queries = 0
        if "test" in file:
            queries, query_dim = copy(file["test"], args["queries_out"])
            if query_dim != dim:
                sys.exit(f"its train has {dim} dimensions, its test {query_dim}")
except OSError as error:
    sys.exit(f"it cannot be read as HDF5: {error}")
print("result " + json.dumps({"rows": int(rows), "dim": int(dim), "queries": int(queries),
                              "distance": str(distance)}), flush=True)
