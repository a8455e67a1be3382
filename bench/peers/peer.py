"""What is measured beside galley, each in a durable setting and in its usual one."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

from load import Load
from peers import client
from peers.server import Beanstalkd, Postgres, Redis, found, postgres_program

TOP = Path(__file__).resolve().parent.parent.parent
BIN = TOP / "build" / "release" / "bin"


class Peer:
    """`survives`: an acknowledged job outlives a power cut. `pace`: jobs in its measurements, of 1 for
    the quickest."""

    def __init__(self, name, setting, survives, pace=1.0):
        self.name, self.setting, self.survives, self.pace = name, setting, survives, pace

    @property
    def title(self):
        return f"{self.name}, {self.setting}"

    def missing(self):
        """What is not there of what it needs; None when all is."""

    def prepare(self, folder):
        """Called once, with a folder that stays."""

    @contextmanager
    def queue(self):
        """Its address, new and empty while it lasts."""
        raise NotImplementedError

    def run(self, address, load, **settings):
        """One load as bench-load knows them, and what it came to."""
        raise NotImplementedError

    def idle_worker(self, address, seconds):
        """A process that is, or has as its only child, a worker with nothing to do for so long."""
        raise NotImplementedError

    def server_pid(self):
        return None


class Galley(Peer):
    def prepare(self, folder):
        self.load = Load(BIN / "bench-load", BIN / "galley", folder)

    @contextmanager
    def queue(self):
        yield self.load.database()

    def run(self, address, load, **settings):
        return self.load.run("galley", load, address, full=self.survives, **settings)

    def idle_worker(self, address, seconds):
        return subprocess.Popen([BIN / "galley", "--database", address, "work"],
                                stderr=subprocess.DEVNULL)


class ServerPeer(Peer):
    """One that has a server, worked by bench-peers or by a module for Node."""

    def __init__(self, name, setting, survives, pace, server, subject=None, module=None):
        super().__init__(name, setting, survives, pace)
        self.server_type, self.server_setting = server
        self.subject, self.module = subject, module

    def missing(self):
        need = {Beanstalkd: found("beanstalkd"), Redis: found("redis-server"),
                Postgres: postgres_program("initdb")}
        if not need[self.server_type]:
            return f"the server {self.server_type.__name__}"
        if self.module:
            return missing_module(self.module)
        library = {"redis": "hiredis", "redis-pop": "hiredis", "postgres": "libpq"}.get(self.subject)
        return None if library is None or has_library(library) else f"{library} for C"

    def prepare(self, folder):
        self.server = self.server_type(folder, self.server_setting)
        self.load = Load(BIN / "bench-peers", None, folder)

    @contextmanager
    def queue(self):
        with self.server as address:
            yield address

    def subject_for(self, load):
        """PostgreSQL pays for NOTIFY only where a worker sleeps."""
        notified = self.subject == "postgres" and load in ("wake", "idle")
        return "postgres-notify" if notified else self.subject

    def run(self, address, load, **settings):
        if self.module:
            return client.run(self.module, load, address, {}, **settings)
        return self.load.run(self.subject_for(load), load, address, **settings)

    def idle_worker(self, address, seconds):
        if self.module:
            return client.idle_worker(self.module, address, {})
        return subprocess.Popen([BIN / "bench-peers", self.subject_for("idle"), "idle", address,
                                 "producers=0", "workers=1", f"ms={seconds * 1000}"],
                                stdout=subprocess.DEVNULL)

    def server_pid(self):
        return self.server.process.pid


class FilePeer(Peer):
    """One that is a file, worked by a module for Node."""

    def __init__(self, name, setting, survives, pace, module, env):
        super().__init__(name, setting, survives, pace)
        self.module, self.env, self.made = module, env, 0

    def missing(self):
        return missing_module(self.module)

    def prepare(self, folder):
        self.folder = folder

    @contextmanager
    def queue(self):
        for old in self.folder.iterdir():
            old.unlink()
        self.made += 1
        yield str(self.folder / f"{self.made}.db")

    def run(self, address, load, **settings):
        return client.run(self.module, load, address, self.env, **settings)

    def idle_worker(self, address, seconds):
        return client.idle_worker(self.module, address, self.env)


PACKAGES = {"bullmq": "bullmq", "graphile": "graphile-worker", "plainjob": "plainjob"}


def missing_module(module):
    if not found("node"):
        return "node"
    there = (client.MODULES / "node_modules" / PACKAGES[module]).is_dir()
    return None if there else f"{PACKAGES[module]} from npm"


def has_library(name):
    return subprocess.run(["pkg-config", "--exists", name], check=False).returncode == 0


def all_peers():
    for survives, fsync_ms, appendfsync, commit in ((True, 0, "always", "on"),
                                                    (False, 50, "everysec", "off")):
        quick = 0.25 if survives else 1
        yield Galley("galley", "full" if survives else "normal", survives)
        yield ServerPeer("beanstalkd", f"fsync {fsync_ms} ms", survives, quick,
                         (Beanstalkd, fsync_ms), subject="beanstalkd")
        redis = (Redis, appendfsync)
        yield ServerPeer("redis", f"BLMOVE, {appendfsync}", survives, quick, redis, subject="redis")
        yield ServerPeer("redis", f"BRPOP, {appendfsync}", survives, quick, redis,
                         subject="redis-pop")
        yield ServerPeer("bullmq", appendfsync, survives, 0.25, redis, module="bullmq")
        postgres = (Postgres, commit)
        yield ServerPeer("postgres", f"SKIP LOCKED, commit {commit}", survives, quick, postgres,
                         subject="postgres")
        yield ServerPeer("graphile-worker", f"commit {commit}", survives, 0.25, postgres,
                         module="graphile")
    yield FilePeer("plainjob", "poll 1 s", False, 1, "plainjob", {})
    yield FilePeer("plainjob", "poll 5 ms", False, 1, "plainjob", {"BENCH_POLL_MS": "5"})
