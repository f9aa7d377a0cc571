# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "zvec", "version": "0.8.0", "package": "zvec", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": true, "no_batch": true}
"""zvec: the HNSW of an embedded database. It lives in a folder of its own and has no batch call."""

import os
import shutil
import tempfile

import numpy as np
import zvec

from common import Adapter, serve

METRICS = {
    "angular": zvec.MetricType.COSINE,
    "L2": zvec.MetricType.L2,
    "dot": zvec.MetricType.IP,
}


class Zvec(Adapter):
    package = "zvec"
    metrics = ("angular", "L2", "dot")

    def build(self, base, threads):
        zvec.init(optimize_threads=threads)
        self.folder = os.path.join(tempfile.mkdtemp(dir=self.scratch), "index")
        schema = zvec.CollectionSchema(
            name="base",
            vectors=zvec.VectorSchema(
                "v",
                zvec.DataType.VECTOR_FP32,
                self.dim,
                index_param=zvec.HnswIndexParam(
                    metric_type=METRICS[self.metric],
                    m=self.params["M"],
                    ef_construction=self.params["efConstruction"],
                ),
            ),
        )
        made = zvec.create_and_open(path=self.folder, schema=schema)
        for start in range(0, self.n, 1000):
            docs = [
                zvec.Doc(id=str(start + i), vectors={"v": row})
                for i, row in enumerate(base[start : start + 1000])
            ]
            made.insert(docs)
        made.optimize(zvec.OptimizeOption(concurrency=threads))
        made.close()
        self.open(self.folder, True)

    def open(self, folder, mmap):
        option = zvec.CollectionOption(read_only=True, enable_mmap=mmap)
        self.index = zvec.open(folder, option)

    def save(self, path):
        shutil.copytree(self.folder, path)

    def load(self, path, mmap):
        self.open(path, mmap)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.param = zvec.HnswQueryParam(ef=max(k, params["ef"]))

    def one(self, query):
        found = self.index.query_internal_ids(
            zvec.Query("v", vector=query, param=self.param), topk=self.k
        )
        return np.asarray(found)


serve(Zvec)
