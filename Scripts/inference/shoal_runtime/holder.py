"""Read-copy-update for models: readers never wait, writers swap one reference."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Generic, Iterator, List, Optional, TypeVar

from .protocol import HandoffError

M = TypeVar("M")


class NoModelError(Exception):
    """No version is active yet."""


class NotResidentError(HandoffError):
    """The version is not in memory."""

    def __init__(self, digest: str) -> None:
        super().__init__("not_resident", f"{digest[:8]} is not loaded: load it first", retryable=True)


class ConflictError(HandoffError):
    """Another version is active than was expected."""

    def __init__(self, active: Optional[str], message: str) -> None:
        super().__init__("conflict", message, retryable=True, active=active)
        self.active = active


class Held(Generic[M]):
    """A version in memory. A request that holds it may use it to its end, whatever is activated meanwhile."""

    __slots__ = ("model", "digest", "version", "_users", "_was_active", "_releasing")

    def __init__(self, model: M, digest: str, version: str) -> None:
        self.model = model
        self.digest = digest
        self.version = version
        self._users = 0  # guarded by ModelHolder._lock, like the next two
        self._was_active = False
        self._releasing = False


class ModelHolder(Generic[M]):
    """The versions of one model that are in memory, one of which is active.

    ``use`` takes the active version and counts its users; the lock is held for a few instructions and never while a
    model is loaded, run or thrown away. What follows a last user's leaving (callbacks, throwing the model away) is
    given to ``run_later``, so that it costs no request anything; by default it runs at once.
    """

    RESIDENT_MAX = 64
    """How many versions may be in memory."""

    def __init__(
        self,
        on_drained: Optional[Callable[[str], None]] = None,
        on_released: Optional[Callable[[str], None]] = None,
        unload: Optional[Callable[[M], None]] = None,
        run_later: Callable[[Callable[[], None]], None] = lambda work: work(),
    ) -> None:
        self._lock = threading.Lock()
        self._active: Optional[Held[M]] = None
        self._resident: Dict[str, Held[M]] = {}
        self._on_drained = on_drained
        self._on_released = on_released
        self._unload = unload
        self._run_later = run_later
        self._requests = 0
        self._errors = 0
        self._in_flight = 0
        self._busy_seconds = 0.0
        self._flip_seconds = 0.0
        self._idle = threading.Condition(self._lock)

    @contextmanager
    def use(self) -> Iterator[Held[M]]:
        """The version that is active now, for as long as the block runs. ``NoModelError`` if there is none."""
        with self._lock:
            held = self._active
            if held is None:
                raise NoModelError("no version is active yet")
            held._users += 1
            self._requests += 1
            self._in_flight += 1
        began = time.monotonic()
        try:
            yield held
        except BaseException:
            with self._lock:
                self._errors += 1
            raise
        finally:
            self._leave(held, time.monotonic() - began)

    @contextmanager
    def borrow(self, digest: str) -> Iterator[Held[M]]:
        """A version that is in memory, active or not, for as long as the block runs; it is no request.
        ``NotResidentError`` if it is not in memory, or about to leave it."""
        with self._lock:
            held = self._resident.get(digest)
            if held is None or held._releasing:
                raise NotResidentError(digest)
            held._users += 1
        try:
            yield held
        finally:
            with self._lock:
                held._users -= 1
            self._run_later(lambda: self._settle(held))

    def _leave(self, held: Held[M], seconds: float) -> None:
        with self._lock:
            held._users -= 1
            self._in_flight -= 1
            self._busy_seconds += seconds
            if self._in_flight == 0:
                self._idle.notify_all()
            is_last = held._users == 0 and held is not self._active and (held._was_active or held._releasing)
        if is_last:
            self._run_later(lambda: self._settle(held))

    def _settle(self, held: Held[M]) -> None:
        """Tells that a version has drained, and lets go of it if that was asked for."""
        with self._lock:
            if held._users or held is self._active or self._resident.get(held.digest) is not held:
                return
            drained, held._was_active = held._was_active, False
            released = held._releasing
            if released:
                del self._resident[held.digest]
        if drained and self._on_drained:
            self._on_drained(held.digest)
        if released:
            self._drop(held)

    def _drop(self, held: Held[M]) -> None:
        model = held.model
        held.model = None  # type: ignore[assignment]
        if self._unload:
            self._unload(model)
        del model
        if self._on_released:
            self._on_released(held.digest)

    def put(self, digest: str, version: str, model: M) -> None:
        """Keeps a loaded version in memory, not active."""
        with self._lock:
            if digest in self._resident:
                raise ValueError(f"{digest[:8]} is in memory already")
            if len(self._resident) >= self.RESIDENT_MAX:
                raise HandoffError("out_of_memory", f"{len(self._resident)} versions are in memory: release some")
            self._resident[digest] = Held(model, digest, version)

    def keep(self, digest: str) -> bool:
        """Calls off a release that has not been carried out. True if the version is in memory."""
        with self._lock:
            held = self._resident.get(digest)
            if held is None:
                return False
            held._releasing = False
            return True

    def activate(self, digest: str, expect_active: Optional[str]) -> Optional[str]:
        """Makes a version the active one if ``expect_active`` is active now; the digest of the one before.

        Requests that come after this run on it. Nothing changes on ``ConflictError`` and ``NotResidentError``.
        """
        began = time.perf_counter()
        with self._lock:
            before = self._active
            if before is not None and before.digest == digest:
                return digest
            active = before.digest if before else None
            held = self._resident.get(digest)
            if active != expect_active:
                raise ConflictError(active, f"{(active or 'nothing')[:8]} is active, not what was expected")
            if held is None:
                raise NotResidentError(digest)
            held._releasing = False
            held._was_active = True
            self._active = held
            self._flip_seconds = time.perf_counter() - began
        return active

    @property
    def flip_seconds(self) -> float:
        """How long the last change of versions took, as requests see it: the most that one may have waited for it."""
        return self._flip_seconds

    def settle(self, digest: str) -> None:
        """After ``activate`` and ``release``: does at once what is due of a version that nobody uses (any more)."""
        with self._lock:
            held = self._resident.get(digest)
        if held is not None:
            self._run_later(lambda: self._settle(held))

    def release(self, digest: str) -> bool:
        """Lets go of a version as soon as its last user has left; True if it was in memory. It happens in ``settle``
        or when that user leaves. ``ConflictError`` if the version is active."""
        with self._lock:
            if self._active is not None and self._active.digest == digest:
                raise ConflictError(digest, f"{digest[:8]} is active: activate another version first")
            held = self._resident.get(digest)
            if held is not None:
                held._releasing = True
                return True
            return False

    def wait_idle(self, seconds: float) -> bool:
        """Waits until no request is in flight, for so long at most; whether that came true. For the end of a process
        that takes no more requests."""
        with self._idle:
            return self._idle.wait_for(lambda: self._in_flight == 0, timeout=seconds)

    @property
    def active(self) -> Optional[Held[M]]:
        """What is active now, for looking at; use the model only within ``use``."""
        return self._active

    def status(self) -> Dict[str, Any]:
        """What ``health`` says: active, resident, in_flight, requests, errors, busy_ms; one consistent moment."""
        with self._lock:
            resident: List[str] = sorted(self._resident)
            return {
                "active": self._active.digest if self._active else None,
                "resident": resident,
                "in_flight": self._in_flight,
                "requests": self._requests,
                "errors": self._errors,
                "busy_ms": round(1_000 * self._busy_seconds, 3),
            }
