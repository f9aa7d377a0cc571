# SPDX-License-Identifier: Apache-2.0
# peer: {"name": "hnswlib", "version": "0.8.0", "package": "hnswlib", "metrics": ["angular", "L2", "dot"], "build": [{"M": 16, "efConstruction": 200}, {"M": 32, "efConstruction": 200}, {"M": 16, "efConstruction": 500}, {"M": 8, "efConstruction": 200}, {"M": 48, "efConstruction": 500}], "search": {"ef": [10, 20, 40, 80, 120, 200, 400, 800]}, "save": true, "map": false}
"""hnswlib: HNSW by the authors of the paper."""

import hnswlib

from common import Adapter, ReadWriteLock, serve

SPACES = {"angular": "cosine", "L2": "l2", "dot": "ip"}


class Hnswlib(Adapter):
    package = "hnswlib"
    metrics = ("angular", "L2", "dot")
    allowed = None

    def make(self):
        self.index = hnswlib.Index(space=SPACES[self.metric], dim=self.dim)

    def build(self, base, threads):
        self.make()
        self.index.init_index(
            max_elements=max(self.n, self.capacity),
            M=self.params["M"],
            ef_construction=self.params["efConstruction"],
            random_seed=100,
            allow_replace_deleted=self.capacity > 0,
        )
        self.lock = ReadWriteLock()
        self.index.add_items(base, num_threads=threads)

    def save(self, path):
        self.index.save_index(path)

    def load(self, path, mmap):
        self.make()
        self.index.load_index(path)

    def prepare(self, k, params, threads):
        super().prepare(k, params, threads)
        self.index.set_ef(max(k, params["ef"]))
        self.index.set_num_threads(threads)

    def allow(self, allowed):
        # The filter is a function in Python, which hnswlib calls for each vector it comes across and
        # which needs Python's lock. Of all such functions this is the fastest: one in C.
        self.allowed = allowed.tolist().__getitem__

    def one(self, query):
        if self.allowed:
            try:
                return self.index.knn_query(query, k=self.k, num_threads=1, filter=self.allowed)[0][0]
            except RuntimeError:  # it found fewer than k, and then gives none
                return []
        return self.index.knn_query(query, k=self.k, num_threads=1)[0][0]

    def batch(self, queries):
        return self.index.knn_query(queries, k=self.k, num_threads=self.threads)[0]

    # Its README: add_items is "thread-safe with other add_items calls, but not with knn_query", and
    # the other way round. So searches share a lock which changes have alone.

    def find(self, query):
        self.lock.begin_read()
        try:
            return self.one(query)
        finally:
            self.lock.end_read()

    def add(self, key, vector):
        self.lock.begin_write()
        try:
            self.index.add_items(vector, key, num_threads=1, replace_deleted=True)
        finally:
            self.lock.end_write()

    def remove(self, key):
        self.lock.begin_write()
        try:
            self.index.mark_deleted(key)
        finally:
            self.lock.end_write()

    def nothing(self):
        return self.index.get_current_count()


serve(Hnswlib)
