# SPDX-License-Identifier: Apache-2.0
"""common.py - the adapter protocol for peers in Python; ../PROTOCOL.md describes it.

An adapter is one file beside this one. It derives a class from Adapter and ends with
`serve(TheClass)`. Its object holds one index, in which the row of a vector in the base is its id.
"""

import ctypes
import gc
import importlib.metadata
import json
import os
import resource
import sys
import threading
import time
import traceback

import numpy as np


class Adapter:
    """What an adapter says and does. Before build or load, serve sets dim, n, metric,
    params and scratch."""

    package = ""  # the distribution whose version is reported
    metrics = ("angular", "L2")
    dim = n = 0
    metric = ""
    params = {}
    scratch = None  # a folder for files that the peer needs to live; the harness removes it
    capacity = 0  # how many vectors there will be at most, if the index is to change; else 0

    def build(self, base, threads):
        """Makes the index of base, float32 [n][dim], with that many threads."""
        raise NotImplementedError("build")

    def save(self, path):
        """Writes the index to the file (or folder) path."""
        raise NotImplementedError("save")

    def load(self, path, mmap):
        """Reads, or maps, what save wrote."""
        raise NotImplementedError("load")

    def prepare(self, k, params, threads):
        """Is called before each run of searches, outside the time that is measured."""
        self.k, self.search, self.threads = k, params, threads

    def one(self, query):
        """Returns the ids of the k vectors nearest to query, float32 [dim]."""
        raise NotImplementedError("single search")

    def batch(self, queries):
        """Returns the ids for each of queries, float32 [count][dim], by the peer's own batch call."""
        raise NotImplementedError("batch search")

    def allow(self, allowed):
        """Says which rows later calls of one may return, bool [n], for `benchmark filter`."""
        raise NotImplementedError("search under a filter")

    # What follows is called by several threads at the same time, for `benchmark live`. A peer whose
    # rules forbid that takes a lock, as its users must.

    def find(self, query):
        """Is one(query), while the index changes."""
        return self.one(query)

    def add(self, key, vector):
        """Adds vector, float32 [dim], under a key that is new. Keys of what build made are its rows."""
        raise NotImplementedError("adding to a live index")

    def remove(self, key):
        """Deletes the vector of that key."""
        raise NotImplementedError("deleting from a live index")

    def nothing(self):
        """Is a call of the index that does as little as one can."""
        raise NotImplementedError("a live index")


def normalised(rows):
    """Returns float32 copies of the rows with length 1, for peers that know no angular distance."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    lengths[lengths == 0] = 1
    return (rows / lengths).astype(np.float32)


def status_bytes(field):
    """Returns a memory figure of this process, such as VmRSS, in bytes; 0 where there is none."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def reset_peak():
    """Makes VmHWM start again from the memory that is resident now."""
    try:
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
    except OSError:
        pass


