"""An inference process without a model: what it answers is computed from the bytes of a version's file.

It speaks hand-off with shoal_runtime and HTTP like the ONNX Runtime server, so the demo's load can check its answers.
A version misbehaves as the first line of its file says, if that is one of FAULTS; `errors but on NAME,NAME` on all
instances but those.
"""

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from dummy_runtime_content import BROKEN, FILE, embedding
from shoal_runtime import HandoffClient, LoadError, LoadRequest
from shoal_runtime.holder import NoModelError
from shoal_runtime.http_front import Answer, HTTPFront, HTTPRefusal, parse_address

FAULTS = (
    "crash at load", "hang at load", "out of memory", "crash at calibration", "hang at calibration", "nan",
    "wrong shape", "slow", "errors", "crash later", "hang later", "slow later", "infinity",
    "missing output", "wrong tokenizer",
)
ELSEWHERE = "errors but on "
LATER_SECONDS = 1.0
PULSE_SECONDS = 0.05
SLOW_SECONDS = 0.03


class Model:
    """A loaded version."""

    instance = ""

    def __init__(self, content: bytes) -> None:
        self.content = content
        first = content.split(b"\n", 1)[0].decode("ascii", "replace")
        if first.startswith(ELSEWHERE) and self.instance not in first.removeprefix(ELSEWHERE).split(","):
            first = "errors"
        self.fault = first if first in FAULTS else ""

    def embed(self, text: str) -> list[float]:
        """As a request has it."""
        if self.fault == "errors":
            raise ValueError("wrong on purpose")
        if self.fault == "hang later":
            threading.Event().wait()
        if self.fault == "slow later":
            time.sleep(SLOW_SECONDS)
        if self.fault == "crash later":
            threading.Timer(LATER_SECONDS, os._exit, [9]).start()
        return self.numbers(text)

    def numbers(self, text: str) -> list[float]:
        return embedding(self.content, text[::-1] if self.fault == "wrong tokenizer" else text)

    def run_sample(self, sample: dict[str, Any]) -> dict[str, Any]:
        """As a calibration has it."""
        import numpy

        if self.fault == "crash at calibration":
            os._exit(9)
        if self.fault == "hang at calibration":
            threading.Event().wait()
        # Long enough to be measured.
        time.sleep(0.02 if self.fault == "slow" else 0.005)
        numbers = numpy.asarray(self.numbers(bytes(sample["text"]).rstrip(b"\0").decode()), numpy.float32)
        if self.fault in ("nan", "infinity"):
            numbers[3] = numpy.nan if self.fault == "nan" else numpy.inf
        if self.fault == "missing output":
            return {"something": numbers}
        return {"embedding": numbers[:4] if self.fault == "wrong shape" else numbers}


def load(request: LoadRequest) -> Model:
    content = Path(request.path, FILE).read_bytes()
    if content.startswith(BROKEN):
        raise LoadError("it is broken on purpose")
    model = Model(content)
    if model.fault == "crash at load":
        os._exit(9)
    if model.fault == "hang at load":
        threading.Event().wait()
    if model.fault == "out of memory":
        raise MemoryError("on purpose")
    return model


class Server:
    def __init__(self, client: "HandoffClient[Model]") -> None:
        self.client = client

    def embed(self, body: dict[str, Any] | None) -> Answer:
        try:
            with self.client.holder.use() as held:
                numbers = held.model.embed(str((body or {})["text"]))
                return 200, {"version": held.version, "digest": held.digest, "embedding": numbers}
        except NoModelError as error:
            raise HTTPRefusal(503, str(error)) from None
        except ValueError as error:
            raise HTTPRefusal(500, str(error)) from None

    def version(self, _: dict[str, Any] | None) -> Answer:
        held = self.client.holder.active
        if held is None:
            raise HTTPRefusal(503, "no version is active yet")
        return 200, {"model": self.client.model, "version": held.version, "digest": held.digest}


def pulse(server: Server) -> None:
    """Requests that nobody outside has to make."""
    while True:
        try:
            server.embed({"text": "pulse"})
        except HTTPRefusal:
            pass
        time.sleep(PULSE_SECONDS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--socket", "--model", "--http", "--instance"):
        parser.add_argument(name, required=True)
    parser.add_argument("--pulse", action="store_true", help="asks itself something all the time")
    options = parser.parse_args()
    Model.instance = options.instance
    client = HandoffClient(
        options.socket, options.model, load, runner=lambda model, sample: model.run_sample(sample),
        instance=options.instance, runtime="dummy/1")
    server = Server(client)
    routes = {("POST", "/embed"): server.embed, ("GET", "/version"): server.version}
    front = HTTPFront(parse_address(options.http), routes)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    client.start()
    threading.Thread(target=front.serve_forever, daemon=True).start()
    if options.pulse:
        threading.Thread(target=pulse, args=(server,), daemon=True).start()
    print(f"http://127.0.0.1:{front.server_address[1]}", flush=True)
    ended.wait()
    front.shutdown()
    front.server_close()
    client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
