# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "usearch", "version": "2.26.6", "package": "usearch", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": true}
# peer: {"name": "usearch-i8", "version": "2.26.6", "package": "usearch", "metrics": ["angular", "L2"], "build": [{"M": 16, "efConstruction": 200, "dtype": "i8"}, {"M": 32, "efConstruction": 200, "dtype": "i8"}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": true}
"""usearch: HNSW over 32-bit floats or, with the parameter dtype, 8-bit integers."""

import numpy as np
from usearch.index import Index

from common import Adapter, serve

METRICS = {"angular": "cos", "L2": "l2sq", "dot": "ip"}


class Usearch(Adapter):
    package = "usearch"
    metrics = ("angular", "L2", "dot")

    scale = 1.0

    def make(self):
        self.index = Index(
            ndim=self.dim,
            metric=METRICS[self.metric],
            dtype=self.params.get("dtype", "f32"),
            connectivity=self.params["M"],
            expansion_add=self.params["efConstruction"],
        )

    def build(self, base, threads):
        self.make()
        if self.scaled():
            # Its own conversion gives every vector length 1, which L2 must not.
            self.scale = 127 / float(max(base.max(), -base.min(), 1e-30))
            base = self.rows(base)
        self.index.add(None, base, threads=threads)

    def rows(self, rows):
        if not self.scaled():
            return rows
        return np.clip(np.rint(rows * np.float32(self.scale)), -127, 127).astype(np.int8)

    def scaled(self):
        return self.metric == "L2" and self.params.get("dtype") == "i8"

    def save(self, path):
        self.index.save(path)
        if self.scaled():
            np.save(path + ".npy", self.scale)

    def load(self, path, mmap):
        self.make()
        if self.scaled():
            self.scale = float(np.load(path + ".npy"))
        if mmap:
            self.index.view(path)
        else:
            self.index.load(path)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.index.expansion_search = max(k, params["ef"])

    def one(self, query):
        return self.index.search(self.rows(query), self.k).keys

    def batch(self, queries):
        found = self.index.search(self.rows(queries), self.k, threads=self.threads)
        if len(queries) == 1:
            return [found.keys]
        return [keys[:c] for keys, c in zip(found.keys, found.counts)]

    # It is "concurrent by design" (its README): no lock. One thread a call, as its docs advise.

    def find(self, query):
        return self.index.search(self.rows(query), self.k, threads=1).keys

    def add(self, key, vector):
        self.index.add(key, self.rows(vector), threads=1)

    def remove(self, key):
        self.index.remove(key)

    def nothing(self):
        return self.index.size


serve(Usearch)
