"""Sentence embeddings with ONNX Runtime, switched from version to version by a Shoal agent.

    python3 -m shoal_runtime.ort_server --socket PATH --model NAME --http 127.0.0.1:8080

``POST /embed {"text": "…"}`` answers ``{"version": tag, "digest": hex, "embedding": [numbers]}``; ``GET /version`` says
what is served, ``GET /healthz`` whether anything is. A version's folder holds ``model.onnx`` and ``vocab.txt``.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from typing import Any, Dict, List, Optional, Sequence

from .calibration import CalibrationError, Sample
from .client import HandoffClient, LoadRequest
from .holder import NoModelError
from .http_front import Answer, HTTPFront, HTTPRefusal, parse_address
from .protocol import LoadError
from .wordpiece import WordPiece

log = logging.getLogger("shoal_runtime.ort_server")

TEXT_CHARACTERS_MAX = 65_536
WARM_UP_TEXTS = ("warm", "a few words to warm up with", "longer " * 64)
IN_FLIGHT_WAIT_SECONDS_MAX = 10.0


class Embedder:
    """One loaded version: its session and its vocabulary."""

    def __init__(self, folder: str, threads: int = 1) -> None:
        """Loads and warms up; ``LoadError`` says what is wrong with the files."""
        try:
            import numpy
            import onnxruntime
        except ImportError as error:
            raise LoadError(f"{error}: install onnxruntime and numpy", code="unsupported_format") from None
        self._numpy = numpy
        path = os.path.join(folder, "model.onnx")
        if not os.path.isfile(path):
            raise LoadError(f"{path} is missing", code="unsupported_format")
        try:
            self._tokens = WordPiece.from_file(os.path.join(folder, "vocab.txt"))
        except (OSError, ValueError) as error:
            raise LoadError(f"vocab.txt: {error}") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen types of its own.
            raise LoadError(f"model.onnx: {error}") from None
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        unknown = sorted(set(self._inputs) - {"input_ids", "attention_mask", "token_type_ids"})
        if unknown:
            raise LoadError(f"model.onnx wants the inputs {unknown}", code="unsupported_format")
        self._output = self._session.get_outputs()[0].name
        for text in WARM_UP_TEXTS:
            self.embed(text)

    def run_sample(self, sample: "Sample") -> "Sample":
        """A calibration sample: ``text``, its UTF-8 bytes, padded with zeros; the output is ``embedding``."""
        try:
            text = bytes(sample["text"]).rstrip(b"\0").decode("utf-8")
        except (KeyError, ValueError) as error:
            raise CalibrationError(f"the inputs need `text`, bytes of UTF-8: {error}") from None
        return {"embedding": self._numpy.asarray(self.embed(text), dtype=self._numpy.float32)}

    def embed(self, text: str) -> List[float]:
        """The embedding of a text, of length 1."""
        numpy = self._numpy
        ids = numpy.array([self._tokens.encode(text)], dtype=numpy.int64)
        mask = numpy.ones_like(ids)
        values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        feed = {name: values[name] for name in self._inputs}
        (output,) = self._session.run([self._output], feed)
        if output.ndim == 3:  # Not pooled by the model: the mean over the tokens, then unit length.
            output = output.mean(axis=1)
            output = output / numpy.maximum(numpy.linalg.norm(output, axis=1, keepdims=True), 1e-12)
        if output.ndim != 2 or not numpy.isfinite(output).all():
            raise LoadError(f"model.onnx gives no usable embedding (shape {output.shape})")
        return [float(number) for number in output[0]]


class Server:
    """The HTTP side: each request runs on the version that is active when it starts."""

    def __init__(self, client: "HandoffClient[Embedder]", concurrency: int) -> None:
        self._client = client
        # More runs at once than there are cores only make each of them slower.
        self._turns = threading.BoundedSemaphore(concurrency)

    def routes(self) -> Dict[Any, Any]:
        """What answers which request."""
        return {
            ("POST", "/embed"): self.embed,
            ("GET", "/version"): self.version,
            ("GET", "/healthz"): self.health,
        }

    def embed(self, body: Optional[Dict[str, Any]]) -> Answer:
        """``POST /embed``"""
        text = (body or {}).get("text")
        if not isinstance(text, str) or len(text) > TEXT_CHARACTERS_MAX:
            raise HTTPRefusal(400, f"text must be a string of at most {TEXT_CHARACTERS_MAX} characters")
        try:
            with self._turns, self._client.holder.use() as held:
                embedding = held.model.embed(text)
                return 200, {"version": held.version, "digest": held.digest, "embedding": embedding}
        except NoModelError as error:
            raise HTTPRefusal(503, str(error)) from None

    def version(self, _: Optional[Dict[str, Any]]) -> Answer:
        """``GET /version``"""
        held = self._client.holder.active
        if held is None:
            raise HTTPRefusal(503, "no version is active yet")
        return 200, {"model": self._client.model, "version": held.version, "digest": held.digest}

    def health(self, _: Optional[Dict[str, Any]]) -> Answer:
        """``GET /healthz``"""
        status = self._client.holder.status()
        value = {"ready": status["active"] is not None, "agent_connected": self._client.is_connected, **status}
        return (200 if value["ready"] else 503), value


def _arguments(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="shoal_runtime.ort_server", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--socket", required=True, metavar="PATH", help="the agent's handoff.sock")
    parser.add_argument("--model", required=True, metavar="NAME", help="the model to serve, as in `shoal list`")
    parser.add_argument("--http", default="127.0.0.1:8080", metavar="HOST:PORT", help="where to answer requests")
    parser.add_argument("--instance", metavar="NAME", help="a name that stays the same over restarts")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of one inference (default 1)")
    parser.add_argument(
        "--concurrency", type=int, default=os.cpu_count() or 1, metavar="N", help="inferences at once (default: cores)"
    )
    parsed = parser.parse_args(arguments)
    try:
        parsed.http = parse_address(parsed.http)
    except ValueError as error:
        parser.error(str(error))
    if parsed.threads < 1 or parsed.concurrency < 1:
        parser.error("--threads and --concurrency must be at least 1")
    return parsed


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Runs until SIGTERM or SIGINT. The first line on stdout is the address that it answers on."""
    parsed = _arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)

    def load(request: LoadRequest) -> Embedder:
        return Embedder(request.path, parsed.threads)

    client: HandoffClient[Embedder] = HandoffClient(
        parsed.socket,
        parsed.model,
        load,
        runner=lambda embedder, sample: embedder.run_sample(sample),
        instance=parsed.instance,
        runtime="ort-server/0.1.0",
        formats=["onnx"],
    )
    try:
        front = HTTPFront(parsed.http, Server(client, parsed.concurrency).routes())
    except OSError as error:
        print(f"cannot listen on {parsed.http[0]}:{parsed.http[1]}: {error}", file=sys.stderr)
        return 1
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    client.start()
    threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    print(f"http://{parsed.http[0]}:{front.server_port}", flush=True)
    ended.wait()
    front.shutdown()
    front.server_close()
    _wait_for_requests(client)
    client.close()
    return 0


def _wait_for_requests(client: "HandoffClient[Embedder]") -> None:
    """Requests in flight are answered before the process ends."""
    pause = threading.Event()
    waited = 0.0
    while client.holder.status()["in_flight"] and waited < IN_FLIGHT_WAIT_SECONDS_MAX:
        pause.wait(0.05)
        waited += 0.05
    pause.wait(0.05)  # The last answers are on their way to the kernel.


if __name__ == "__main__":
    sys.exit(main())
