"""OpenVINO."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence

from ..protocol import LoadError
from .arrays import ArrayLoader, ArrayModel, Arrays, Port
from .base import MissingRuntimeError

if TYPE_CHECKING:
    import numpy


class OpenVinoModel(ArrayModel):
    """A version as a compiled model of OpenVINO.

    A compiled model's own call shares one request among all threads, so requests are kept here: as many as there were
    threads at once.
    """

    def __init__(self, compiled: Any, file: str, metadata: Dict[str, str]) -> None:
        self._compiled: Optional[Any] = compiled
        self._idle: List[Any] = []  # requests that nobody uses; append and pop are atomic
        self.file = file
        self.inputs = tuple(_port(port, f"input{index}") for index, port in enumerate(compiled.inputs))
        self.outputs = tuple(_port(port, f"output{index}") for index, port in enumerate(compiled.outputs))
        self.metadata = metadata
        self._places = {port.name: index for index, port in enumerate(self.inputs)}

    def run(self, inputs: Arrays) -> "Dict[str, numpy.ndarray]":
        """All outputs for all inputs. ``ValueError`` if a name is not the model's."""
        compiled = self._compiled
        if compiled is None:
            raise RuntimeError(f"{self.file} has been released")
        if inputs.keys() != self._places.keys():
            raise ValueError(f"inputs are {', '.join(self._places)}, not {', '.join(inputs)}")
        try:
            request = self._idle.pop()
        except IndexError:
            request = compiled.create_infer_request()
        results = request.infer({self._places[name]: array for name, array in inputs.items()})
        outputs = {port.name: results[index] for index, port in enumerate(self.outputs)}
        self._idle.append(request)  # One that failed is dropped.
        return outputs

    def close(self) -> None:
        """Drops the compiled model and its requests."""
        self._compiled = None
        self._idle = []


class OpenVinoLoader(ArrayLoader[OpenVinoModel]):
    """Loads ``.xml`` files with their ``.bin``, and ``.onnx`` ones, with OpenVINO (the extra
    ``openvino`` of this package)."""

    suffixes = (".xml", ".onnx")
    formats = ("openvino", "onnx")

    def __init__(
        self,
        *,
        threads: int = 1,
        file: str = "",
        check: Optional[Callable[[OpenVinoModel], None]] = None,
        warm_up_inputs: Sequence[Arrays] = (),
        device: str = "CPU",
        config: Optional[Mapping[str, Any]] = None,
    ) -> None:
        """As ``ArrayLoader``; ``threads`` are shared by all inferences that run at once, and ``config`` has more of
        OpenVINO's properties for ``device``: ``{"NUM_STREAMS": 2}`` lets two run side by side.
        ``MissingRuntimeError`` without openvino."""
        super().__init__(threads=threads, file=file, check=check, warm_up_inputs=warm_up_inputs)
        openvino = _imported()
        self._core = openvino.Core()
        self._device = device
        self._config = dict(config or {})
        self.runtime = f"openvino/{openvino.__version__}"[:128]

    def open(self, file: str, threads: int) -> OpenVinoModel:
        """Compiles a model. With one thread it is the caller's, whatever its priority."""
        config = dict(self._config)
        if self._device == "CPU":
            config["INFERENCE_NUM_THREADS"] = threads
        try:
            model = self._core.read_model(file)
            compiled = self._core.compile_model(model, self._device, config)
        except Exception as error:  # OpenVINO raises RuntimeError, whatever happened.
            raise LoadError(f"{os.path.basename(file)}: {error}") from None
        return OpenVinoModel(compiled, file, _metadata(model))


def _imported() -> Any:
    """The module, without its telemetry.

    Left alone, ``import openvino`` forks a process that reports to Google Analytics. For as long as it lives that one
    holds every socket of ours, so an agent would not see this process die. A process that imported openvino by itself
    before has it already.
    """
    telemetry = "openvino_telemetry"
    is_ours = telemetry not in sys.modules
    if is_ours:
        sys.modules[telemetry] = None  # type: ignore[assignment]  # importing it fails, as if it were not installed
    try:
        import openvino
    except ImportError as error:
        raise MissingRuntimeError("openvino", error) from None
    finally:
        if is_ours:
            del sys.modules[telemetry]
    return openvino


def _port(port: Any, default_name: str) -> Port:
    try:
        name = str(port.any_name)
    except RuntimeError:  # Models that come from PyTorch may have ports without a name.
        name = default_name
    try:
        dtype = str(port.element_type.to_dtype())
    except (RuntimeError, TypeError):
        dtype = ""
    rank = port.partial_shape.rank
    if rank.is_dynamic:
        return Port(name, dtype, None)
    return Port(name, dtype, tuple(size.get_length() if size.is_static else None for size in port.partial_shape))


def _metadata(model: Any) -> Dict[str, str]:
    """What an ONNX file's metadata say, or an Ultralytics export's to OpenVINO."""
    for place in ("framework", "model_info"):
        if model.has_rt_info([place]):
            entries = model.get_rt_info([place]).value
            if isinstance(entries, dict):
                return {str(name): str(value) for name, value in entries.items()}
    return {}
