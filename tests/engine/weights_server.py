"""A small web server on the loopback that serves one file as badly as a test wants it to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does; a test may change it while it runs.

    Args:
        files: path → content.
        cut_after: bytes of an answer's body after which the connection is closed; None serves all of it.
        cuts: how many answers are cut; later ones are whole.
        statuses: sent instead of the next answers, one each.
        ranges: whether it can begin in the middle.
        moved: path → address elsewhere that is answered with.
        seen: the headers of each GET that came, with its path as ``:path``.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    cuts: int = 10**9
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    moved: dict[str, str] = field(default_factory=dict)
    seen: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def serve(behaviour: Behaviour) -> Iterator[str]:
    """Serve in a thread; yields the address, such as ``http://127.0.0.1:40123``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            content = behaviour.files.get(self.path)
            self.send_response(404 if content is None else 200)
            if content is not None:
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(content or b"")))
            self.send_header("Connection", "close")
            self.end_headers()

        def do_GET(self) -> None:
            behaviour.seen.append({**dict(self.headers.items()), ":path": self.path})
            if self.path in behaviour.moved:
                self._send(302, b"", {"Location": behaviour.moved[self.path]})
                return
            content = behaviour.files.get(self.path)
            if behaviour.statuses or content is None:
                self._send(behaviour.statuses.pop(0) if behaviour.statuses else 404, b"", {})
                return
            start, asked = 0, self.headers.get("Range")
            if asked and behaviour.ranges:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                    return
                headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
                self._send(206, content[start:], headers)
                return
            self._send(200, content, {})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            cut = behaviour.cut_after
            if status < 300 and cut is not None and behaviour.cuts > 0 and cut < len(body):
                behaviour.cuts -= 1
                self.wfile.write(body[:cut])
                return
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
