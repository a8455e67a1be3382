"""The programs as whole processes: what a command costs, what an idle worker costs, how soon the jobs
of a killed worker run again."""

import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from figure import figure, spread

TOP = Path(__file__).resolve().parent.parent
GALLEY = TOP / "build" / "release" / "bin" / "galley"
RUNS = 400
IDLE_SECONDS = 60
KILLS = 250
KILL_PROCESSES = 6
OLD_SECONDS = 2.2  # a worker that dies younger than 2 s is started again after a wait


def spawn_ms(argv, devnull):
    began = time.perf_counter_ns()
    pid = os.posix_spawn(argv[0], argv, os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, devnull, 1)])
    _, status = os.waitpid(pid, 0)
    took = (time.perf_counter_ns() - began) / 1e6
    if status != 0:
        sys.exit(f"{argv} failed with status {status}")
    return took


def bench_cli(folder):
    database = str(Path(folder) / "cli.db")
    subprocess.run([GALLEY, "--database", database, "init", "--no-config"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    enqueue = [str(GALLEY), "--database", database, "enqueue", "research", "--topic", "abc"]
    devnull = os.open(os.devnull, os.O_WRONLY)
    ours, baseline = [], []
    for i in range(RUNS + 20):
        pair = spawn_ms(["/bin/true"], devnull), spawn_ms(enqueue, devnull)
        if i >= 20:
            baseline.append(pair[0])
            ours.append(pair[1])
    os.close(devnull)
    over = statistics.median(ours) - statistics.median(baseline)
    yield spread("cli.enqueue", "ms", ours, baseline, {"baseline": "/bin/true"},
                 over_true_ms=round(over, 3))


def process_figures(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    io = dict(line.split(": ", 1) for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return {"cpu_ms": ticks * 1000 / os.sysconf("SC_CLK_TCK"),
            "rss_kb": int(status["VmRSS"].split()[0]), "written": int(io["wchar"]),
            "switches": int(status["voluntary_ctxt_switches"])}


def wal_frames(database):
    text = subprocess.run([GALLEY, "--database", database, "wal", "--json"], check=True,
                          capture_output=True, text=True).stdout
    return json.loads(text)["frames"]


def bench_idle(folder):
    database = str(Path(folder) / "idle.db")
    subprocess.run([GALLEY, "--database", database, "init", "--no-config"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    worker = subprocess.Popen([GALLEY, "--database", database, "work"], stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        frames = wal_frames(database)
        before = process_figures(worker.pid)
        time.sleep(IDLE_SECONDS)
        after = process_figures(worker.pid)
        frames_after = wal_frames(database)
    finally:
        worker.terminate()
        worker.wait()
    cpu_ms = after["cpu_ms"] - before["cpu_ms"]
    yield figure("idle", "ms of CPU", [cpu_ms], settings={"seconds": IDLE_SECONDS, "workers": 1},
                 frames_written=frames_after - frames,
                 bytes_written=after["written"] - before["written"],
                 wakeups=after["switches"] - before["switches"], resident_kb=after["rss_kb"])


class Starts:
    """The lines that the program of a job writes as it starts, one each time: job, fence, parent."""

    def __init__(self, folder):
        self.fifo = Path(folder) / "starts"
        os.mkfifo(self.fifo)
        self.fd = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        self.program = Path(folder) / "program"
        self.program.write_text('#!/bin/sh\n'
                                f'echo "$GALLEY_JOB_ID $GALLEY_JOB_FENCE $PPID" >{self.fifo}\n'
                                'exec sleep 3600\n', encoding="utf-8")
        self.program.chmod(0o755)

    def next(self):
        """When the next one started, and its line."""
        if not select.select([self.fd], [], [], 60)[0]:
            sys.exit("recover: the job did not start within a minute")
        line = os.read(self.fd, 4096)
        return time.perf_counter_ns(), line.split()


def age_seconds(pid):
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def kill_ms(starts, pid):
    """Kills the worker once it is old and has done what follows a start; until the job starts again:
    how long that took, and the worker that has it now."""
    time.sleep(max(0.05, OLD_SECONDS - age_seconds(pid)))
    began = time.perf_counter_ns()
    os.kill(pid, signal.SIGKILL)
    at, line = starts.next()
    return (at - began) / 1e6, int(line[2])


def bare_start_ms(starts):
    began = time.perf_counter_ns()
    program = subprocess.Popen([starts.program], env={"GALLEY_JOB_ID": "0", "GALLEY_JOB_FENCE": "0"})
    at, _ = starts.next()
    program.kill()
    program.wait()
    return (at - began) / 1e6


def bench_recover(folder):
    database = str(Path(folder) / "recover.db")
    starts = Starts(folder)
    config = Path(folder) / "recover.ini"
    config.write_text("[worker]\nlease = 1h\ncrashes_max = 1000\n"
                      f"[kind.long]\nprogram = {starts.program}\n", encoding="utf-8")
    env = {**os.environ, "GALLEY_CONFIG": str(config)}
    galley = [GALLEY, "--database", database]
    subprocess.run([*galley, "init", "--no-config"], check=True, env=env,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bare = [bare_start_ms(starts) for _ in range(KILLS)]
    subprocess.run([*galley, "enqueue", "long", "--timeout", "7d"], check=True, env=env,
                   stdout=subprocess.DEVNULL)
    supervisor = subprocess.Popen([*galley, "work", "--processes", str(KILL_PROCESSES), "--grace", "0"],
                                  env=env, stderr=subprocess.DEVNULL)
    took = []
    try:
        pid = int(starts.next()[1][2])
        while len(took) < KILLS:
            ms, pid = kill_ms(starts, pid)
            took.append(ms)
    finally:
        supervisor.terminate()
        supervisor.wait()
    yield spread("recover", "ms", took, bare, {"processes": KILL_PROCESSES, "kills": KILLS,
                                               "baseline": "starting the same program"})


PROCESSES = {"cli": bench_cli, "idle": bench_idle, "recover": bench_recover}
