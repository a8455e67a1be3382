"""What tests/crash and tests/fault share: a folder of its own for each case, the programs run as a
user runs them, a ledger of what was acknowledged and of what was done, and what must be true of a
database after whatever has happened to its processes. Free of dependencies."""

import atexit
import concurrent.futures
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("GALLEY_BUILD", ROOT / "build/dev"))
BIN = Path(os.environ.get("GALLEY_BIN", BUILD / "bin"))
TIMEOUT_S = 120  # of one program; a working one needs far less
APPEND = """#!/bin/sh
echo "$GALLEY_JOB_ID" >>effects
echo "{\\"id\\":$GALLEY_JOB_ID}"
"""
# Kills its worker the first time that it runs, as a bug in a library would.
KILLER = """#!/bin/sh
if [ ! -e killed ]; then
  : >killed
  kill -KILL $PPID
fi
""" + APPEND[len("#!/bin/sh\n"):]


class Wrong(Exception):
    """What the test found; the text is its message."""


def expect(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what}: {got!r}, not {wanted!r}")


class Case:
    """A folder with a galley.ini, where programs run; gone at the end."""

    def __init__(self, template=None):
        self.dir = Path(tempfile.mkdtemp(prefix="galley-rig."))
        self.log = []
        if template is not None:
            shutil.copytree(template.dir, self.dir, dirs_exist_ok=True)
            self.configure()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def configure(self):
        """The kinds of the tests, whose programs stand in this very folder."""
        lines = ["[http]", "allow_addresses = 127.0.0.1/32", "[worker]", "grace = 5s"]
        for kind, script in (("append", APPEND), ("killer", KILLER)):
            program = self.dir / kind
            program.write_text(script)
            program.chmod(0o755)
            lines += [f"[kind.{kind}]", f"program = {program}", f"directory = {self.dir}"]
        (self.dir / "galley.ini").write_text("\n".join(lines) + "\n")

    def run(self, *words, env=None, text=None):
        """Runs `galley words`. It has ended, and so has whatever it started, when this returns: they
        hold the pipe of standard error."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GALLEY")}
        clean.update({"HOME": str(self.dir), "NO_COLOR": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"})
        clean.update(env or {})
        done = subprocess.run([BIN / "galley", *words], cwd=self.dir, env=clean, input=text or "",
                              capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        self.log.append(f"$ galley {' '.join(words)} -> {done.returncode}\n{done.stderr}")
        return done

    def galley(self, *words, text=None):
        """As `run`, and it must work; what it printed."""
        done = self.run(*words, text=text)
        if done.returncode != 0:
            raise Wrong(f"galley {' '.join(words)} gave {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def sql(self, query, database="galley.db"):
        """The rows, past galley. Only when no program has the database open."""
        connection = sqlite3.connect(self.dir / database, timeout=10)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def number(self, query, database="galley.db"):
        return self.sql(query, database)[0][0]

    def enqueue(self, n, kind="append"):
        lines = (json.dumps({"kind": kind, "payload": {"n": i}}) + "\n" for i in range(n))
        return ids_of(self.galley("enqueue", "--stdin", text="".join(lines)))

    def effects(self):
        """How often each job's effect was seen outside."""
        path, counts = self.dir / "effects", {}
        for line in path.read_text().split() if path.exists() else []:
            counts[int(line)] = counts.get(int(line), 0) + 1
        return counts

    def files(self):
        return sorted(str(path.relative_to(self.dir)) for path in self.dir.rglob("*")
                      if path.is_file())


def ids_of(text):
    """Acknowledged is what was printed whole."""
    return [int(line) for line in text.split("\n")[:-1]]


# ---- what must be true -----------------------------------------------------------------------------


def check_whole(case, database="galley.db"):
    expect("integrity_check", case.number("PRAGMA integrity_check", database), "ok")
    expect("foreign_key_check", case.sql("PRAGMA foreign_key_check", database), [])


def check_queue(case, leftovers=()):
    """After healthy workers have drained the queue."""
    check_whole(case)
    expect("temporary files", [name for name in case.files()
                               if ".galley-tmp" in name and name not in leftovers], [])
    expect("jobs that are not done", case.sql("SELECT id, state, error FROM jobs WHERE state<>'done'"),
           [])
    expect("jobs not done by exactly one attempt", case.sql(
        "SELECT j.id FROM jobs j LEFT JOIN job_attempts a ON a.job_id=j.id AND a.outcome='done'"
        " GROUP BY j.id HAVING count(a.job_id)<>1"), [])
    expect("fences that do not count the attempts", case.sql(
        "SELECT id FROM jobs j WHERE fence<>(SELECT count(*) FROM job_attempts WHERE job_id=j.id)"),
        [])
    expect("crashes that do not count the deaths", case.sql(
        "SELECT id FROM jobs j WHERE crashes<>"
        "(SELECT count(*) FROM job_attempts WHERE job_id=j.id AND outcome='crashed')"), [])
    expect("totals", case.number(
        "SELECT coalesce(sum(n),0)=(SELECT count(*) FROM jobs) FROM totals WHERE outcome='done'"), 1)
    expect("workers that live on", case.number(
        "SELECT count(*) FROM workers WHERE stopped_at_ms IS NULL"), 0)
    if knows_check():
        done = case.run("check")
        expect(f"galley check ({done.stdout} {done.stderr})", done.returncode, 0)


