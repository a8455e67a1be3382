"""The servers of other queues, started by the bench with their data in a folder of its own and reached
by a socket in it: never those of the system, and gone when the bench is, however it ends."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

START_SECONDS = 20
STOP_SECONDS = 20
POSTGRES_USER = "postgres"  # PostgreSQL refuses to be run by root
SCHEMA = Path(__file__).resolve().parent / "postgres.sql"


def found(name):
    """The path of a program, also where a user's PATH does not lead."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")


class Server:
    """`with server as address:` while it runs, empty at first."""

    stop_signal = signal.SIGTERM

    def __init__(self, folder):
        self.folder, self.process = Path(folder), None

    def __enter__(self):
        log = open(self.folder / "server.log", "a", encoding="utf-8")
        command = [*self.user(), "setpriv", "--pdeathsig", self.stop_signal.name[3:],
                   *self.command()]
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log, start_new_session=True)
        log.close()
        until = time.monotonic() + START_SECONDS
        try:
            while not self.answers():
                if time.monotonic() > until or self.process.poll() is not None:
                    sys.exit(f"bench/run: {type(self).__name__} did not start:\n" +
                             (self.folder / "server.log").read_text(encoding="utf-8")[-2000:])
                time.sleep(0.05)
            self.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self.address()

    def __exit__(self, *_):
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def user(self):
        """What runs a program as whoever the server may be."""
        return []

    def address(self):
        return str(self.folder / "socket")

    def answers(self):
        return (self.folder / "socket").is_socket()

    def prepare(self):
        """Called once it answers: empties it."""


class Beanstalkd(Server):
    def __init__(self, folder, fsync_ms):
        super().__init__(folder)
        self.fsync_ms = fsync_ms

    def command(self):
        shutil.rmtree(self.folder / "binlog", ignore_errors=True)
        (self.folder / "binlog").mkdir()
        (self.folder / "socket").unlink(missing_ok=True)
        return [found("beanstalkd"), "-b", str(self.folder / "binlog"), "-f",
                str(self.fsync_ms), "-l", f"unix:{self.address()}"]


class Redis(Server):
    def __init__(self, folder, appendfsync):
        super().__init__(folder)
        self.appendfsync = appendfsync

    def command(self):
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "socket").unlink(missing_ok=True)
        return [found("redis-server"), "--port", "0", "--unixsocket", self.address(),
                "--dir", str(self.folder), "--save", "", "--appendonly", "yes", "--appendfsync",
                self.appendfsync]


class Postgres(Server):
    stop_signal = signal.SIGINT  # which does not wait for clients

    def __init__(self, folder, synchronous_commit):
        super().__init__(folder)
        self.synchronous_commit = synchronous_commit
        if os.geteuid() == 0:
            account = pwd.getpwnam(POSTGRES_USER)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self.folder.parent.chmod(0o755)
        subprocess.run([*self.user(), postgres_program("initdb"), "--pgdata", str(self.folder / "data"),
                        "--username", "bench", "--auth", "trust", "--encoding", "UTF8", "--locale",
                        "C", "--no-sync"], check=True, cwd="/", stdout=subprocess.DEVNULL)

    def user(self):
        if os.geteuid() != 0:
            return []
        return ["setpriv", "--reuid", POSTGRES_USER, "--regid", POSTGRES_USER, "--init-groups"]

    def command(self):
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder),
                    "synchronous_commit": self.synchronous_commit, "shared_buffers": "512MB",
                    "max_wal_size": "4GB", "jit": "off"}
        return [postgres_program("postgres"), "-D", str(self.folder / "data"),
                *[word for name, value in settings.items() for word in ("-c", f"{name}={value}")]]

    def address(self):
        return str(self.folder)

    def sql(self, *words):
        return subprocess.run([found("psql"), "-qX", "-h", str(self.folder), "-U", "bench", "-v",
                               "ON_ERROR_STOP=1", "postgres", *words], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode

    def answers(self):
        return self.sql("-c", "SELECT 1") == 0

    def prepare(self):
        if self.sql("-c", "SET client_min_messages=error; DROP SCHEMA IF EXISTS graphile_worker CASCADE",
                    "-f", str(SCHEMA), "-c", "CHECKPOINT") != 0:
            sys.exit(f"bench/run: PostgreSQL does not take {SCHEMA.name}")


def postgres_program(name):
    """The newest of those that Debian keeps out of PATH."""
    there = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    return str(max(there, key=lambda path: float(path.parts[4]), default="")) or found(name)
