"""A small HTTP server with bounds: connections, body, time."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Callable, Dict, Mapping, Optional, Tuple
from urllib.parse import parse_qsl

BODY_BYTES_MAX = 1_048_576
CONNECTIONS_MAX = 256
IDLE_SECONDS_MAX = 30

Answer = Tuple[int, Dict[str, Any]]
Route = Callable[[Optional[Dict[str, Any]]], Answer]
"""Answers a request, given the object of its body; None for a GET."""


@dataclass(frozen=True)
class Upload:
    """A request whose body is no JSON."""

    body: bytes
    content_type: str
    """Lower-case, without parameters; empty if the request names none."""
    query: Dict[str, str]


UploadRoute = Callable[[Upload], Answer]


class HTTPRefusal(Exception):
    """Ends a request with a status and a reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "shoal-ort"
    sys_version = ""
    timeout = IDLE_SECONDS_MAX
    # An answer is one write: with two, the second would wait for the peer's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    server: "HTTPFront"

    def do_GET(self) -> None:
        with self.server.busy:
            self._run(None)

    def do_POST(self) -> None:
        with self.server.busy:
            try:
                body = self._body()
            except HTTPRefusal as refusal:
                # What the body holds was not read, so the connection cannot go on.
                self.close_connection = True
                return self._answer(refusal.status, {"error": str(refusal)})
            self._run(body)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise HTTPRefusal(411, "Content-Length is needed")
        if len(length) > 9 or int(length) > self.server.body_bytes_max:
            raise HTTPRefusal(413, f"a body of more than {self.server.body_bytes_max} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise HTTPRefusal(400, "the body ends early")
        return body

    def _run(self, body: Optional[bytes]) -> None:
        try:
            status, value = self._routed(body)
        except HTTPRefusal as refusal:
            status, value = refusal.status, {"error": str(refusal)}
        except Exception as error:
            status, value = 500, {"error": f"{type(error).__name__}: {error}"}
        self._answer(status, value)

    def _routed(self, body: Optional[bytes]) -> Answer:
        path, _, query = self.path.partition("?")
        upload = self.server.uploads.get(path)
        if upload is not None and body is not None:
            content_type = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return upload(Upload(body, content_type, dict(parse_qsl(query))))
        route = self.server.routes.get((self.command, path))
        if route is None:
            raise HTTPRefusal(404, f"no {self.command} {path[:100]} here")
        return route(None if body is None else _json_object(body))

    def _answer(self, status: int, value: Dict[str, Any]) -> None:
        payload = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """No line for each request."""


def _json_object(body: bytes) -> Dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPRefusal(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise HTTPRefusal(400, "the body is not a JSON object")
    return value


class Busy:
    """Counts the blocks that are being run, on any thread."""

    def __init__(self) -> None:
        self._count = 0  # guarded by _changed
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait_none(self, seconds: float) -> bool:
        """Waits until there is none, for so long at most; whether that came true."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout=seconds)


class HTTPFront(HTTPServer):
    """One thread for each connection, at most ``CONNECTIONS_MAX``; one more is answered 503 and closed.

    ``routes`` answer requests by method and path, whose body is a JSON object; ``uploads`` answer POSTs by path, whose
    body is anything. No body may be longer than ``body_bytes_max``.
    """

    request_queue_size = 128
    allow_reuse_address = True

    def __init__(
        self,
        address: Tuple[str, int],
        routes: Dict[Tuple[str, str], Route],
        uploads: Optional[Mapping[str, UploadRoute]] = None,
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self.routes = routes
        self.uploads = uploads or {}
        self.body_bytes_max = body_bytes_max
        self.busy = Busy()
        self._room = threading.BoundedSemaphore(CONNECTIONS_MAX)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Gives a new connection to a thread."""
        if not self._room.acquire(blocking=False):
            self._turn_away(request)
            return
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True)
        thread.start()

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except (OSError, ValueError):
            pass  # The peer went away in mid-request.
        finally:
            self.shutdown_request(request)
            self._room.release()

    def _turn_away(self, request: socket.socket) -> None:
        try:
            request.settimeout(1)
            request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except OSError:
            pass
        self.shutdown_request(request)


def parse_address(text: str) -> Tuple[str, int]:
    """``127.0.0.1:8080`` as a pair; ``ValueError`` says what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)
