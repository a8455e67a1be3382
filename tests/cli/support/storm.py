#!/usr/bin/env python3
"""Runs `galley work` with several processes until it has drained, and meanwhile kills one of them at
random with SIGKILL, again and again. Prints how many were killed; its exit status is galley's.

    storm.py --every MS [--kills N] [--seed N] PROGRAM WORD ...

A time that has passed while the machine was slow is not made up for: two kills are never nearer to
each other than MS.
"""

import argparse
import os
import random
import signal
import subprocess
import sys


def children(pid):
    """The processes whose parent this one is; none when it is gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=float, required=True)
    parser.add_argument("--kills", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    supervisor = subprocess.Popen(options.words)
    killed = 0
    while True:
        try:
            status = supervisor.wait(options.every / 1000)
            break
        except subprocess.TimeoutExpired:
            pass
        victims = children(supervisor.pid)
        if victims and killed < options.kills:
            try:
                os.kill(chance.choice(victims), signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass  # it ended by itself in this moment
    print(killed)
    sys.exit(status if status >= 0 else 128 - status)


main()
