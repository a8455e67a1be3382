"""The same work on galley and on other queues, in turns: rows, of which `raw` is galley in the setting
that survives as much."""

import os
import sys
import time
from pathlib import Path

from figure import figure
from load import RUNS
from peers.client import Failed
from peers.peer import all_peers

SIZE = float(os.environ.get("BENCH_PEERS_SIZE", "1"))  # less for a try
BATCH = 1000
IDLE_SECONDS = 30
SETTLE_SECONDS = 2


def scaled(n, peer, least=1):
    return max(least, int(n * SIZE * peer.pace))


def checked(peer, result, wanted):
    """A measurement in which jobs are missing is none."""
    if result["done"]["n"] < wanted:
        sys.exit(f"bench/run: {peer.title}: {result['done']['n']} of {wanted} jobs were done")
    return result


def run_enqueue(peer, address):
    settings = {"producers": 1, "batch": 1, "jobs": scaled(20000, peer)}
    return settings, peer.run(address, "enqueue", **settings)


def run_enqueue_batch(peer, address):
    settings = {"producers": 1, "batch": BATCH, "jobs": scaled(100000, peer, BATCH)}
    return settings, peer.run(address, "enqueue", **settings)


def run_drain(peer, address):
    jobs = scaled(80000, peer, BATCH)
    settings = {"producers": 0, "workers": 4, "claim": 256, "jobs": jobs}
    peer.run(address, "enqueue", producers=1, batch=BATCH, jobs=jobs)
    return settings, checked(peer, peer.run(address, "drain", **settings), jobs)


def run_mixed(peer, address):
    settings = {"producers": 2, "workers": 2, "claim": 32, "ms": int(4000 * SIZE)}
    result = peer.run(address, "mixed", **settings)
    return settings, checked(peer, result, result["enqueued"]["n"])


def run_wake(peer, address):
    settings = {"producers": 1, "workers": 1, "claim": 1, "ms": int(5000 * SIZE)}
    return settings, peer.run(address, "wake", **settings)


# Name, unit, how it is run, whose rate and whose latencies are shown; the value of `wake` is its p50.
LOADS = (("enqueue", "jobs/s", run_enqueue, "enqueued", "enqueued"),
         ("enqueue_batch", "jobs/s", run_enqueue_batch, "enqueued", "enqueued"),
         ("drain", "jobs/s", run_drain, "done", "done"),
         ("mixed", "jobs/s", run_mixed, "done", "enqueued"),
         ("wake", "ms", run_wake, "done", "done"))


def value_of(name, result, role):
    return result[role]["p50_ms" if name == "wake" else "per_s"]


def row_of(peer, name, unit, values, baseline, settings, **more):
    """`baseline`: the values of galley, None for itself."""
    about = {"peer": peer.name, "setting": peer.setting, "survives_power_cut": peer.survives}
    if baseline:
        about["baseline"] = "galley full" if peer.survives else "galley normal"
    return figure(f"peers.{name}", unit, values, more.pop("latencies", ()), baseline,
                  {**about, **settings}, **more)


def measure_load(peers, name, unit, run, rate_role, latency_role):
    """A peer that fails in it has no row."""
    results, used = {peer: [] for peer in peers}, {}
    for _ in range(RUNS):
        for peer in peers:
            if peer not in results:
                continue
            try:
                with peer.queue() as address:
                    used[peer], result = run(peer, address)
                results[peer].append(result)
            except Failed as failure:
                sys.stderr.write(f"bench/run: {peer.title}: {name}: {failure}\n")
                del results[peer]
    peers = list(results)
    values = {peer: [value_of(name, one, rate_role) for one in results[peer]] for peer in peers}
    galley = {peer.survives: values[peer] for peer in peers if peer.name == "galley"}
    for peer in peers:
        baseline = None if peer.name == "galley" else galley[peer.survives]
        took = [one[latency_role] for one in results[peer]]
        if not any(one["max_ms"] for one in took):
            took = ()  # the workers of a client for Node do not say how long a job took them
        yield row_of(peer, name, unit, values[peer], baseline, used[peer], latencies=took)


def family(pid):
    """A process and all below it."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from family(int(child))


def spent(pid):
    """CPU in ms, and how often its threads went to sleep, of a process and all below it."""
    cpu_ms = wakeups = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        cpu_ms += (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")
        for task in Path(f"/proc/{one}/task").iterdir():
            status = dict(line.split(":", 1)
                          for line in (task / "status").read_text().splitlines())
            wakeups += int(status["voluntary_ctxt_switches"])
    return cpu_ms, wakeups


def measure_idle(peers):
    """Not in turns: nothing else runs, and 30 s each are long enough for it to show."""
    galley = {}
    for peer in peers:
        with peer.queue() as address:
            worker = peer.idle_worker(address, IDLE_SECONDS + 2 * SETTLE_SECONDS)
            try:
                time.sleep(SETTLE_SECONDS)
                pids = [pid for pid in (worker.pid, peer.server_pid()) if pid]
                before = [spent(pid) for pid in pids]
                time.sleep(IDLE_SECONDS * SIZE)
                after = [spent(pid) for pid in pids]
            finally:
                worker.terminate()
                worker.wait()
        took = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(before, after)]
        more = {"wakeups": took[0][1]}
        if len(took) > 1:
            more.update(server_cpu_ms=took[1][0], server_wakeups=took[1][1])
        if peer.name == "galley":
            galley[peer.survives] = [took[0][0]]
        baseline = None if peer.name == "galley" else galley[peer.survives]
        yield row_of(peer, "idle", "ms of CPU", [took[0][0]], baseline,
                     {"seconds": IDLE_SECONDS * SIZE}, **more)


def there(folder):
    """Those that can be measured, ready; of each other one a line says why not."""
    for number, peer in enumerate(all_peers()):
        missing = peer.missing()
        if missing:
            sys.stderr.write(f"bench/run: {peer.title}: left out, as {missing} is not there "
                             "(bench/peers/install)\n")
            continue
        own = Path(folder) / str(number)
        own.mkdir()
        peer.prepare(own)
        yield peer


def bench_peers(folder):
    peers = list(there(folder))
    for load in LOADS:
        yield from measure_load(peers, *load)
    yield from measure_idle(peers)