def give_back():
    """Returns freed memory to the system, so that what stays resident is in use."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        pass


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def matrix(rows, count, k):
    """Returns rows of ids, of any lengths, as int32 [count][k] with -1 where one is missing."""
    if isinstance(rows, np.ndarray) and rows.shape == (count, k):
        wide = rows.astype(np.int64)  # wraps the unsigned "none" of some peers to -1
        wide[(wide < 0) | (wide > 0x7FFFFFFF)] = -1
        return wide.astype(np.int32)
    out = np.full((count, k), -1, np.int32)
    for i, row in enumerate(rows):
        row = np.asarray(row).astype(np.int64).ravel()[:k]
        row[(row < 0) | (row > 0x7FFFFFFF)] = -1
        out[i, : len(row)] = row
    return out


def path_bytes(path):
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(path)
        for name in names
    )


class Server:
    """Answers one request after the other."""

    def __init__(self, make):
        self.make = make
        self.adapter = None
        self.queries = None
        self.base = None  # what plans add rows of

    def fresh(self, request):
        self.adapter = self.base = None
        gc.collect()
        a = self.make()
        a.dim, a.n, a.metric = request["dim"], request["n"], request["metric"]
        a.params = request.get("params") or {}
        a.scratch = request.get("scratch")
        a.capacity = request.get("capacity") or 0
        if a.metric not in a.metrics:
            raise ValueError("metric %s is not supported" % a.metric)
        self.adapter = a

    def hello(self, request):
        return {"peer": self.make.__name__, "version": importlib.metadata.version(self.make.package)}

    def build(self, request):
        self.fresh(request)
        a = self.adapter
        give_back()
        answer = {"rss_before": status_bytes("VmRSS")}
        base = np.fromfile(request["base"], np.float32, a.n * a.dim).reshape(a.n, a.dim)
        answer["rss_raw"] = status_bytes("VmRSS")
        reset_peak()
        wall, cpu = time.perf_counter(), cpu_seconds()
        a.build(base, request["threads"])
        answer["wall_s"] = time.perf_counter() - wall
        answer["cpu_s"] = cpu_seconds() - cpu
        answer["rss_peak"] = status_bytes("VmHWM")
        del base
        give_back()
        answer["rss_after"] = status_bytes("VmRSS")
        return answer

    def save(self, request):
        wall = time.perf_counter()
        self.adapter.save(request["path"])
        wall = time.perf_counter() - wall
        return {"wall_s": wall, "bytes": path_bytes(request["path"])}

    def load(self, request):
        self.fresh(request)
        wall = time.perf_counter()
        self.adapter.load(request["path"], bool(request.get("mmap")))
        return {"wall_s": time.perf_counter() - wall}

    def load_queries(self, request):
        n, dim = request["n"], request["dim"]
        self.queries = np.fromfile(request["path"], np.float32, n * dim).reshape(n, dim)
        return {}

    def search(self, request):
        a, k = self.adapter, request["k"]
        queries = self.queries[: request.get("limit") or len(self.queries)]
        if a is None or not len(queries):
            raise ValueError("search before build and queries")
        a.prepare(k, request.get("params") or {}, request.get("threads", 1))
        latencies = []
        clock = time.perf_counter_ns
        gc.collect()
        gc.disable()
        try:
            if request["mode"] == "single":
                one, rows, marks = a.one, [None] * len(queries), [0] * (len(queries) + 1)
                marks[0] = clock()
                for i, query in enumerate(queries):
                    rows[i] = one(query)
                    marks[i + 1] = clock()
                wall = (marks[-1] - marks[0]) / 1e9
                us = np.diff(np.array(marks, np.float64)) / 1e3
                latencies = [float(p) for p in np.percentile(us, [50, 95, 99])]
            else:
                start = clock()
                rows = a.batch(queries)
                wall = (clock() - start) / 1e9
        finally:
            gc.enable()
        if len(rows) != len(queries):
            raise ValueError("%d rows of results for %d queries" % (len(rows), len(queries)))
        matrix(rows, len(queries), k).tofile(request["out"])
        return {"wall_s": wall, "latencies_us": latencies, "count": len(queries)}

    def allow(self, request):
        bits = np.unpackbits(np.fromfile(request["path"], np.uint8), bitorder="little")
        self.adapter.allow(bits[: self.adapter.n].astype(bool))
        return {}

    def live(self, request):
        """Makes the operations of a plan, whose format ../workload/file.go describes."""
        a, n = self.adapter, request["n"]
        if self.base is None:
            self.base = np.fromfile(request["base"], np.float32, n * a.dim).reshape(n, a.dim)
        plan = read_plan(request["plan"])
        a.prepare(request["k"], request.get("params") or {}, len(plan))
        workers = Workers([len(operations) for operations in plan])
        base, queries, find, add, remove = self.base, self.queries, a.find, a.add, a.remove

        def work(worker):
            clock, rows = time.perf_counter_ns, plan[worker]
            for at in range(0, len(rows), CHUNK):
                marks = []
                for kind, key, row in rows[at : at + CHUNK].tolist():
                    if kind == SEARCH:
                        query = queries[row]
                        start = clock()
                        find(query)
                    elif kind == ADD:
                        vector = base[row]
                        start = clock()
                        add(key, vector)
                    elif kind == DELETE:
                        start = clock()
                        remove(key)
                    else:
                        start = clock()
                        a.nothing()
                    marks.append((kind, start, clock()))
                workers.note(worker, at, marks)

        wall = workers.run(work)
        return workers.finish(request["out"], wall, base.nbytes + sum(p.nbytes for p in plan))

    def live_build(self, request):
        """Has one worker add all vectors but the first ones, and the others search meanwhile."""
        params = request.get("params") or {}
        request["params"] = request["build"]
        self.fresh(request)
        a, first = self.adapter, request["first"]
        give_back()
        before = status_bytes("VmRSS")
        base = np.fromfile(request["base"], np.float32, a.n * a.dim).reshape(a.n, a.dim)
        a.build(base[:first], 1)
        a.prepare(request["k"], params, request["threads"])
        workers = Workers([a.n - first] + [0] * (request["threads"] - 1))
        queries, parts = self.queries, [[] for _ in workers.timings]

        def work(worker):
            clock = time.perf_counter_ns
            if worker == 0:
                for at in range(first, a.n, CHUNK):
                    marks = []
                    for key in range(at, min(at + CHUNK, a.n)):
                        vector = base[key]
                        start = clock()
                        a.add(key, vector)
                        marks.append((ADD, start, clock()))
                    workers.note(worker, at - first, marks)
                workers.ended.set()
                return
            count = worker
            while not workers.ended.is_set():
                marks = []
                while len(marks) < CHUNK and not workers.ended.is_set():
                    query = queries[count % len(queries)]
                    start = clock()
                    a.find(query)
                    marks.append((SEARCH, start, clock()))
                    count += 1
                parts[worker].append(np.array(marks, np.int64).reshape(-1, 3))

        wall = workers.run(work)
        for worker in range(1, len(parts)):
            workers.timings[worker] = np.concatenate([workers.timings[worker], *parts[worker]])
        answer = workers.finish(request["out"], wall, base.nbytes)
        return dict(answer, rss_before=before)


SEARCH, ADD, DELETE = range(3)  # the kinds of ../workload/workload.go; what else there is does nothing
CHUNK = 1024  # operations that are taken out of numpy's arrays, whose single elements are slow, at once
SAMPLE_EVERY = 0.05  # seconds between two looks at the memory


def read_plan(path):
    """Returns int32 [operations][3] for each worker: kind, key, row."""
    raw, plan, at = np.fromfile(path, np.int32), [], 0
    while at < len(raw):
        end = at + 1 + 3 * raw[at]
        plan.append(raw[at + 1 : end].reshape(-1, 3).copy())
        at = end
    return plan


class Workers:
    """Threads that work on an index, and what was seen of it."""

    def __init__(self, counts):
        self.timings = [np.full((n, 3), -1, np.int64) for n in counts]
        self.samples = []
        self.errors = []
        self.ended = threading.Event()

    def note(self, worker, at, marks):
        self.timings[worker][at : at + len(marks)] = marks

    def run(self, work):
        """Calls work(worker) in a thread for each; returns how long that took. The first error is raised."""

        def guarded(worker):
            try:
                work(worker)
            except Exception as error:  # pylint: disable=broad-exception-caught
                self.errors.append(error)
                self.ended.set()

        def sample():
            while True:
                self.samples.append((time.perf_counter_ns(), status_bytes("VmRSS")))
                if done.wait(SAMPLE_EVERY):
                    break
            self.samples.append((time.perf_counter_ns(), status_bytes("VmRSS")))

        done = threading.Event()
        threads = [threading.Thread(target=guarded, args=(i,)) for i in range(len(self.timings))]
        sampler = threading.Thread(target=sample)
        gc.collect()
        gc.disable()
        self.start = time.perf_counter_ns()
        try:
            sampler.start()
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            wall = (time.perf_counter_ns() - self.start) / 1e9
        finally:
            gc.enable()
            done.set()
            sampler.join()
        if self.errors:
            raise self.errors[0]
        return wall

    def finish(self, out, wall, kept):
        """Writes what was seen. kept is how much of the memory is not the index's, its own left out."""
        extra = kept + sum(t.nbytes for t in self.timings)
        with open(out, "wb") as f:
            for t in self.timings:
                t[:, 1:] -= self.start
                t.tofile(f)
        samples = np.array(self.samples, np.int64)
        samples[:, 0] -= self.start
        samples.tofile(out + ".memory")
        self.timings = []
        give_back()
        return {"wall_s": wall, "extra": extra, "kept": kept, "rss_after": status_bytes("VmRSS")}


