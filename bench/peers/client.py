"""A load on a queue from npm by processes of client.mjs, in the form of what bench-load prints."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = HERE.parent.parent / "build" / "peers"
PATIENCE_SECONDS = 300
READ_SIZE = 1 << 20
COMMAND = ["setpriv", "--pdeathsig", "KILL", "node", str(HERE / "client.mjs")]


class Failed(Exception):
    """A client ended by itself, as where its queue's database stayed locked."""


class Client:
    def __init__(self, module, role, address, env, **settings):
        words = [f"{name}={int(value)}" for name, value in settings.items()]
        self.name, self.read = f"{module} {role}", b""
        self.process = subprocess.Popen(
            [*COMMAND, module, role, address, *words], bufsize=0, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env={**os.environ, "BENCH_MODULES": str(MODULES), **env})

    def line(self):
        """The next one; waits for it."""
        while b"\n" not in self.read:
            text = os.read(self.process.stdout.fileno(), READ_SIZE)
            if not text:
                raise Failed(f"its {self.name} ended by itself")
            self.read += text
        line, _, self.read = self.read.partition(b"\n")
        return json.loads(line)

    def go(self):
        self.process.stdin.write(b"go\n")

    def stop(self):
        """Ends a worker; what it has done in all."""
        self.process.stdin.close()
        while True:
            said = self.line()
            if said.get("over"):
                return said

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def role_figures(parts):
    """Of all processes of one role together."""
    took = sorted(ns for part in parts for ns in part["took"])
    n, began = sum(part["n"] for part in parts), min(part["began"] for part in parts)
    seconds = (max(part["ended"] for part in parts) - began) / 1e9
    figures = {"n": n, "per_s": round(n / seconds, 1) if seconds > 0 else 0}
    for key, at in (("p50_ms", 0.5), ("p99_ms", 0.99), ("p999_ms", 0.999), ("max_ms", 1)):
        figures[key] = took[min(int(len(took) * at), len(took) - 1)] / 1e6 if took else 0
    return figures


class Clients:
    """The processes of one load, which end with it."""

    def __init__(self, module, address, env):
        self.module, self.address, self.env = module, address, env
        self.started = []

    def start(self, role, count, **settings):
        return [self.started.append(Client(self.module, role, self.address, self.env, **settings))
                or self.started[-1] for _ in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.started:
            client.end()


def go(clients):
    for client in clients:
        client.line()
    for client in clients:
        client.go()


def wait_done(workers, wanted):
    """Until the workers have done that many jobs together."""
    until = time.monotonic() + PATIENCE_SECONDS
    done = {worker: 0 for worker in workers}
    pipes = {worker.process.stdout: worker for worker in workers}
    while sum(done.values()) < wanted:
        if time.monotonic() > until:
            sys.exit(f"bench/run: {workers[0].name}: {sum(done.values())} of {wanted} jobs")
        for pipe in select.select(list(pipes), [], [], 1)[0]:
            worker = pipes[pipe]
            done[worker] = worker.line()["n"]
            while b"\n" in worker.read:
                done[worker] = worker.line()["n"]


def run(module, load, address, env, **settings):
    """What bench-load does for its subjects: enqueue, fill, drain, mixed, wake."""
    wake, producers, workers = load == "wake", settings.get("producers", 1), settings.get("workers", 0)
    timed = {"ms": settings["ms"]} if load in ("mixed", "wake") else {
        "jobs": settings["jobs"], "batch": settings.get("batch", 1)}
    with Clients(module, address, env) as clients:
        makers = clients.start("producer", producers, wake=wake, **timed) if load != "drain" else []
        doers = clients.start("worker", workers, wake=wake)
        go(doers + makers)
        made = [maker.line() for maker in makers]
        if doers:
            wait_done(doers, sum(one["n"] for one in made) if made else settings["jobs"])
        done = [doer.stop() for doer in doers]
    return {**({"enqueued": role_figures(made)} if made else {}),
            **({"done": role_figures([part for part in done if part["n"]])} if done else {})}


def idle_worker(module, address, env):
    worker = Client(module, "worker", address, env, quiet=1)
    go([worker])
    return worker.process
