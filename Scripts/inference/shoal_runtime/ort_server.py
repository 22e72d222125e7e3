"""Sentence embeddings with ONNX Runtime, switched from version to version by a Shoal agent.

    python3 -m shoal_runtime.ort_server --socket PATH --model NAME --http 127.0.0.1:8080

``POST /embed {"text": "…"}`` answers ``{"version": tag, "digest": hex, "embedding": [numbers]}``; ``GET /version`` says
what is served, ``GET /healthz`` whether anything is. A version's folder holds ``model.onnx`` and ``vocab.txt``.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Sequence

from . import service
from .calibration import CalibrationError, Sample
from .client import HandoffClient
from .holder import NoModelError
from .http_front import Answer, HTTPFront, HTTPRefusal
from .loaders import MissingRuntimeError, ModelLoader, OnnxLoader, OnnxModel
from .protocol import LoadError
from .wordpiece import WordPiece

TEXT_CHARACTERS_MAX = 65_536
WARM_UP_TEXTS = ("warm", "a few words to warm up with", "longer " * 64)
INPUTS = {"input_ids", "attention_mask", "token_type_ids"}


class Embedder:
    """One loaded version: its model and its vocabulary."""

    def __init__(self, model: OnnxModel, tokens: WordPiece) -> None:
        import numpy  # ONNX Runtime is here, so this is.

        self._numpy = numpy
        self.model = model
        self.tokens = tokens

    def embed(self, text: str) -> List[float]:
        """The embedding of a text, of length 1. ``LoadError`` if the model gives none."""
        numpy = self._numpy
        ids = numpy.array([self.tokens.encode(text)], dtype=numpy.int64)
        mask = numpy.ones_like(ids)
        values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        outputs = self.model.run({port.name: values[port.name] for port in self.model.inputs})
        output = outputs[self.model.outputs[0].name]
        if output.ndim == 3:  # Not pooled by the model: the mean over the tokens, then unit length.
            output = output.mean(axis=1)
            output = output / numpy.maximum(numpy.linalg.norm(output, axis=1, keepdims=True), 1e-12)
        if output.ndim != 2 or not numpy.isfinite(output).all():
            raise LoadError(f"model.onnx gives no usable embedding (shape {output.shape})")
        return [float(number) for number in output[0]]


class EmbedderLoader(ModelLoader[Embedder]):
    """The ONNX loader, and a vocabulary with it."""

    formats = OnnxLoader.formats

    def __init__(self, threads: int = 1) -> None:
        """``threads`` of one inference. ``MissingRuntimeError`` without onnxruntime."""
        self._onnx = OnnxLoader(threads=threads, file="model.onnx", check=_require_inputs)
        self.quiet_load = self._onnx.quiet_load
        self.runtime = f"ort-server/0.1.0 {self._onnx.runtime}"

    def load(self, path: str) -> Embedder:
        """Loads the version in the folder ``path``; ``LoadError`` says what is wrong with the files."""
        model = self._onnx.load(path)
        try:
            return Embedder(model, WordPiece.from_file(os.path.join(path, "vocab.txt")))
        except (OSError, ValueError) as error:
            model.close()
            raise LoadError(f"vocab.txt: {error}") from None

    def warm_up(self, model: Embedder) -> None:
        """Embeds texts of several lengths."""
        for text in WARM_UP_TEXTS:
            model.embed(text)

    def release(self, model: Embedder) -> None:
        """Closes the model."""
        model.model.close()

    @contextmanager
    def calibrating(self, model: Embedder) -> Iterator[Embedder]:
        """The same on one thread."""
        with self._onnx.calibrating(model.model) as quiet:
            yield Embedder(quiet, model.tokens)

    def run_sample(self, model: Embedder, sample: Sample) -> Sample:
        """A sample is ``text``, its UTF-8 bytes, padded with zeros; the output is ``embedding``."""
        import numpy

        try:
            text = bytes(sample["text"]).rstrip(b"\0").decode("utf-8")
        except (KeyError, ValueError) as error:
            raise CalibrationError(f"the inputs need `text`, bytes of UTF-8: {error}") from None
        return {"embedding": numpy.asarray(model.embed(text), dtype=numpy.float32)}


def _require_inputs(model: OnnxModel) -> None:
    unknown = sorted({port.name for port in model.inputs} - INPUTS)
    if unknown:
        raise LoadError(f"model.onnx wants the inputs {unknown}", code="unsupported_format")


class Server:
    """The HTTP side: each request runs on the version that is active when it starts."""

    def __init__(self, client: "HandoffClient[Embedder]", concurrency: int) -> None:
        self._client = client
        # More runs at once than there are cores only make each of them slower.
        self._turns = threading.BoundedSemaphore(concurrency)

    def routes(self) -> Dict[Any, Any]:
        """What answers which request."""
        return {("POST", "/embed"): self.embed, **service.status_routes(self._client)}

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


def _arguments(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="shoal_runtime.ort_server", description=(__doc__ or "").split("\n")[0])
    service.add_arguments(parser)
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of one inference (default 1)")
    parser.add_argument(
        "--concurrency", type=int, default=os.cpu_count() or 1, metavar="N", help="inferences at once (default: cores)"
    )
    parsed = parser.parse_args(arguments)
    if parsed.threads < 1 or parsed.concurrency < 1:
        parser.error("--threads and --concurrency must be at least 1")
    return parsed


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Runs until SIGTERM or SIGINT. The first line on stdout is the address that it answers on."""
    parsed = _arguments(arguments)
    service.log_to_stderr()
    try:
        client = EmbedderLoader(parsed.threads).client(parsed.socket, parsed.model, instance=parsed.instance)
        front = HTTPFront(parsed.http, Server(client, parsed.concurrency).routes())
    except MissingRuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"cannot listen on {parsed.http[0]}:{parsed.http[1]}: {error}", file=sys.stderr)
        return 1
    service.run(client, front)
    return 0


if __name__ == "__main__":
    sys.exit(main())
