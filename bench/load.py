"""Loads on one database, by the program bench-load: galley and bare SQLite in turns."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from statistics import median

from figure import figure

RUNS = int(os.environ.get("BENCH_RUNS", "3"))
HISTORY = int(os.environ.get("BENCH_HISTORY", "10000000"))
ACTORS = (1, 2, 4, 8, 16)


class Load:
    def __init__(self, program, galley, folder):
        self.program, self.galley, self.folder = str(program), str(galley), Path(folder)
        self.made = 0

    def database(self):
        """A new one, made by galley: the tables are the same for all."""
        for old in self.folder.glob("load.*"):
            old.unlink()
        self.made += 1
        path = str(self.folder / f"load.{self.made}.db")
        subprocess.run([self.galley, "--database", path, "init", "--no-config"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return path

    def run(self, subject, load, path, **settings):
        words = [f"{name}={int(value)}" for name, value in settings.items()]
        done = subprocess.run([self.program, subject, load, path, *words], text=True,
                              stdout=subprocess.PIPE)
        if done.returncode != 0:
            sys.exit(f"bench-load {subject} {load} {' '.join(words)} failed")
        return json.loads(done.stdout) if done.stdout else {}

    def fill(self, path, jobs=0, topics=0):
        self.run("galley", "fill", path, jobs=jobs, topics=topics)

    def both(self, load, fill_jobs=0, subjects=("galley", "raw"), runs=RUNS, **settings):
        """Results by subject, a list of `runs`, measured in turns on new databases."""
        results = {subject: [] for subject in subjects}
        for _ in range(runs):
            for subject in subjects:
                path = self.database()
                if fill_jobs:
                    self.fill(path, jobs=fill_jobs)
                results[subject].append(self.run(subject, load, path, **settings))
        return results


def role_figure(name, results, role, settings, **more):
    ours = [one[role] for one in results["galley"]]
    raw = [one[role]["per_s"] for one in results["raw"]] if "raw" in results else None
    row = figure(name, f"{role}/s", [one["per_s"] for one in ours], ours, raw, settings, **more)
    if "raw" in results:
        row["raw_max_ms"] = round(max(one[role]["max_ms"] for one in results["raw"]), 3)
    return row


def bench_enqueue(load):
    for batch, jobs in ((1, 60000), (100, 300000), (1000, 300000)):
        settings = {"producers": 1, "batch": batch, "jobs": jobs}
        yield role_figure(f"enqueue.{batch}", load.both("enqueue", **settings), "enqueued", settings)


def bench_drain(load):
    for claim in (1, 32, 256):
        jobs = 30000 if claim == 1 else 150000
        settings = {"producers": 0, "workers": 1, "claim": claim}
        results = load.both("drain", fill_jobs=jobs, **settings)
        yield role_figure(f"drain.{claim}", results, "done", {**settings, "jobs": jobs})


def bench_read(load):
    for readers in (1, 2):
        settings = {"producers": 0, "readers": readers, "jobs": 10000, "ms": 3000}
        results = load.both("read", fill_jobs=10000, **settings)
        yield role_figure(f"read.{readers}", results, "read", settings)


def operations(result):
    return result["enqueued"]["per_s"] + result["done"]["per_s"]


def bench_mixed(load):
    for producers, workers, readers in ((1, 1, 0), (2, 2, 0), (5, 5, 0), (16, 16, 0), (5, 5, 2)):
        settings = {"producers": producers, "workers": workers, "readers": readers, "claim": 32,
                    "jobs": 10000, "ms": 5000}
        results = load.both("mixed", fill_jobs=10000 if readers else 0, **settings)
        name = f"mixed.{producers}+{workers}" + (f"+{readers}" if readers else "")
        ours, raw = results["galley"], results["raw"]
        row = figure(name, "ops/s", [operations(one) for one in ours],
                     [one["enqueued"] for one in ours], [operations(one) for one in raw], settings)
        row["raw_max_ms"] = round(max(one["enqueued"]["max_ms"] for one in raw), 3)
        # What stalls the loop of a worker: one turn, with its waiting.
        row["turn_p99_ms"] = round(median(one["done"]["p99_ms"] for one in ours), 3)
        yield row
        if readers:
            yield role_figure(f"{name}.read", results, "read", settings)


def bench_wake(load):
    settings = {"producers": 1, "workers": 1, "claim": 1, "ms": 5000}
    results = load.both("wake", subjects=("galley", "told"), **settings)
    took = [one["done"] for one in results["galley"]]
    raw = [one["done"] for one in results["told"]]
    yield figure("wake", "ms", [one["p50_ms"] for one in took], took,
                 [one["p50_ms"] for one in raw], settings,
                 raw_max_ms=round(max(one["max_ms"] for one in raw), 3))


def bench_full(load):
    single = None
    for producers in ACTORS:
        settings = {"producers": producers, "full": 1, "jobs": 4000 * producers}
        results = load.both("enqueue", **settings)
        row = role_figure(f"full.{producers}", results, "enqueued", settings)
        single = single or row["median"]
        row["times_one"] = round(row["median"] / single, 2)
        yield row
    settings = {"producers": 5, "workers": 5, "claim": 32, "ms": 5000, "full": 1}
    results = load.both("mixed", **settings)
    yield figure("full.mixed.5+5", "ops/s", [operations(one) for one in results["galley"]],
                 [one["enqueued"] for one in results["galley"]],
                 [operations(one) for one in results["raw"]], settings)


def add_history(path, jobs):
    """Finished jobs with their attempts, as they lie after months."""
    chunk = 100000
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=WAL")
        for begin in range(0, jobs, chunk):
            db.execute("BEGIN")
            db.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?1) "
                "INSERT INTO jobs(kind,state,attempt,fence,payload,run_at_ms,created_at_ms,"
                "started_at_ms,finished_at_ms) SELECT 'bench','done',1,1,"
                "'{\"x\":\"'||hex(zeroblob(50))||'\"}',1,1,1,1 FROM n", (min(chunk, jobs - begin),))
            db.execute(
                "INSERT INTO job_attempts(job_id,fence,attempt,worker_id,outcome,tokens_in,"
                "tokens_out,cost_usd_micros,started_at_ms,ended_at_ms) SELECT id,1,1,1,'done',0,0,0,"
                "1,1 FROM jobs WHERE id>?1", (begin,))
            db.execute("COMMIT")
    db.close()


def bench_history(load):
    """The raw column is galley without history: the same drain in the same run."""
    jobs, settings = 100000, {"producers": 0, "workers": 1, "claim": 32}
    short, long = [], []
    path = load.database()
    add_history(path, HISTORY)
    size = os.path.getsize(path)
    other = str(Path(path).with_suffix(".short"))
    subprocess.run([load.galley, "--database", other, "init", "--no-config"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    turns = [(path, long), (other, short)]
    for _ in range(RUNS):
        for database, out in turns:
            load.fill(database, jobs=jobs)
            out.append(load.run("galley", "drain", database, **settings)["done"])
        turns.reverse()
    yield figure("history", "done/s", [one["per_s"] for one in long], long,
                 [one["per_s"] for one in short],
                 {**settings, "jobs": jobs, "finished": HISTORY}, bytes=size)


SEEDS = (("seed.read", "seed-read", 1, 1000), ("seed.write", "seed-write", 1, 1000),
         ("seed.reads10", "seed-read", 10, 1000), ("seed.mixed10", "seed-mixed", 10, 1000))
AIM = 60000
SEED_RUNS = 5 * RUNS  # a run is over in 50 ms, as it was in the earlier system


def bench_seed(load):
    """The earlier system's four measurements, with reports of 15 KB, and what it did: a connection
    for each call."""
    for name, what, threads, calls in SEEDS:
        results = {"galley": [], "raw": [], "connect": []}
        for _ in range(SEED_RUNS):
            for subject, out in results.items():
                path = load.database()
                load.fill(path, topics=1000)
                out.append(load.run(subject, what, path, threads=threads, jobs=calls,
                                    topics=1000)["calls"])
        rates = {subject: [one["per_s"] for one in out] for subject, out in results.items()}
        row = figure(name, "calls/s", rates["galley"], results["galley"], rates["raw"],
                     {"threads": threads, "calls": calls, "report_bytes": 15000})
        row["connection_per_call"] = round(median(rates["connect"]), 1)
        row["of_aim"] = round(row["median"] / AIM, 3)
        yield row


def bench_raw(load):
    """Bare SQLite alone, as the ground of the others."""
    for name, what, jobs, settings in (
            ("raw.enqueue.1", "enqueue", 0, {"producers": 1, "jobs": 60000}),
            ("raw.enqueue.100", "enqueue", 0, {"producers": 1, "batch": 100, "jobs": 300000}),
            ("raw.drain.32", "drain", 150000, {"producers": 0, "workers": 1, "claim": 32}),
            ("raw.read", "read", 10000, {"producers": 0, "readers": 1, "jobs": 10000, "ms": 3000})):
        results = load.both(what, fill_jobs=jobs, subjects=("raw",), **settings)["raw"]
        role = next(key for key in ("enqueued", "done", "read") if key in results[0])
        took = [one[role] for one in results]
        yield figure(name, f"{role}/s", [one["per_s"] for one in took], took, None, settings)


LOADS = {"seed": bench_seed, "enqueue": bench_enqueue, "drain": bench_drain, "read": bench_read,
         "mixed": bench_mixed, "wake": bench_wake, "full": bench_full, "history": bench_history,
         "raw": bench_raw}