def check_effects(case, acknowledged):
    """Each acknowledged job has its own result, and was done once, or again for each attempt that was
    cut off."""
    results = dict(case.sql("SELECT id, result FROM jobs WHERE kind IN ('append','killer')"))
    missing = [job for job in acknowledged if job not in results]
    expect("acknowledged jobs that are gone", missing, [])
    for job, result in results.items():
        expect(f"result of job {job}", result, f'{{"id":{job}}}')
    starts = dict(case.sql("SELECT job_id, count(*) FROM job_attempts GROUP BY job_id"))
    for job, seen in case.effects().items():
        if not 1 <= seen <= starts.get(job, 0):
            raise Wrong(f"job {job} was done {seen} times in {starts.get(job, 0)} attempts")
    expect("jobs done without an effect", sorted(set(results) - set(case.effects())), [])


_known = {}


def knows_check():
    """Whether this galley has the command that looks for what no program may have written."""
    if "check" not in _known:
        _known["check"] = subprocess.run([BIN / "galley", "help", "check"], capture_output=True,
                                         check=False).returncode == 0
    return _known["check"]


# ---- templates and the web server ------------------------------------------------------------------


def new_case():
    case = Case()
    case.galley("init", "--no-config")
    case.configure()
    return case


_server = {}


def feed_url():
    """A feed that a server of ours gives out; the server ends with this program."""
    if not _server:
        folder = Path(tempfile.mkdtemp(prefix="galley-rig."))
        atexit.register(shutil.rmtree, folder, True)
        port_file = folder / "port"
        with open(folder / "out", "w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [sys.executable, ROOT / "tests/cli/support/server.py", "--directory",
                 ROOT / "tests/feeds/e2e", "--port-file", port_file], stdout=out, stderr=out)
        atexit.register(process.wait)
        atexit.register(process.send_signal, signal.SIGTERM)
        for _ in range(600):
            if port_file.exists() and port_file.read_text():
                break
            time.sleep(0.05)
        _server["port"] = port_file.read_text().strip()
    return f"http://127.0.0.1:{_server['port']}/en.xml"


def feed_case():
    """A feed to collect."""
    case = new_case()
    case.galley("feed", "add", feed_url())
    case.galley("feed", "fetch", "--all")
    return case


def pipeline_case():
    """And then a topic to research, to write about and to publish."""
    case = feed_case()
    case.galley("enqueue", "research", '{"topic":"cargo bikes"}')
    return case


PIPELINE_COUNTS = ("SELECT (SELECT count(*) FROM documents),(SELECT count(*) FROM topics),"
                   "(SELECT count(*) FROM blog_posts),(SELECT count(*) FROM social_posts),"
                   "(SELECT count(*) FROM publications)")


def pipeline_result(case):
    """What the pipeline leaves: counts of rows, and files with their sizes (their dates differ)."""
    site = sorted((str(path.relative_to(case.dir)), path.stat().st_size)
                  for path in (case.dir / "site").rglob("*") if path.is_file())
    return case.sql(PIPELINE_COUNTS)[0], site


# ---- running and reporting -------------------------------------------------------------------------


def report(tests):
    """Runs tests, each a (name, function), side by side; prints TAP; the exit status. A function that
    returns a text was skipped, and the text tells why."""
    print(f"1..{len(tests)}", flush=True)
    failed = 0

    def attempt(test):
        try:
            return test(), None
        except Wrong as wrong:
            return None, str(wrong)
        except (subprocess.TimeoutExpired, sqlite3.Error, OSError) as problem:
            return None, f"{type(problem).__name__}: {problem}"

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        results = pool.map(attempt, [test for _, test in tests])
        for number, ((name, _), (skipped, problem)) in enumerate(zip(tests, results), 1):
            if problem is None:
                print(f"ok {number} - {name}" + (f" # SKIP {skipped}" if skipped else ""), flush=True)
                continue
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            for line in problem.split("\n"):
                print(f"# {line}", flush=True)
    return 1 if failed else 0
