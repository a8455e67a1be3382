#!/usr/bin/env python3
"""A web server on 127.0.0.1 for the end-to-end tests: a folder of feeds with validators, and paths
that misbehave on request. Free of dependencies.

    server.py --directory DIR --port-file FILE [--log FILE] [--port N]

It listens on a free port (or on N), then writes the port to the port file, and runs until SIGTERM.
With --log each request leaves one JSON line: method, path, status, and the headers that were sent.

    /NAME                      a file of the folder, with ETag and Last-Modified, 304 when unchanged
    /slow?seconds=N            one byte now, the rest after N seconds (60)
    /cut-off                   half of the announced body, then the connection ends
    /html                      a web page
    /empty                     200 and no body
    /huge?bytes=N              N bytes (50 MB) of a feed without a length, chunked
    /gzip-bomb?bytes=N         N bytes (50 MB) of a feed, compressed to very few
    /status/NNN?retry_after=S  that status, with Retry-After when asked for
    /redirect/NNN?to=URL       that status (301, 302, 307, 308), Location URL
    /redirect-loop             to itself
    /ten-thousand?items=N      a feed of N items (10000)
    /bad-encoding              a feed that says UTF-8 and is Latin-1
    /entities                  a feed that defines entities within entities
    /until/NAME                a feed of one item whose number N is that of the request, sent once the
                               folder has the file NAME.N; NAME.N.asked is made when it is asked for
    /flaky/N/NAME              503 for the first N requests of this path, then the file NAME
    /echo                      what was sent: a JSON object of method, path, headers and body
"""

import argparse
import email.utils
import hashlib
import http.server
import json
import os
import signal
import sys
import threading
import urllib.parse
import zlib
from pathlib import Path

FIFTY_MB = 50_000_000
TYPES = {".xml": "application/xml", ".rss": "application/rss+xml", ".atom": "application/atom+xml",
         ".json": "application/feed+json", ".html": "text/html; charset=utf-8"}
HEAD = ('<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>Made</title>'
        '<link>https://made.example/</link><description>Made</description>\n')
TAIL = "</channel></rss>\n"
BOMB = ('<?xml version="1.0"?>\n<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
        '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">'
        '<!ENTITY e SYSTEM "file:///etc/passwd">]>\n<rss version="2.0"><channel><title>&d;</title>'
        '<item><title>One</title><description>&d; &e;</description></item></channel></rss>\n')


