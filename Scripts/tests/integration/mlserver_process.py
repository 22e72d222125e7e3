"""MLServer, from its own environment, on the folder in which the agent keeps its links."""

import http.client
import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from node import ROOT, Node, free_port
from load import Failure, Load
from serving import Process

HERE = Path(__file__).resolve().parent
MLSERVER = Path(os.environ.get("SHOAL_TEST_MLSERVER") or ROOT / ".build-mlserver" / "bin" / "mlserver")
NAME = "detector"


def write_version(folder: Path, tag: str, content: bytes) -> None:
    """A version's files as MLServer reads them."""
    folder.mkdir()
    (folder / "model.bin").write_bytes(content)
    (folder / "tag").write_text(tag)
    settings = {"name": NAME, "implementation": "mlserver_runtime.Words", "parameters": {"uri": "./model.bin"}}
    (folder / "model-settings.json").write_text(json.dumps(settings))


class MLServerProcess(Process):
    """MLServer as it comes: one worker process beside the one that answers."""

    def __init__(self, node: Node, repository: Path) -> None:
        super().__init__()
        self.node = node
        self.repository = repository
        self.log = node.folder / "mlserver.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        ports = {"HTTP": self.port, "GRPC": free_port(), "METRICS": free_port()}
        environment = {
            **os.environ, **{f"MLSERVER_{name}_PORT": str(port) for name, port in ports.items()},
            "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "MLSERVER_HOST": "127.0.0.1",
        }
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([MLSERVER, "start", self.repository], env=environment, text=True,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.node.folder)

    def index(self) -> list[dict[str, Any]]:
        """The repository's own word."""
        return ask(self.url, "POST", "/v2/repository/index", {"ready": False})

    def is_live(self) -> bool:
        try:
            ask(self.url, "GET", "/v2/health/live")
            return True
        except OSError:
            return False

    def served_version(self) -> str | None:
        try:
            return infer(self.url, "x")["version"]
        except (OSError, Failure):
            return None


def ask(url: str, method: str, path: str, body: object = None) -> Any:
    """One request; Failure for any answer but 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
    except TimeoutError:
        raise Failure("no answer in 5 s") from None
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise Failure(f"status {response.status}: {answer[:200]!r}")
    return json.loads(answer) if answer else None


def infer(url: str, text: str) -> dict[str, Any]:
    """The version that answered, and its numbers."""
    inputs = [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]
    answer = ask(url, "POST", f"/v2/models/{NAME}/infer", {"inputs": inputs})
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    return {"version": outputs["version"][0], "embedding": outputs["embedding"]}


class InferenceLoad(Load):
    """The open loop, in the words of the Open Inference Protocol."""

    def _ask(self, text: str) -> dict:
        return infer(self.target.url, text)
