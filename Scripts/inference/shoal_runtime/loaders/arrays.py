"""What the runtimes of arrays by name have in common: ports, warm-up, calibration samples."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Dict, Iterator, Mapping, Optional, Sequence, Tuple, TypeVar

from ..calibration import CalibrationError, Sample
from ..protocol import LoadError
from .base import ModelLoader
from .files import find_model

if TYPE_CHECKING:
    import numpy

log = logging.getLogger("shoal_runtime.loaders")

Arrays = Mapping[str, "numpy.ndarray"]


@dataclass(frozen=True)
class Port:
    """An input or an output of a model."""

    name: str
    dtype: str
    """numpy's name of the type, ``float32`` for example; empty for a type that numpy does not have."""
    shape: Optional[Tuple[Optional[int], ...]]
    """Dimensions, None for one that is not fixed; None if not even their number is."""

    @property
    def is_fixed(self) -> bool:
        """Whether only one shape will do."""
        return self.shape is not None and None not in self.shape

    def zeros(self) -> "numpy.ndarray":
        """Zeros for this port; a dimension that is not fixed is 1."""
        import numpy

        return numpy.zeros([1 if size is None else size for size in self.shape or ()], dtype=self.dtype)


class ArrayModel(ABC):
    """A loaded version that maps arrays by name to arrays by name. Any number of threads may run it at once."""

    file: str
    """Where it was loaded from."""
    inputs: Tuple[Port, ...]
    outputs: Tuple[Port, ...]
    metadata: Dict[str, str]
    """What the exporter wrote down in the file, where the runtime tells; ``names`` of an Ultralytics export."""

    @abstractmethod
    def run(self, inputs: Arrays) -> "Dict[str, numpy.ndarray]":
        """Runs on all inputs, of the names, shapes and types of ``inputs``; all outputs, the caller's to keep.
        The runtime's own exceptions say what does not fit; ``RuntimeError`` after ``close``."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of everything. Nobody may be running it; a second call does nothing."""


A = TypeVar("A", bound=ArrayModel)


class ArrayLoader(ModelLoader[A]):
    """A loader of ``ArrayModel``. Runtimes write ``open``."""

    suffixes: Sequence[str] = ()
    """Of files that can be loaded, the preferred first."""

    def __init__(
        self,
        *,
        threads: int = 1,
        file: str = "",
        check: Optional[Callable[[A], None]] = None,
        warm_up_inputs: Sequence[Arrays] = (),
    ) -> None:
        """``threads`` is how many one inference may use. ``file`` is the model's in a version's folder, if it cannot
        be guessed. ``check`` raises ``LoadError`` for a model that this server cannot use. ``warm_up_inputs`` are run
        once each before a version may be activated; without them, zeros of the shapes that the model names are.
        """
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self._threads = threads
        self._file = file
        self._check = check
        self._warm_up_inputs = warm_up_inputs

    @abstractmethod
    def open(self, file: str, threads: int) -> A:
        """Loads one file; ``LoadError`` says what is wrong with it."""

    def load(self, path: str) -> A:
        """Loads the model in the folder ``path``."""
        model = self.open(find_model(path, self.suffixes, self._file), self._threads)
        try:
            if self._check:
                self._check(model)
        except BaseException:
            model.close()
            raise
        return model

    def warm_up(self, model: A) -> None:
        """Runs the inputs that were given, else zeros. If those are a guess, their failing is only logged."""
        for inputs in self._warm_up_inputs:
            model.run(inputs)
        if self._warm_up_inputs or not all(port.dtype for port in model.inputs):
            return
        try:
            model.run({port.name: port.zeros() for port in model.inputs})
        except Exception as error:  # Each runtime has types of its own.
            if all(port.is_fixed for port in model.inputs):
                raise LoadError(f"{os.path.basename(model.file)} does not run: {error}") from error
            log.info("%s: not warmed up, its shapes are not fixed: %s", model.file, error)

    def release(self, model: A) -> None:
        """Closes the model."""
        model.close()

    @contextmanager
    def calibrating(self, model: A) -> Iterator[A]:
        """``model``, or if its inferences use several threads, which nobody can slow down, a second one that uses
        none but the caller's. It is held in memory beside the first for as long as the block runs."""
        if self._threads == 1:
            yield model
            return
        quiet = self.open(model.file, 1)
        try:
            yield quiet
        finally:
            quiet.close()

    def run_sample(self, model: A, sample: Sample) -> Sample:
        """Runs a sample: as it is, or as a batch of one where the model's inputs have one dimension more."""
        missing = sorted({port.name for port in model.inputs} ^ set(sample))
        if missing:
            raise CalibrationError(f"the model's inputs and the samples' differ in {', '.join(missing)}")
        ranks = {port.name: None if port.shape is None else len(port.shape) for port in model.inputs}
        batched = {name for name, array in sample.items() if ranks[name] == array.ndim + 1}
        outputs = model.run({name: array[None] if name in batched else array for name, array in sample.items()})
        if not batched:
            return outputs
        return {name: array[0] if array.shape[:1] == (1,) else array for name, array in outputs.items()}
