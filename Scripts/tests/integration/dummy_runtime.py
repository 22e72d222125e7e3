"""An inference process without a model: what it answers is computed from the bytes of a version's file.

It speaks hand-off with shoal_runtime and HTTP like the ONNX Runtime server, so the demo's load can check its answers.
A version whose file begins with `broken` cannot be loaded.
"""

import argparse
import hashlib
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from shoal_runtime import HandoffClient, LoadError, LoadRequest
from shoal_runtime.holder import NoModelError
from shoal_runtime.http_front import Answer, HTTPFront, HTTPRefusal, parse_address

FILE = "model.bin"
BROKEN = b"broken"


def embedding(content: bytes, text: str) -> list[float]:
    """Eight numbers that no other content gives for this text."""
    return [byte / 255 + 0.01 for byte in hashlib.sha256(content + text.encode()).digest()[:8]]


def load(request: LoadRequest) -> bytes:
    content = Path(request.path, FILE).read_bytes()
    if content.startswith(BROKEN):
        raise LoadError("it is broken on purpose")
    return content


class Server:
    def __init__(self, client: "HandoffClient[bytes]") -> None:
        self.client = client

    def embed(self, body: dict[str, Any] | None) -> Answer:
        try:
            with self.client.holder.use() as held:
                numbers = embedding(held.model, str((body or {})["text"]))
                return 200, {"version": held.version, "digest": held.digest, "embedding": numbers}
        except NoModelError as error:
            raise HTTPRefusal(503, str(error)) from None

    def version(self, _: dict[str, Any] | None) -> Answer:
        held = self.client.holder.active
        if held is None:
            raise HTTPRefusal(503, "no version is active yet")
        return 200, {"model": self.client.model, "version": held.version, "digest": held.digest}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--socket", "--model", "--http", "--instance"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    client = HandoffClient(options.socket, options.model, load, instance=options.instance, runtime="dummy/1")
    server = Server(client)
    routes = {("POST", "/embed"): server.embed, ("GET", "/version"): server.version}
    front = HTTPFront(parse_address(options.http), routes)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    client.start()
    threading.Thread(target=front.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{front.server_address[1]}", flush=True)
    ended.wait()
    front.shutdown()
    front.server_close()
    client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
