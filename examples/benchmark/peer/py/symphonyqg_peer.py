# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "symphonyqg", "version": "0.7.1", "package": "rabitqlib", "metrics": ["angular", "L2", "dot"], "build": [{"degree": 32, "efConstruction": 200}, {"degree": 64, "efConstruction": 200}, {"degree": 32, "efConstruction": 400}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": false, "note": "vectors of fewer than 64 dimensions are filled up with zeros"}
"""SymphonyQG, of the RaBitQ library: a graph whose neighbours' 1-bit codes lie beside the links."""

import numpy as np
from rabitqlib import SymqgIndex

from common import Adapter, normalised, serve


class SymphonyQG(Adapter):
    package = "rabitqlib"
    metrics = ("angular", "L2", "dot")

    def rows(self, rows):
        """Returns rows as the index takes them: normalised for angles, of 64 dimensions or more."""
        if self.metric == "angular":
            rows = normalised(rows)
        if self.dim < 64:
            width = [(0, 0)] * (rows.ndim - 1) + [(0, 64 - self.dim)]
            rows = np.pad(rows, width)
        return rows

    def build(self, base, threads):
        base = self.rows(base)
        # "ip" asks for inner products; on vectors of length 1, L2 gives the same order.
        self.index = SymqgIndex(
            dim=base.shape[1],
            max_degree=self.params["degree"],
            metric="ip" if self.metric == "dot" else "l2",
        )
        self.index.build(base, self.params["efConstruction"], num_threads=threads)

    def save(self, path):
        self.index.save(path)

    def load(self, path, mmap):
        self.index = SymqgIndex.load(path)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.ef = max(k, params["ef"])

    def one(self, query):
        return self.index.search(self.rows(query[None]), self.k, self.ef)[0][0]

    def batch(self, queries):
        return self.index.search_batch(self.rows(queries), self.k, self.ef, self.threads)[0]


serve(SymphonyQG)
