# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "vsag", "version": "0.18.5", "package": "pyvsag", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": false, "no_batch": true}
"""VSAG: hgraph over 8-bit codes, with 32-bit floats to rank the candidates again. It has no batch call."""

import json

import numpy as np
import pyvsag

from common import Adapter, serve

METRICS = {"angular": "cosine", "L2": "l2", "dot": "ip"}


class Vsag(Adapter):
    package = "pyvsag"
    metrics = ("angular", "L2", "dot")

    def make(self, threads=1):
        self.index = pyvsag.Index(
            "hgraph",
            json.dumps(
                {
                    "dtype": "float32",
                    "metric_type": METRICS[self.metric],
                    "dim": self.dim,
                    "index_param": {
                        "base_quantization_type": "sq8_uniform",
                        "use_reorder": True,
                        "precise_quantization_type": "fp32",
                        "max_degree": 2 * self.params["M"],
                        "ef_construction": self.params["efConstruction"],
                        "build_thread_count": threads,
                    },
                }
            ),
        )

    def build(self, base, threads):
        self.make(threads)
        ids = np.arange(self.n, dtype=np.int64)
        self.index.build(vectors=base.ravel(), ids=ids, num_elements=self.n, dim=self.dim)

    def save(self, path):
        self.index.save(path)

    def load(self, path, mmap):
        self.make()
        self.index.load(path)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.options = json.dumps({"hgraph": {"ef_search": max(k, params["ef"])}})

    def one(self, query):
        return self.index.knn_search(vector=query, k=self.k, parameters=self.options)[0]


serve(Vsag)
