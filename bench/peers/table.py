"""What was measured of the peers, for people: one line each, and a chart."""

import subprocess
import sys
import tempfile
from pathlib import Path

from peers.server import found

SCRIPT = Path(__file__).resolve().parent / "chart.gp"
GROUPS = ((True, "Synced before the acknowledgement: a power cut loses no job"),
          (False, "Synced later: a power cut may lose the newest jobs"))
COLUMNS = ("enqueue/s", "by 1000/s", "drain/s", "mixed/s", "longest ms", "wake p50", "p99 ms",
           "idle ms", "wakeups", "server ms")
NOTES = ("BRPOP takes a job off its list at once: a worker that dies loses it. idle: CPU of a worker "
         "(and of the\nserver, where there is one) while it waits; galley keeps what is done, most "
         "others delete it.")
TITLE_WIDTH = 34
CHARTED = ("enqueue", "drain", "mixed", "wake")
OURS, OTHERS = "0x1b6ca8", "0xb0b7bd"


def by_peer(rows):
    """{(survives, title): {name of the load: row}}, in the order measured."""
    peers = {}
    for row in rows:
        settings = row["settings"]
        key = settings["survives_power_cut"], f"{settings['peer']}, {settings['setting']}"
        peers.setdefault(key, {})[row["name"].split(".")[1]] = row
    return peers


SHOWN = (("enqueue", "median", ",.0f"), ("enqueue_batch", "median", ",.0f"),
         ("drain", "median", ",.0f"), ("mixed", "median", ",.0f"), ("mixed", "max_ms", ".1f"),
         ("wake", "p50_ms", ".2f"), ("wake", "p99_ms", ".2f"), ("idle", "median", ".0f"),
         ("idle", "wakeups", ",.0f"), ("idle", "server_cpu_ms", ".0f"))


def cells(loads):
    """Texts in the order of COLUMNS."""
    return ["failed" if load not in loads else
            format(loads[load][key], how) if key in loads[load] else "-"
            for load, key, how in SHOWN]


def show_table(rows):
    peers = by_peer(rows)
    for survives, title in GROUPS:
        print(f"\n{title}:\n" + " " * TITLE_WIDTH + "".join(f"{name:>11}" for name in COLUMNS))
        for (one, name), loads in peers.items():
            if one == survives:
                print(f"{name:<{TITLE_WIDTH}}" + "".join(f"{text:>11}" for text in cells(loads)))
    print("\n" + NOTES)


def draw_chart(rows, path):
    """An SVG by gnuplot: one panel a load, one bar a peer."""
    if not found("gnuplot"):
        sys.exit("bench/run: no chart: gnuplot is not there (bench/peers/install)")
    peers = by_peer(rows)
    counts = []
    with tempfile.TemporaryDirectory(prefix="galley-chart.") as folder:
        data = Path(folder) / "data"
        with data.open("w", encoding="utf-8") as out:
            for survives, _ in GROUPS:
                shown = [(name, loads) for (one, name), loads in peers.items() if one == survives]
                counts.append(str(len(shown)))
                for name, loads in shown:
                    print(f'"{name}"', OURS if name.startswith("galley") else OTHERS,
                          *[loads[load]["median"] if load in loads else "NaN"
                            for load in CHARTED], '" "', sep="\t",
                          file=out)
                print("\n", file=out)
        given = f"data='{data}'; picture='{path}'; counts='{' '.join(counts)}'"
        subprocess.run(["gnuplot", "-e", given, str(SCRIPT)], check=True)
