# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "ngt", "version": "2.8.0.post1", "package": "ngt", "metrics": ["angular", "L2"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}], "search": {"epsilon": [-0.1, -0.05, 0, 0.03, 0.06, 0.1, 0.2, 0.4]}, "save": true, "map": false, "no_batch": true}
"""NGT: its ANNG graph. (Tuning an ONNG out of it does not end in reasonable time.)"""

import os
import shutil
import tempfile

import ngtpy

from common import Adapter, serve

METRICS = {"angular": "Cosine", "L2": "L2"}


class Ngt(Adapter):
    package = "ngt"

    def build(self, base, threads):
        self.folder = os.path.join(tempfile.mkdtemp(dir=self.scratch), "index")
        ngtpy.create(
            self.folder,
            self.dim,
            edge_size_for_creation=2 * self.params["M"],
            edge_size_for_search=0,
            distance_type=METRICS[self.metric],
        )
        self.index = ngtpy.Index(self.folder)
        self.index.batch_insert(base, num_threads=threads)

    def save(self, path):
        self.index.save()
        shutil.copytree(self.folder, path)

    def load(self, path, mmap):
        self.index = ngtpy.Index(path, read_only=True)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.epsilon = params["epsilon"]

    def one(self, query):
        return [i for i, _ in self.index.search(query, self.k, self.epsilon)]


serve(Ngt)
