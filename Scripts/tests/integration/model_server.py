"""A server without a model for the tests of adapters, which answers as the other inference processes of the tests do.

With --path it serves one version's folder for its whole life, as a process that an agent starts. With --base it takes
the highest number in a folder, looking again and again, and tells its state in the words of TensorFlow Serving: a new
number is loaded beside the old one, which is let go of once its folder is gone; one that cannot be loaded ends with an
error, and the old one serves on. A deadly version ends its process after the first answer.
"""

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from dummy_runtime_content import BROKEN, DEADLY, FILE, embedding
from quiet_server import QuietHandler, QuietServer

POLL_SECONDS = 0.1
LOAD_SECONDS = 0.2


@dataclass(frozen=True)
class Version:
    tag: str
    content: bytes

    @staticmethod
    def read(folder: Path) -> "Version":
        content = (folder / FILE).read_bytes()
        if content.startswith(BROKEN):
            raise ValueError("it is broken on purpose")
        return Version((folder / "tag").read_text(), content)


@dataclass
class State:
    """What serves, and how far each number is. One thread changes it; each change replaces a whole value."""

    version: Version | None = None
    number: int | None = None
    failed: dict[int, str] = field(default_factory=dict)
    loading: int | None = None

    def watch(self, base: Path) -> None:
        while True:
            numbers = sorted(int(path.name) for path in base.iterdir() if path.name.isdecimal())
            self.failed = {number: words for number, words in self.failed.items() if number in numbers}
            wanted = [number for number in numbers if number not in self.failed]
            if wanted and wanted[-1] != self.number:
                self.take(base, wanted[-1])
            time.sleep(POLL_SECONDS)

    def take(self, base: Path, number: int) -> None:
        self.loading = number
        try:
            version = Version.read(base / str(number))
            time.sleep(LOAD_SECONDS)
            self.version, self.number = version, number
        except (OSError, ValueError) as error:
            self.failed = {**self.failed, number: str(error)}
        self.loading = None

    def rows(self) -> list[dict]:
        rows = [row(number, "END", "INTERNAL", words) for number, words in self.failed.items()]
        if self.loading is not None:
            rows.append(row(self.loading, "LOADING"))
        if self.number is not None:
            rows.append(row(self.number, "AVAILABLE"))
        return rows


def row(number: int, state: str, code: str = "OK", words: str = "") -> dict:
    return {"version": str(number), "state": state, "status": {"error_code": code, "error_message": words}}


class Handler(QuietHandler):
    state: State

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(200, {"status": "ok"})
        elif self.path == "/version":
            version = self.state.version
            self.answer(200 if version else 503, {"version": version.tag if version else None})
        elif self.path.startswith("/v1/models/"):
            rows = self.state.rows()
            self.answer(200 if rows else 404, {"model_version_status": rows})
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        version = self.state.version
        if version is None:
            return self.answer(503, {})
        self.answer(200, {"version": version.tag, "embedding": embedding(version.content, body["text"])})
        if version.content.startswith(DEADLY):
            os._exit(9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", type=Path)
    parser.add_argument("--base", type=Path)
    options = parser.parse_args()
    Handler.state = State()
    if options.path:
        try:
            Handler.state.version = Version.read(options.path)
        except ValueError as error:
            sys.exit(str(error))
    else:
        threading.Thread(target=Handler.state.watch, args=(options.base,), daemon=True).start()
    QuietServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
