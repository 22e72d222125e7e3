"""The life of an inference process behind HTTP: start, serve until a signal, answer what is in flight, say goodbye."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
from typing import Any, Dict, Optional, Tuple

from .client import HandoffClient
from .http_front import Answer, HTTPFront, HTTPRefusal, Route, parse_address

log = logging.getLogger("shoal_runtime.service")

IN_FLIGHT_WAIT_SECONDS_MAX = 10.0
SWITCH_INTERVAL_SECONDS = 0.0005
"""After so long a thread that loads a version gives the interpreter to one with a request. Python's own 5 ms, several
times a request, were a third of what a switch cost requests."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What every such process is told: ``--socket``, ``--model``, ``--http`` (parsed, a host and a port) and
    ``--instance``."""
    parser.add_argument("--socket", required=True, metavar="PATH", help="the agent's handoff.sock")
    parser.add_argument("--model", required=True, metavar="NAME", help="the model to serve, as in `shoal list`")
    parser.add_argument("--http", default="127.0.0.1:8080", type=_address, metavar="HOST:PORT",
                        help="where to answer requests (default %(default)s)")
    parser.add_argument("--instance", metavar="NAME", help="a name that stays the same over restarts")


def _address(text: str) -> Tuple[str, int]:
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def status_routes(client: "HandoffClient[Any]") -> Dict[Tuple[str, str], Route]:
    """``GET /version`` says what is served and how long the last switch took, ``GET /healthz`` whether anything is
    (200, else 503)."""

    def version(_: Optional[Dict[str, Any]]) -> Answer:
        held = client.holder.active
        if held is None:
            raise HTTPRefusal(503, "no version is active yet")
        flip = round(client.holder.flip_seconds * 1e3, 3)
        return 200, {"model": client.model, "version": held.version, "digest": held.digest, "flip_ms": flip}

    def health(_: Optional[Dict[str, Any]]) -> Answer:
        status = client.holder.status()
        value = {"ready": status["active"] is not None, "agent_connected": client.is_connected, **status}
        return (200 if value["ready"] else 503), value

    return {("GET", "/version"): version, ("GET", "/healthz"): health}


def run(client: "HandoffClient[Any]", front: HTTPFront) -> None:
    """Runs until SIGTERM or SIGINT; to be called on the main thread. The first line on stdout is the address.

    Requests that came before the signal are answered before it returns, as long as that takes no more than
    ``IN_FLIGHT_WAIT_SECONDS_MAX``.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    told = _Told()
    client.start()
    threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    print(f"http://{front.server_address[0]!s}:{front.server_port}", flush=True)
    told.wait()
    front.shutdown()
    front.server_close()
    if not front.busy.wait_none(IN_FLIGHT_WAIT_SECONDS_MAX):
        log.warning("requests are in flight still; ending all the same")
    client.close()
    front.busy.wait_none(IN_FLIGHT_WAIT_SECONDS_MAX)  # One that was being read above has been counted by now.


class _Told:
    """Knows when SIGTERM or SIGINT has come.

    The kernel may give a signal to any thread, and runtimes have threads of their own; a main thread that waits for a
    lock would then sleep on. So the handler, on whatever thread it is, writes to a socket on which the main one waits.
    """

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self._theirs = theirs  # kept, for as long as the handlers may write to it
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def wait(self) -> None:
        """Returns once one has come."""
        while self._ours.recv(1)[0] not in (signal.SIGTERM, signal.SIGINT):
            pass


def log_to_stderr() -> None:
    """What the package has to say goes to stderr, a line each."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
