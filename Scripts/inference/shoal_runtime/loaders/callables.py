"""Anything that Python can call."""

from __future__ import annotations

from typing import Any, Callable, Optional, TypeVar

from ..calibration import Sample
from ..protocol import LoadError
from .base import ModelLoader

M = TypeVar("M")


class CallableLoader(ModelLoader[M]):
    """Loads with plain functions, and with no runtime at all.

    Without ``run``, what ``load`` returns is itself a function that takes arrays by name and returns arrays by name.
    """

    def __init__(
        self,
        load: Callable[[str], M],
        *,
        run: Optional[Callable[[M, Sample], Sample]] = None,
        warm_up: Optional[Callable[[M], object]] = None,
        release: Optional[Callable[[M], object]] = None,
        runtime: str = "python",
        quiet_load: bool = False,
    ) -> None:
        """``load`` takes the folder of a version and returns its model. ``run`` runs one calibration sample on it, if
        it is no function of arrays; ``warm_up`` and ``release`` are called before it serves and after it has. With
        ``quiet_load`` the first two have a lower priority than requests; see ``ModelLoader``."""
        self._load = load
        self._run = run
        self._warm_up = warm_up
        self._release = release
        self.runtime = runtime
        self.quiet_load = quiet_load

    def load(self, path: str) -> M:
        """Calls ``load``. ``LoadError`` if what it returns cannot be run."""
        model = self._load(path)
        if self._run is None and not callable(model):
            raise LoadError(f"a model of the type {type(model).__name__} cannot be called: give the loader a `run`")
        return model

    def run_sample(self, model: M, sample: Sample) -> Sample:
        """Calls ``run``, or the model."""
        if self._run is not None:
            return self._run(model, sample)
        function: Any = model
        outputs: Sample = function(sample)
        return outputs

    def warm_up(self, model: M) -> None:
        """Calls ``warm_up``, if there is one."""
        if self._warm_up:
            self._warm_up(model)

    def release(self, model: M) -> None:
        """Calls ``release``, if there is one."""
        if self._release:
            self._release(model)
