# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "n2-original", "version": "0.1.7", "package": "n2", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": true}
"""n2 0.1.7: the original N2."""

from n2 import HnswIndex

from common import Adapter, serve

METRICS = {"angular": "angular", "L2": "L2", "dot": "dot"}


class N2Original(Adapter):
    package = "n2"
    metrics = ("angular", "L2", "dot")

    def build(self, base, threads):
        self.index = HnswIndex(self.dim, METRICS[self.metric])
        for row in base:
            self.index.add_data(row)
        m = self.params["M"]
        self.index.build(
            m=m,
            max_m0=2 * m,
            ef_construction=self.params["efConstruction"],
            n_threads=threads,
        )

    def save(self, path):
        self.index.save(path)

    def load(self, path, mmap):
        self.index = HnswIndex(self.dim, METRICS[self.metric])
        self.index.load(path, use_mmap=mmap)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.ef = max(k, params["ef"])

    def one(self, query):
        return self.index.search_by_vector(query, self.k, self.ef)

    def batch(self, queries):
        return self.index.batch_search_by_vectors(queries, self.k, self.ef, self.threads)


serve(N2Original)
