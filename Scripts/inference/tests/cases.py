"""What several tests of this folder and of the examples begin with."""

from __future__ import annotations

import http.client
import json
import logging
import os
import select
import subprocess
import sys
import threading
import unittest
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple
from unittest import mock

from fake_agent import WAIT_SECONDS, FakeAgent, make_client, wait_until
from shoal_runtime import HandoffClient

INFERENCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
START_SECONDS_MAX = 60.0


class ClientTestCase(unittest.TestCase):
    """A client, not started yet, and an agent for it. Both are gone after the test."""

    def setUp(self) -> None:
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        quick = mock.patch("shoal_runtime.client.RETRY_SECONDS_MIN", 0.005)
        quick.start()
        self.addCleanup(quick.stop)
        self.agent = FakeAgent()
        self.addCleanup(self.agent.close)
        self.client: "HandoffClient[Any]" = self.make_client()
        self.addCleanup(lambda: self.client.close())

    def make_client(self) -> "HandoffClient[Any]":
        """The client of ``setUp``."""
        return make_client(self.agent)

    def start(self, lease_ms: int = 15_000) -> Dict[str, Any]:
        """Starts the client and welcomes it; its hello."""
        self.client.start()
        hello = self.agent.accept(lease_ms)
        wait_until(lambda: self.client.is_connected)
        return hello


class ServerProcess:
    """An inference process of its own, with an agent. ``end`` it."""

    def __init__(self, program: Sequence[str], *arguments: str) -> None:
        self.agent = FakeAgent()
        command = [sys.executable, "-B", *program, "--socket", self.agent.path, "--model", "m"]
        environment = {**os.environ, "PYTHONPATH": INFERENCE}
        self.process = subprocess.Popen(
            [*command, "--http", "127.0.0.1:0", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True,
        )
        try:
            self.port = int(self._first_line().rsplit(":", 1)[1])
            self.hello = self.agent.accept()
        except BaseException:
            self.end()
            raise

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], START_SECONDS_MAX)[0]:
            raise AssertionError("the process does not say where it listens")
        return self.process.stdout.readline()

    def end(self) -> None:
        """Kills the process, if it runs, and its agent."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_SECONDS)
        if self.process.stdout:
            self.process.stdout.close()
        self.agent.close()


class Askers:
    """Threads that call ``ask`` over and over, each until ``stop`` or until it raises; what it returned and raised."""

    def __init__(self, ask: Callable[[], Any], count: int) -> None:
        self.answers: List[Any] = []  # append is atomic
        self.failures: List[BaseException] = []
        self._ask = ask
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._keep_asking, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _keep_asking(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers.append(self._ask())
            except BaseException as error:
                self.failures.append(error)
                return

    def wait_for_more(self, count: int) -> None:
        """Waits until so many more have answered."""
        wanted = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= wanted or self.failures)

    def stop(self) -> None:
        """Ends the threads, once each has its answer."""
        self._stop.set()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
            if thread.is_alive():
                raise AssertionError("a request was not answered in time")


def call(
    port: int, method: str, path: str, body: Any = None, headers: Optional[Dict[str, str]] = None
) -> Tuple[int, Any]:
    """One request on a connection of its own; status and parsed answer. A body of bytes is sent as it is."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    try:
        connection.request(method, path, content, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null")
    finally:
        connection.close()
