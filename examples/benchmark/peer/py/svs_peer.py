# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "svs", "version": "0.5.0", "package": "scalable-vs", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": false, "note": "32-bit floats: its LVQ needs an Intel processor"}
"""SVS: Intel's Vamana over 32-bit floats. Its compressed vectors (LVQ) need an Intel processor."""

import os

import svs

from common import Adapter, normalised, serve


class Svs(Adapter):
    package = "scalable-vs"
    metrics = ("angular", "L2", "dot")

    def distance(self):
        return svs.DistanceType.L2 if self.metric == "L2" else svs.DistanceType.MIP

    def build(self, base, threads):
        if self.metric == "angular":
            base = normalised(base)
        parameters = svs.VamanaBuildParameters(
            graph_max_degree=2 * self.params["M"],
            window_size=self.params["efConstruction"],
        )
        self.index = svs.Vamana.build(parameters, base, self.distance(), num_threads=threads)

    def save(self, path):
        os.makedirs(path)
        self.index.save(*(os.path.join(path, part) for part in ("config", "graph", "data")))

    def load(self, path, mmap):
        self.index = svs.Vamana(
            os.path.join(path, "config"),
            svs.GraphLoader(os.path.join(path, "graph")),
            svs.VectorDataLoader(os.path.join(path, "data"), svs.DataType.float32),
            self.distance(),
        )

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.index.search_window_size = max(k, params["ef"])
        self.index.num_threads = threads

    def one(self, query):
        # Inner products in descending order: the query's length does not change it.
        return self.index.search(query, self.k)[0][0]

    def batch(self, queries):
        return self.index.search(queries, self.k)[0]


serve(Svs)
