"""A small web server: a page that tells what time it is and how often it was asked."""

from __future__ import annotations

import html
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STARTED = time.monotonic()


class Page(BaseHTTPRequestHandler):
    """Answers every GET with the page."""

    served = 0

    def do_GET(self) -> None:
        Page.served += 1
        text = (
            "<!doctype html><title>supervisor demo</title><h1>It works</h1>"
            f"<p>{html.escape(time.ctime())}, pid {os.getpid()}, up {time.monotonic() - STARTED:.0f} s, "
            f"{Page.served} pages served.</p>\n"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Page)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"serving http://127.0.0.1:{server.server_port}/")
    server.serve_forever()


if __name__ == "__main__":
    main()
