"""The inference processes of the demo, and the load on each of them."""

import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from node import Node

HERE = Path(__file__).resolve().parent
INFERENCE = HERE.parent / "inference"
# Large pages, as Scripts/inference/README.md says: a model is thrown away sooner. What is set already wins.
TUNABLES = ":".join(filter(None, ("glibc.malloc.hugetlb=1", os.environ.get("GLIBC_TUNABLES"))))
ENVIRONMENT = {"PYTHONPATH": str(INFERENCE), "GLIBC_TUNABLES": TUNABLES}
ORT_SERVER = ("-m", "shoal_runtime.ort_server")
START_SECONDS_MAX = 60.0
END_SECONDS_MAX = 20.0


class Process:
    """A process that is ended with whatever started it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def end(self) -> None:
        """Ends it, if it runs: asked first, then forced."""
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


class InferenceProcess(Process):
    """An inference process behind HTTP, switched by the agent of its node: ONNX Runtime, unless told otherwise."""

    def __init__(self, node: Node, model: str, program: tuple[str, ...] = ORT_SERVER) -> None:
        super().__init__()
        self.node = node
        self.model = model
        self.program = program
        self.url = ""
        self.log = node.folder / "inference.log"

    def start(self) -> str:
        """Starts it and returns its address, on a port that the kernel chose."""
        command = [sys.executable, "-B", *self.program, "--http", "127.0.0.1:0", "--socket",
                   self.node.state / "handoff" / "handoff.sock", "--model", self.model, "--instance", self.node.name]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env={**os.environ, **ENVIRONMENT}, text=True,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.url = line_of(self.process.stdout, "the inference process's address")
        return self.url

    def served_version(self) -> str | None:
        """The tag that the process says it serves; None if it serves nothing (yet)."""
        url = urlsplit(self.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
        try:
            connection.request("GET", "/version")
            response = connection.getresponse()
            body = json.loads(response.read())
            return body["version"] if response.status == http.HTTPStatus.OK else None
        finally:
            connection.close()


class LoadProcess(Process):
    """The open loop of load.py against one inference process."""

    def __init__(self, server: InferenceProcess, folders: dict[str, Path], rate: float,
                 spans: Path | None = None) -> None:
        super().__init__()
        self.spans = spans
        self.server = server
        self.folders = folders
        self.rate = rate

    def start(self) -> None:
        versions = [f"--version={version}={folder}" for version, folder in self.folders.items()]
        command = [sys.executable, "-B", HERE / "load.py", self.server.url, *versions, f"--rate={self.rate}",
                   *([f"--spans={self.spans}"] if self.spans else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def wait_ready(self) -> None:
        assert self.process is not None
        line = line_of(self.process.stderr, "the load's READY")
        if line != "READY":
            raise AssertionError(f"the load did not start: {line}\n{self.process.stderr.read()}")

    def stop(self) -> dict[str, Any]:
        """Ends the load, waits for the last answers, and returns its summary."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=END_SECONDS_MAX)
        self.process = None
        if not out:
            raise AssertionError(f"the load left no summary: {err}")
        return json.loads(out)


def line_of(stream: Any, what: str) -> str:
    """The first line of a pipe, within a minute."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if select.select([stream], [], [], 0.5)[0]:
            line = stream.readline()
            if not line:
                raise AssertionError(f"{what} did not come: the process ended")
            return line.strip()
    raise AssertionError(f"{what} did not come in {START_SECONDS_MAX:g} s")
