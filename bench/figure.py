"""One measured figure: its spread, its latencies, and the same work on bare SQLite beside it."""

import json
import statistics

LATENCIES = ("p50_ms", "p99_ms", "p999_ms", "max_ms")


def figure(name, unit, values, latencies=(), raw=None, settings=None, **more):
    """`values`: one a run, of which the median stands for all. `latencies`: one dict a run, of which
    the median stands for all but for the longest, which is the longest of all. `raw`: the values of
    the same work on bare SQLite (or of another baseline) in the same run."""
    row = {"name": name, "unit": unit, "median": round(statistics.median(values), 3),
           "min": round(min(values), 3), "max": round(max(values), 3)}
    for key in LATENCIES:
        if latencies:
            together = max if key == "max_ms" else statistics.median
            row[key] = round(together([one[key] for one in latencies]), 3)
    row["runs"] = len(values)
    if raw:
        row["raw"] = round(statistics.median(raw), 3)
        row["ratio"] = round(row["median"] / row["raw"], 3) if row["raw"] else None
    row["settings"] = settings or {}
    row.update(more)
    return row


def spread(name, unit, values, raw=None, settings=None, **more):
    """A figure of which each value is one run, and a latency."""
    ordered = sorted(values)
    part = {key: ordered[min(int(len(ordered) * at), len(ordered) - 1)]
            for key, at in zip(LATENCIES, (0.5, 0.99, 0.999, 1))}
    row = figure(name, unit, values, [part], raw, settings, **more)
    row["runs"] = len(values)
    return row


def number(value):
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def sentence(row):
    """For people: one line."""
    parts = [f"{row['name']:<22} {number(row['median']):>9} {row['unit']:<9}"
             f" ({number(row['min'])} to {number(row['max'])}, {row['runs']} runs)"]
    if "raw" in row:
        parts.append(f"baseline {number(row['raw'])}, ratio {number(row['ratio'])}")
    if "p50_ms" in row:
        parts.append("ms " + " ".join(f"{key[:-3]} {number(row[key])}" for key in LATENCIES))
    known = {"name", "unit", "median", "min", "max", "runs", "raw", "ratio", "settings", *LATENCIES}
    parts += [f"{key} {number(value)}" for key, value in row.items() if key not in known]
    settings = " ".join(f"{key}={value}" for key, value in row["settings"].items())
    return "; ".join(parts) + (f" [{settings}]" if settings else "")


def show(row, as_json):
    print(json.dumps(row) if as_json else sentence(row), flush=True)
