# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "voyager", "version": "2.2.3", "package": "voyager", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": false}
"""voyager: Spotify's HNSW, grown out of hnswlib."""

import voyager

from common import Adapter, serve

SPACES = {
    "angular": voyager.Space.Cosine,
    "L2": voyager.Space.Euclidean,
    "dot": voyager.Space.InnerProduct,
}


class Voyager(Adapter):
    package = "voyager"
    metrics = ("angular", "L2", "dot")

    def build(self, base, threads):
        self.index = voyager.Index(
            SPACES[self.metric],
            num_dimensions=self.dim,
            M=self.params["M"],
            ef_construction=self.params["efConstruction"],
            max_elements=self.n,
        )
        self.index.add_items(base, num_threads=threads)

    def save(self, path):
        self.index.save(path)

    def load(self, path, mmap):
        self.index = voyager.Index.load(path)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.ef = max(k, params["ef"])

    def one(self, query):
        return self.index.query(query, k=self.k, num_threads=1, query_ef=self.ef)[0]

    def batch(self, queries):
        return self.index.query(queries, k=self.k, num_threads=self.threads, query_ef=self.ef)[0]


serve(Voyager)
