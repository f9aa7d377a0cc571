# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "nmslib", "version": "2.1.2", "package": "nmslib", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": false, "pip": ["--no-binary", "nmslib"]}
"""nmslib: its HNSW, with the optimised index that it makes by itself where it has one."""

import nmslib

from common import Adapter, serve

SPACES = {"angular": "cosinesimil", "L2": "l2", "dot": "negdotprod"}


class Nmslib(Adapter):
    package = "nmslib"
    metrics = ("angular", "L2", "dot")

    def make(self):
        self.index = nmslib.init(method="hnsw", space=SPACES[self.metric])

    def build(self, base, threads):
        self.make()
        self.index.addDataPointBatch(base)
        self.index.createIndex(
            {
                "M": self.params["M"],
                "efConstruction": self.params["efConstruction"],
                "indexThreadQty": threads,
                "post": 0,
            },
            print_progress=False,
        )

    def save(self, path):
        self.index.saveIndex(path, save_data=True)

    def load(self, path, mmap):
        self.make()
        self.index.loadIndex(path, load_data=True)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.index.setQueryTimeParams({"efSearch": max(k, params["ef"])})

    def one(self, query):
        return self.index.knnQuery(query, k=self.k)[0]

    def batch(self, queries):
        found = self.index.knnQueryBatch(queries, k=self.k, num_threads=self.threads)
        return [ids for ids, _ in found]


serve(Nmslib)