def item(number):
    return (f"<item><title>Item {number}</title><link>https://made.example/{number}</link>"
            f"<guid>https://made.example/{number}</guid>"
            f"<description>Text of item number {number}.</description></item>\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "galley-tests"
    sys_version = ""

    def do_GET(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        parts = urllib.parse.unquote(url.path).strip("/").split("/")
        special = getattr(self, "on_" + parts[0].replace("-", "_"), None)
        try:
            if special is not None:
                special(parts[1:])
            else:
                self.file("/".join(parts))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client had enough, which some tests are about

    do_POST = do_PUT = do_HEAD = do_GET

    # ---- answers ----

    def head(self, status, headers=()):
        self.server.note(self, status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)

    def answer(self, status, body=b"", headers=()):
        self.head(status, [*headers, ("Content-Length", str(len(body)))])
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def feed(self, body):
        self.answer(200, body, [("Content-Type", "application/rss+xml")])

    def file(self, name):
        path = self.server.directory / name
        if ".." in name.split("/") or not path.is_file():
            self.answer(404, b"There is no such file.\n", [("Content-Type", "text/plain")])
            return
        body = path.read_bytes()
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        modified = email.utils.formatdate(int(path.stat().st_mtime), usegmt=True)
        headers = [("ETag", etag), ("Last-Modified", modified)]
        match = self.headers.get("If-None-Match")
        if match == etag or (match is None and self.headers.get("If-Modified-Since") == modified):
            self.head(304, headers)
            self.end_headers()
            return
        kind = TYPES.get(path.suffix, "application/octet-stream")
        self.answer(200, body, [*headers, ("Content-Type", kind)])

    def number(self, name, fallback):
        return int(self.query.get(name, fallback))

    # ---- the special paths ----

    def on_slow(self, _):
        body = (HEAD + item(1) + TAIL).encode()
        self.head(200, [("Content-Type", "application/rss+xml"), ("Content-Length", str(len(body)))])
        self.end_headers()
        self.wfile.write(body[:1])
        self.wfile.flush()
        self.server.stopping.wait(self.number("seconds", 60))
        self.wfile.write(body[1:])

    def on_cut_off(self, _):
        body = (HEAD + item(1) + item(2) + TAIL).encode()
        self.head(200, [("Content-Type", "application/rss+xml"), ("Content-Length", str(len(body)))])
        self.end_headers()
        self.wfile.write(body[:len(body) // 2])
        self.close_connection = True

    def on_html(self, _):
        self.answer(200, b"<!DOCTYPE html><html><head><title>A page</title></head>"
                    b"<body><p>Not a feed.</p></body></html>\n",
                    [("Content-Type", "text/html; charset=utf-8")])

    def on_empty(self, _):
        self.answer(200, b"", [("Content-Type", "application/rss+xml")])

    def on_huge(self, _):
        left = self.number("bytes", FIFTY_MB)
        self.head(200, [("Content-Type", "application/rss+xml"), ("Transfer-Encoding", "chunked")])
        self.end_headers()
        piece = (HEAD + "<item><title>Huge</title><description>").encode()
        while left > 0:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            left -= len(piece)
            piece = b"many words " * 6000
        end = ("</description></item>" + TAIL).encode()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(end), end))

    def on_gzip_bomb(self, _):
        pack = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = pack.compress((HEAD + "<item><title>Bomb</title><description>").encode())
        zeros = b" " * 1_000_000
        for _ in range(self.number("bytes", FIFTY_MB) // len(zeros)):
            body += pack.compress(zeros)
        body += pack.compress(("x</description></item>" + TAIL).encode()) + pack.flush()
        self.answer(200, body, [("Content-Type", "application/rss+xml"),
                                ("Content-Encoding", "gzip")])

    def on_status(self, rest):
        headers = [("Content-Type", "text/plain")]
        if "retry_after" in self.query:
            headers.append(("Retry-After", self.query["retry_after"]))
        self.answer(int(rest[0]), f"Status {rest[0]}.\n".encode(), headers)

    def on_redirect(self, rest):
        self.answer(int(rest[0]), b"", [("Location", self.query["to"])])

    def on_redirect_loop(self, _):
        self.answer(302, b"", [("Location", "/redirect-loop")])

    def on_ten_thousand(self, _):
        items = "".join(item(n) for n in range(1, self.number("items", 10000) + 1))
        self.feed((HEAD + items + TAIL).encode())

    def on_bad_encoding(self, _):
        good = HEAD + "<item><title>Caf\u00e9 \u00e0 la carte</title><description>d\u00e9j\u00e0 vu" \
            "</description></item>" + TAIL
        self.feed(good.encode("latin-1"))

    def on_entities(self, _):
        self.feed(BOMB.encode())

    def on_flaky(self, rest):
        if self.server.count(self.path) <= int(rest[0]):
            self.answer(503, b"Not yet.\n", [("Content-Type", "text/plain")])
        else:
            self.file("/".join(rest[1:]))

    def on_until(self, rest):
        number = self.server.count(self.path)
        gate = self.server.directory / f"{rest[0]}.{number}"
        gate.with_name(gate.name + ".asked").touch()
        while not gate.exists() and not self.server.stopping.wait(0.05):
            pass
        self.feed((HEAD + item(number) + TAIL).encode())

    def on_echo(self, _):
        seen = {"method": self.command, "path": self.path, "headers": dict(self.headers),
                "body": self.body.decode("utf-8", "replace")}
        self.answer(200, (json.dumps(seen) + "\n").encode(), [("Content-Type", "application/json")])

    def log_message(self, *_):
        pass  # the log is JSON, written by Server.note


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, directory, log):
        super().__init__(("127.0.0.1", port), Handler)
        self.directory = Path(directory)
        self.log = open(log, "a", buffering=1, encoding="utf-8") if log else None
        self.lock = threading.Lock()
        self.counts = {}
        self.stopping = threading.Event()

    def count(self, path):
        with self.lock:
            self.counts[path] = self.counts.get(path, 0) + 1
            return self.counts[path]

    def note(self, request, status):
        """Written before the answer goes out: who has the answer finds the line."""
        if self.log is None:
            return
        line = json.dumps({"method": request.command, "path": request.path, "status": status,
                           "headers": {k.lower(): v for k, v in request.headers.items()}})
        with self.lock:
            self.log.write(line + "\n")

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (BrokenPipeError, ConnectionResetError)):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", required=True)
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--log")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    server = Server(options.port, options.directory, options.log)

    def stop(*_):
        server.stopping.set()
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # Renamed into place, so that who sees the file sees the whole number.
    Path(options.port_file + ".new").write_text(f"{server.server_address[1]}\n")
    os.replace(options.port_file + ".new", options.port_file)
    server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
