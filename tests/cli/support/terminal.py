#!/usr/bin/env python3
"""Runs a command in a terminal of its own and prints what it wrote there.

    terminal.py COLUMNS COMMAND [ARGUMENT...]

The exit status is that of the command. Line ends are those of the terminal made plain; escape
sequences and carriage returns within a line stay, so that a test can look for them.
"""

import fcntl
import os
import pty
import struct
import sys
import termios


def main(columns, command):
    child, terminal = pty.fork()
    if child == 0:
        # The parent's size would come too late for a quick command.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execvp(command[0], command)
    written = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the last one that had the terminal open is gone
            break
        if not piece:
            break
        written += piece
    _, status = os.waitpid(child, 0)
    sys.stdout.buffer.write(written.replace(b"\r\n", b"\n"))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
