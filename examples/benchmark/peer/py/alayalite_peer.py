# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "alayalite", "version": "1.0.4", "package": "alayalite", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": false}
"""AlayaLite: its HNSW."""

import json
import os

from alayalite import Index
from alayalite.schema import IndexParams

from common import Adapter, serve

METRICS = {"angular": "cos", "L2": "l2", "dot": "ip"}


class AlayaLite(Adapter):
    package = "alayalite"
    metrics = ("angular", "L2", "dot")

    def build(self, base, threads):
        self.index = Index(
            "n2bench",
            IndexParams(
                index_type="hnsw",
                metric=METRICS[self.metric],
                capacity=self.n,
                max_nbrs=2 * self.params["M"],
            ),
        )
        self.index.fit(base, ef_construction=self.params["efConstruction"], num_threads=threads)

    def save(self, path):
        schema = self.index.save(path)
        with open(os.path.join(path, "schema.json"), "w") as f:
            json.dump(schema, f)

    def load(self, path, mmap):
        self.index = Index.load(*os.path.split(path))

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.ef = max(k, params["ef"])

    def one(self, query):
        return self.index.search(query, self.k, self.ef)

    def batch(self, queries):
        return self.index.batch_search(queries, self.k, self.ef, self.threads)


serve(AlayaLite)
