#!/usr/bin/env python3
"""Runs `galley work` with several processes until it has drained, and meanwhile kills one of them at
random with SIGKILL, again and again. Prints how many were killed; its exit status is galley's.

    storm.py --every MS [--seed N] PROGRAM WORD ...

A time that has passed while the machine was slow is not made up for: two kills are never nearer to
each other than MS.
"""

import argparse
import os
import random
import signal
import subprocess
import sys


def in_group(pid, group):
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:
        return False


def workers(pid):
    """The processes that a supervisor has forked; programs of jobs, which it may have inherited, have
    groups of their own."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = [int(word) for word in file.read().split()]
        group = os.getpgid(pid)
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [child for child in children if in_group(child, group)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=float, required=True)
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
        victims = workers(supervisor.pid)
        if victims:
            try:
                os.kill(chance.choice(victims), signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass  # it ended by itself in this moment
    print(killed)
    sys.exit(status if status >= 0 else 128 - status)


main()
