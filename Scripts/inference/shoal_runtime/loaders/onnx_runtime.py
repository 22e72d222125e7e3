"""ONNX Runtime."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence

from ..protocol import LoadError
from .arrays import ArrayLoader, ArrayModel, Arrays, Port
from .base import MissingRuntimeError

if TYPE_CHECKING:
    import numpy

_TYPES = {"float": "float32", "double": "float64", "float16": "float16", "bool": "bool"}
_TYPES.update({name: name for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")})


class OnnxModel(ArrayModel):
    """A version as a session of ONNX Runtime."""

    def __init__(self, session: Any, file: str) -> None:
        self._session: Optional[Any] = session
        self.file = file
        self.inputs = tuple(_port(entry) for entry in session.get_inputs())
        self.outputs = tuple(_port(entry) for entry in session.get_outputs())
        self.metadata = dict(session.get_modelmeta().custom_metadata_map)
        self._names = [port.name for port in self.outputs]

    def run(self, inputs: Arrays) -> "Dict[str, numpy.ndarray]":
        """All outputs for all inputs, in the calling thread, joined by the session's own if it has any."""
        session = self._session
        if session is None:
            raise RuntimeError(f"{self.file} has been released")
        return dict(zip(self._names, session.run(self._names, dict(inputs))))

    def close(self) -> None:
        """Drops the session."""
        self._session = None


class OnnxLoader(ArrayLoader[OnnxModel]):
    """Loads ``.onnx`` files with ONNX Runtime (the extra ``onnx`` of this package)."""

    suffixes = (".onnx",)
    formats = ("onnx",)

    def __init__(
        self,
        *,
        threads: int = 1,
        file: str = "",
        check: Optional[Callable[[OnnxModel], None]] = None,
        warm_up_inputs: Sequence[Arrays] = (),
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        """As ``ArrayLoader``; ``providers`` are ONNX Runtime's, the preferred first. ``MissingRuntimeError`` without
        onnxruntime."""
        super().__init__(threads=threads, file=file, check=check, warm_up_inputs=warm_up_inputs)
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingRuntimeError("onnxruntime", error) from None
        self._onnxruntime = onnxruntime
        self._providers = list(providers)
        # With more threads, or on other hardware, a session has threads of its own.
        self.quiet_load = threads == 1 and self._providers == ["CPUExecutionProvider"]
        self.runtime = f"onnxruntime/{onnxruntime.__version__}"

    def open(self, file: str, threads: int) -> OnnxModel:
        """Makes a session. With one thread it is the caller's, whatever its priority."""
        options = self._onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads without work would burn the processor, and there are those of two versions around each switch.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = self._onnxruntime.InferenceSession(file, options, providers=self._providers)
        except Exception as error:  # ONNX Runtime raises a dozen types of its own.
            raise LoadError(f"{os.path.basename(file)}: {error}") from None
        return OnnxModel(session, file)


def _port(entry: Any) -> Port:
    dtype = _TYPES.get(entry.type[len("tensor(") : -1], "")
    return Port(entry.name, dtype, tuple(size if isinstance(size, int) else None for size in entry.shape))
