"""The inference process of the tests behind the adapter `http`: the messages of hand-off as POSTs to /handoff.

It is what an own server needs: a few lines for each verb, and no connection to the agent.
"""

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any

from dummy_runtime import BROKEN, FILE, Model
from quiet_server import QuietHandler, QuietServer
from shoal_runtime.calibration import CalibrationRun

Json = dict[str, Any]


class Refusal(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Models:
    """What is loaded, and what serves."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loaded: dict[str, tuple[str, Model]] = {}
        self.active: str | None = None
        self.requests = self.errors = 0

    def hello(self, _: Json) -> Json:
        active = {"digest": self.active} if self.active else None
        return {"active": active, "resident": list(self.loaded), "capabilities": ["calibrate"], "runtime": "mine/1"}

    def ping(self, _: Json) -> Json:
        return {"active": self.active, "resident": list(self.loaded), "requests": self.requests, "errors": self.errors}

    def load(self, message: Json) -> Json:
        content = Path(message["path"], FILE).read_bytes()
        if content.startswith(BROKEN):
            raise Refusal("load_failed", "it is broken on purpose")
        self.loaded[message["digest"]] = message["version"], Model(content)
        return {}

    def calibrate(self, message: Json) -> Json:
        _, model = self.loaded[message["digest"]]
        beside = self.loaded[message["beside"]][1] if message["beside"] else None
        run = CalibrationRun(
            inputs=message["inputs"], outputs=message["outputs"], candidate=model, beside=beside,
            runner=lambda model, sample: model.run_sample(sample),
            deadline=time.monotonic() + message["deadline_ms"] / 1000, is_cancelled=lambda: False)
        return run.run()

    def activate(self, message: Json) -> Json:
        with self.lock:
            if self.active != message["expect_active"] and self.active != message["digest"]:
                raise Refusal("conflict", "another version serves")
            if message["digest"] not in self.loaded:
                raise Refusal("not_resident", "load it first")
            previous, self.active = self.active, message["digest"]
        return {"previous": previous}

    def release(self, message: Json) -> Json:
        self.loaded.pop(message["digest"], None)
        return {}

    def embed(self, text: str) -> Json:
        self.requests += 1
        version, model = self.loaded[self.active or ""]
        try:
            return {"version": version, "embedding": model.embed(text)}
        except ValueError:
            self.errors += 1
            raise


class Handler(QuietHandler):
    models: Models

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/embed":
            try:
                self.answer(200, self.models.embed(message["text"]))
            except (KeyError, ValueError) as error:
                self.answer(503, {"error": str(error)})
            return
        verbs = {"hello": self.models.hello, "ping": self.models.ping, "load": self.models.load,
                 "calibrate": self.models.calibrate, "activate": self.models.activate, "release": self.models.release}
        try:
            self.answer(200, {"type": "reply", "ok": True, **verbs[message["type"]](message)})
        except Refusal as refusal:
            error = {"code": refusal.code, "message": str(refusal), "retryable": False}
            self.answer(200, {"type": "reply", "ok": False, "error": error})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    Handler.models = Models()
    QuietServer(("127.0.0.1", parser.parse_args().port), Handler).serve_forever()


if __name__ == "__main__":
    main()
