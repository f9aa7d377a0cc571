# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "faiss", "version": "1.15.1", "package": "faiss-cpu", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": true}
# peer: {"name": "faiss-sq8", "version": "1.15.1", "package": "faiss-cpu", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200, "storage": "sq8"}, {"M": 32, "efConstruction": 200, "storage": "sq8"}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": true}
"""faiss: its HNSW, flat or over 8-bit codes whose candidates the vectors themselves rank again."""

import faiss

from common import Adapter, normalised, serve


class Faiss(Adapter):
    package = "faiss-cpu"
    metrics = ("angular", "L2", "dot")

    def build(self, base, threads):
        faiss.omp_set_num_threads(threads)
        if self.metric == "angular":
            base = normalised(base)
        metric = faiss.METRIC_L2 if self.metric == "L2" else faiss.METRIC_INNER_PRODUCT
        m = self.params["M"]
        if self.params.get("storage") == "sq8":
            graph = faiss.IndexHNSWSQ(self.dim, faiss.ScalarQuantizer.QT_8bit, m, metric)
        else:
            graph = faiss.IndexHNSWFlat(self.dim, m, metric)
        graph.hnsw.efConstruction = self.params["efConstruction"]
        self.index = graph
        if self.params.get("storage") == "sq8":
            self.index = faiss.IndexRefineFlat(graph)
            graph.this.disown()
            self.index.own_fields = True
        if not self.index.is_trained:
            self.index.train(base)
        self.index.add(base)

    def save(self, path):
        faiss.write_index(self.index, path)

    def load(self, path, mmap):
        self.index = faiss.read_index(path, faiss.IO_FLAG_MMAP if mmap else 0)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        faiss.omp_set_num_threads(threads)
        ef = max(k, params["ef"])
        if self.params.get("storage") == "sq8":
            self.index.k_factor = 2
            graph = faiss.downcast_index(self.index.base_index)
            graph.hnsw.efSearch = max(ef, 2 * k)
        else:
            faiss.downcast_index(self.index).hnsw.efSearch = ef

    def one(self, query):
        return self.index.search(query[None], self.k)[1][0]

    def batch(self, queries):
        return self.index.search(queries, self.k)[1]


serve(Faiss)
