"""Calibrations: samples from a safetensors file are run on a candidate, and what comes out is written to another.

Needs numpy, which whoever runs models in Python has. The files are read and written here, since no more than plain
arrays of numbers is needed of their format (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, Generic, List, Optional, Tuple, TypeVar

from .protocol import HandoffError

if TYPE_CHECKING:
    import numpy

M = TypeVar("M")

Sample = Dict[str, "numpy.ndarray"]
"""One sample: arrays by name, without the dimension that counts samples."""

Runner = Callable[[M, Sample], Sample]
"""Runs one sample on a model, as a request would; the outputs by name."""

HEADER_BYTES_MAX = 64 << 10
FILE_BYTES_MAX = 64 << 20
REPEATS = 3
"""Each sample's time is the least of so many."""

_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1",
    "BOOL": "?",
}
_NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16",
          "int8": "I8", "uint8": "U8", "bool": "BOOL"}


class CalibrationError(HandoffError):
    """The version does not run on the inputs."""

    def __init__(self, message: str) -> None:
        super().__init__("calibration_failed", message)


def read_tensors(path: str) -> Dict[str, "numpy.ndarray"]:
    """The arrays of a safetensors file; ``CalibrationError`` if it is none."""
    import numpy

    if os.path.getsize(path) > FILE_BYTES_MAX:
        raise CalibrationError(f"{path} has more than {FILE_BYTES_MAX} bytes")
    with open(path, "rb") as file:
        content = file.read()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, HEADER_BYTES_MAX):
        raise CalibrationError(f"{path} is no safetensors file, or its header is too long")
    try:
        header = json.loads(content[8 : 8 + length])
        data = content[8 + length :]
        tensors = {}
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                tensors[name] = numpy.frombuffer(data[begin:end], _TYPES[entry["dtype"]]).reshape(entry["shape"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CalibrationError(f"{path}: {type(error).__name__}: {error}") from None
    return tensors


def write_tensors(path: str, tensors: Dict[str, "numpy.ndarray"]) -> None:
    """Makes a safetensors file; it must not exist."""
    import numpy

    header: Dict[str, Any] = {}
    pieces: List[bytes] = []
    offset = 0
    for name, tensor in sorted(tensors.items()):
        array = numpy.ascontiguousarray(tensor)
        if array.dtype.name not in _NAMES:
            raise CalibrationError(f"output {name} has numbers of the type {array.dtype}")
        piece = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        offsets = [offset, offset + len(piece)]
        header[name] = {"dtype": _NAMES[array.dtype.name], "shape": list(array.shape), "data_offsets": offsets}
        pieces.append(piece)
        offset += len(piece)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "xb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for piece in pieces:
            file.write(piece)


def samples_of(tensors: Dict[str, "numpy.ndarray"]) -> List[Sample]:
    """One sample for each place of the first dimension, which all arrays share."""
    counts = {tensor.shape[0] if tensor.ndim else 0 for tensor in tensors.values()}
    if len(counts) != 1 or 0 in counts:
        raise CalibrationError(f"the inputs have {sorted(counts)} samples; all must have the same number")
    return [{name: tensor[index] for name, tensor in tensors.items()} for index in range(counts.pop())]


@dataclass(frozen=True)
class CalibrationRun(Generic[M]):
    """What to run, and when to give up."""

    inputs: str
    outputs: str
    candidate: M
    beside: Optional[M]
    """The active version's model; for times only."""
    runner: "Runner[M]"
    deadline: float
    """On ``time.monotonic()``."""
    is_cancelled: Callable[[], bool]

    def run(self) -> Dict[str, Any]:
        """Runs all samples and writes the outputs; the fields of the reply."""
        import numpy

        samples = samples_of(read_tensors(self.inputs))
        outputs: List[Sample] = []
        times: List[float] = []
        beside_times: List[float] = []
        for sample in samples:
            output, seconds, beside_seconds = self._run_sample(sample)
            outputs.append(output)
            times.append(seconds)
            if beside_seconds is not None:
                beside_times.append(beside_seconds)
        names = outputs[0].keys()
        if any(output.keys() != names for output in outputs):
            raise CalibrationError("not every sample has the same outputs")
        try:
            stacked = {name: numpy.stack([numpy.asarray(output[name]) for output in outputs]) for name in names}
        except ValueError as error:
            raise CalibrationError(f"the outputs of the samples have different shapes: {error}") from None
        write_tensors(self.outputs, stacked)
        return {
            "samples": len(samples),
            "latency_ms": _percentiles(times),
            "beside_latency_ms": _percentiles(beside_times) if beside_times else None,
        }

    def _run_sample(self, sample: Sample) -> Tuple[Sample, float, Optional[float]]:
        output: Sample = {}
        best = float("inf")
        beside_best = float("inf")
        for _ in range(REPEATS):
            if self.is_cancelled():
                raise HandoffError("cancelled", "the calibration was abandoned")
            if time.monotonic() > self.deadline:
                raise HandoffError("deadline_exceeded", "the calibration took longer than allowed")
            output, seconds = self._timed(self.candidate, sample)
            best = min(best, seconds)
            if self.beside is not None:
                beside_best = min(beside_best, self._timed(self.beside, sample)[1])
        return output, best, beside_best if self.beside is not None else None

    def _timed(self, model: M, sample: Sample) -> Tuple[Sample, float]:
        start = time.perf_counter()
        output = self.runner(model, sample)
        return output, time.perf_counter() - start


def _percentiles(seconds: List[float]) -> Dict[str, float]:
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(1_000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)

    return {"p50": at(0.5), "p99": at(0.99)}
