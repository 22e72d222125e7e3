"""What every loader does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import Generic, Iterator, Optional, Sequence, TypeVar

from ..calibration import Sample
from ..client import HandoffClient, LoadRequest
from ..protocol import HandoffError

M = TypeVar("M")


class MissingRuntimeError(ImportError):
    """The runtime of a loader is not installed. Raised when the loader is made, so that no version is blamed for it."""

    def __init__(self, module: str, error: ImportError) -> None:
        super().__init__(f"cannot import {module} ({error}): pip install {module}")


class ModelLoader(ABC, Generic[M]):
    """Makes models of versions, and knows how to warm one up, to run a calibration on it and to let it go.

    Two methods must be written, ``load`` and ``run_sample``. A loader is used by several threads: by that of a load,
    that of a calibration, and one that releases.
    """

    runtime: str = "python"
    """Software and version, for ``shoal status``; at most 128 bytes."""

    formats: Sequence[str] = ()
    """Names of file formats, for people."""

    quiet_load: bool = False
    """Whether loads and warm-ups have a lower priority than requests: only where the models start no threads, since
    those would keep it for as long as they serve."""

    @abstractmethod
    def load(self, path: str) -> M:
        """Loads the version in the folder ``path``. Whatever is raised means that it cannot be loaded; ``LoadError``
        chooses the code that the agent is told."""

    @abstractmethod
    def run_sample(self, model: M, sample: Sample) -> Sample:
        """Runs one calibration sample as a request would; arrays by name, in and out, without the dimension that
        counts samples. Whatever is raised fails the calibration."""

    def warm_up(self, model: M) -> None:
        """Brings a model to full speed, before it may be activated. What is raised fails the load."""

    def release(self, model: M) -> None:
        """Lets go of a model's memory, files and mappings. Called once, after the last request that used it."""

    @contextmanager
    def calibrating(self, model: M) -> Iterator[M]:
        """The model to calibrate ``model`` with, for as long as the block runs: one that needs no other thread than
        the caller's, whose priority is lowered. By default it is ``model`` itself."""
        yield model

    def __call__(self, request: LoadRequest) -> M:
        """Loads and warms up: what ``HandoffClient`` calls."""
        model = self.load(request.path)
        try:
            if request.is_cancelled():
                raise HandoffError("cancelled", "the load was abandoned")
            request.progress(0.5)
            self.warm_up(model)
        except BaseException:
            self.release(model)
            raise
        return model

    def client(self, socket_path: str, model: str, *, instance: Optional[str] = None) -> "HandoffClient[M]":
        """A client, not started yet, that serves ``model`` (its name, as in ``shoal list``) with this loader.

        ``socket_path`` is the agent's ``handoff.sock``; ``instance`` a name that stays the same over restarts.
        """
        return HandoffClient(
            socket_path,
            model,
            self,
            runner=self.run_sample,
            calibrating=self.calibrating,
            unload=self.release,
            quiet_load=self.quiet_load,
            instance=instance,
            runtime=self.runtime,
            formats=self.formats,
        )
