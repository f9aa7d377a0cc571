# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "annoy", "version": "1.17.3", "package": "annoy", "metrics": ["angular", "L2", "dot"], "build": [{"trees": 50}, {"trees": 200}], "search": {"search_k": [100, 400, 1000, 4000, 10000, 40000, 100000, 400000]}, "save": true, "map": true, "map_only": true, "no_batch": true, "note": "searches in one thread, one query a call"}
"""annoy: a forest of random projections. It has no batch call, and searches in one thread."""

from annoy import AnnoyIndex

from common import Adapter, serve

METRICS = {"angular": "angular", "L2": "euclidean", "dot": "dot"}


class Annoy(Adapter):
    package = "annoy"
    metrics = ("angular", "L2", "dot")

    def build(self, base, threads):
        self.index = AnnoyIndex(self.dim, METRICS[self.metric])
        self.index.set_seed(1)
        for i, row in enumerate(base):
            self.index.add_item(i, row)
        self.index.build(self.params["trees"], n_jobs=threads)

    def save(self, path):
        self.index.save(path)

    def load(self, path, mmap):
        if not mmap:
            raise NotImplementedError("load without mapping")
        self.index = AnnoyIndex(self.dim, METRICS[self.metric])
        self.index.load(path)

    def one(self, query):
        return self.index.get_nns_by_vector(query, self.k, self.search["search_k"])


serve(Annoy)
