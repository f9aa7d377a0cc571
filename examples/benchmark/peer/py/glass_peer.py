# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "glass", "version": "1.0.5", "package": "glassppy", "metrics": ["angular", "L2"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": false, "map": false, "note": "has a wheel for Python 3.10 alone, with AVX-512 code; not tried"}
"""glass: HNSW with 8-bit codes. Its package has a wheel for Python 3.10 with AVX-512 alone."""

import glassppy as glass

from common import Adapter, normalised, serve


class Glass(Adapter):
    package = "glassppy"

    def build(self, base, threads):
        if self.metric == "angular":
            base = normalised(base)
        self.base = base
        glass.set_num_threads(threads)
        builder = glass.Index(
            index_type="HNSW", dim=self.dim, metric="L2", R=2 * self.params["M"],
            L=self.params["efConstruction"],
        )
        self.graph = builder.build(base)
        self.searcher = glass.Searcher(graph=self.graph, data=base, metric="L2", level=1)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        glass.set_num_threads(threads)
        self.searcher.set_ef(max(k, params["ef"]))

    def one(self, query):
        return self.searcher.search(query=normalised(query) if self.metric == "angular" else query, k=self.k)

    def batch(self, queries):
        if self.metric == "angular":
            queries = normalised(queries)
        return self.searcher.batch_search(queries, self.k, self.threads).reshape(len(queries), self.k)


serve(Glass)
