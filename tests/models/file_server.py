"""A real HTTP server on this machine that serves one file, well or badly."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Manners:
    """How one request is answered; the defaults are those of a good server."""

    status: int | None = None
    cut_after: int | None = None
    stall_after: int | None = None
    claimed_length: int | None = None
    no_length: bool = False
    ignores_range: bool = False
    wrong_range: bool = False
    etag: str | None = '"one"'
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Request:
    path: str
    headers: dict[str, str]


class FileServer:
    """Answers the n-th request with the n-th manners, and all further ones with the last."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.manners = [Manners()]
        self.requests: list[Request] = []
        self.released = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(Request(handler.path, {name.lower(): text for name, text in handler.headers.items()}))
        manners = self.manners[min(len(self.requests), len(self.manners)) - 1]
        handler.close_connection = True
        if manners.status is not None:
            handler.send_response(manners.status)
            for name, text in manners.headers.items():
                handler.send_header(name, text)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        self._send(handler, manners, self._begin(handler, manners))

    def _begin(self, handler: BaseHTTPRequestHandler, manners: Manners) -> bytes:
        """Send the head and return the bytes that belong behind it."""
        size = len(self.content)
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        same = handler.headers.get("If-Range") in (None, manners.etag)
        start = int(asked[1]) if asked and same and not manners.ignores_range else 0
        if start >= size:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{size}")
        elif start:
            handler.send_response(206)
            first = start + 7 if manners.wrong_range else start
            handler.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        else:
            handler.send_response(200)
        body = self.content[start:]
        if not manners.no_length:
            claimed = len(body) if manners.claimed_length is None else manners.claimed_length
            handler.send_header("Content-Length", str(claimed))
        if manners.etag:
            handler.send_header("ETag", manners.etag)
        handler.send_header("Content-Type", manners.content_type)
        handler.end_headers()
        return body

    def _send(self, handler: BaseHTTPRequestHandler, manners: Manners, body: bytes) -> None:
        end = min(len(body), *(at for at in (manners.cut_after, manners.stall_after) if at is not None), len(body))
        try:
            handler.wfile.write(body[:end])
            handler.wfile.flush()
            if manners.stall_after is not None:
                self.released.wait(30)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side has gone, as it does when it is cancelled