class ReadWriteLock:
    """A lock that many readers or one writer have. A writer that waits goes before readers that come
    later, and when it ends all readers that wait go before the next writer, so that nobody starves."""

    def __init__(self):
        self.changed = threading.Condition(threading.Lock())
        self.readers = self.readers_waiting = self.writers_waiting = self.turn = 0
        self.writing = False

    def begin_read(self):
        with self.changed:
            if not self.writing and not self.writers_waiting:
                self.readers += 1
                return
            turn = self.turn
            self.readers_waiting += 1
            while self.turn == turn:
                self.changed.wait()  # the writer that ends lets all of them in

    def end_read(self):
        with self.changed:
            self.readers -= 1
            if not self.readers:
                self.changed.notify_all()

    def begin_write(self):
        with self.changed:
            self.writers_waiting += 1
            while self.writing or self.readers:
                self.changed.wait()
            self.writers_waiting -= 1
            self.writing = True

    def end_write(self):
        with self.changed:
            self.writing = False
            self.turn += 1
            self.readers += self.readers_waiting
            self.readers_waiting = 0
            self.changed.notify_all()


def serve(make):
    """Answers requests on stdin until there are no more; make is the adapter's class."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    sys.stdout = sys.stderr
    server = Server(make)
    ops = {
        "hello": server.hello,
        "build": server.build,
        "save": server.save,
        "load": server.load,
        "queries": server.load_queries,
        "search": server.search,
        "allow": server.allow,
        "live": server.live,
        "live build": server.live_build,
        "quit": lambda request: {},
    }
    for line in sys.stdin:
        op = None
        try:
            request = json.loads(line)
            op = request["op"]
            answer = dict(ops[op](request), ok=True)
        except Exception as error:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            answer = {"ok": False, "error": "%s: %s" % (type(error).__name__, error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if op == "quit":
            break
    answers.flush()
    os._exit(0)  # some peers crash when they are torn down, which is not what is measured
