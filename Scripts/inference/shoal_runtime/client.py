"""The inference process's side of ``handoff/1``."""

from __future__ import annotations

import logging
import os
import queue
import random
import socket
import threading
import time
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Callable, ContextManager, Dict, Generic, List, Optional, Sequence, Tuple, TypeVar

from .calibration import CalibrationRun, Runner
from .holder import ModelHolder
from .priority import yield_to_requests
from .protocol import (
    ID_MAX,
    PROTOCOL,
    Channel,
    ConnectionLost,
    HandoffError,
    Message,
    ProtocolBroken,
    is_digest,
)

log = logging.getLogger("shoal_runtime")

M = TypeVar("M")

RETRY_SECONDS_MIN = 0.1
RETRY_SECONDS_MAX = 5.0
WELCOME_SECONDS_MAX = 5.0
LEASE_SECONDS = (0.3, 3600.0)
PROGRESS_SECONDS_MIN = 0.1

_HOPELESS = {"not_allowed", "unknown_protocol"}


@dataclass(frozen=True)
class LoadRequest:
    """What a loader is asked to load."""

    digest: str
    """The version's identity."""
    version: str
    """The version's tag, for people."""
    variant: str
    """The hardware flavour."""
    path: str
    """The absolute folder of the version's files: complete, read-only, checked by the agent."""
    deadline: float
    """On ``time.monotonic()``: a load that ends later is thrown away."""
    progress: Callable[[float], None]
    """Tells the agent how far the load is, from 0 to 1. May be called as often as is handy."""
    is_cancelled: Callable[[], bool]
    """True once nobody wants the version any more; a loader may look now and then, and raise."""


Loader = Callable[[LoadRequest], M]


@dataclass
class _Loading:
    """A load under way. Guarded by ``HandoffClient._load_lock``."""

    digest: str
    deadline: float
    waiters: List[Tuple[Channel, int]] = field(default_factory=list)
    cancelled: bool = False
    told_at: float = 0.0


@dataclass
class _Calibrating:
    """A calibration under way."""

    digest: str
    cancelled: bool = False


class HandoffClient(Generic[M]):
    """Keeps a connection to the agent and does what it says: load, calibrate, activate, release.

    The process serves on whatever happens to the agent or the connection. ``loader`` runs on a thread of its own, one
    load at a time; whatever it raises is told to the agent as the reason (``LoadError`` chooses the code). ``runner``
    runs one calibration sample on a model; without it, versions that must be calibrated are not served here.
    ``calibrating`` gives the model to run them on in place of one, for as long as a calibration lasts: one whose
    inferences use no other thread than the caller's, which has a lower priority. With ``quiet_load`` loads have that
    too: only for a loader whose models start no threads, since those would keep it for as long as they serve.
    """

    def __init__(
        self,
        socket_path: str,
        model: str,
        loader: Loader[M],
        *,
        runner: Optional[Runner[M]] = None,
        calibrating: Callable[[M], ContextManager[M]] = nullcontext,
        unload: Optional[Callable[[M], None]] = None,
        quiet_load: bool = False,
        instance: Optional[str] = None,
        runtime: str = "shoal-runtime/0.1.0",
        formats: Sequence[str] = (),
    ) -> None:
        self.model = model
        self._socket_path = socket_path
        self._loader = loader
        self._runner = runner
        self._quieten = calibrating
        self._unload = unload
        self._quiet_load = quiet_load
        self._instance = instance
        self._runtime = runtime
        self._formats = list(formats)
        self._stop = threading.Event()
        self._welcomed = threading.Event()
        self._health_due = threading.Event()
        self._channel: Optional[Channel] = None
        self._lease_seconds = 15.0
        # Held while something is said about what is active, so that the last thing said is the truth.
        self._say_lock = threading.Lock()
        self._load_lock = threading.Lock()
        self._loading: Optional[_Loading] = None
        self._calibrating: Optional[_Calibrating] = None
        self._later: "queue.SimpleQueue[Optional[Callable[[], None]]]" = queue.SimpleQueue()
        self._threads: List[threading.Thread] = []
        self.holder: ModelHolder[M] = ModelHolder(
            on_drained=lambda digest: self._tell({"type": "drained", "digest": digest}),
            on_released=lambda digest: self._tell({"type": "released", "digest": digest}),
            unload=unload,
            run_later=self._later.put,
        )

    # Life

    def start(self) -> None:
        """Starts the threads; returns at once."""
        if self._threads:
            raise RuntimeError("started already")
        for name, body in [("agent", self._stay_connected), ("health", self._say_health), ("later", self._do_later)]:
            thread = threading.Thread(target=body, name=f"shoal-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Ends the connection and the threads. What is active stays usable."""
        self._stop.set()
        self._health_due.set()
        channel = self._channel
        if channel:
            self._send(channel, {"type": "goodbye"})
            channel.close()
        self._later.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=5)

    @property
    def is_connected(self) -> bool:
        """True while an agent has welcomed this process."""
        return self._welcomed.is_set()

    def _stay_connected(self) -> None:
        delay = RETRY_SECONDS_MIN
        reason_before = ""
        while not self._stop.is_set():
            code = reason = ""
            try:
                self._connect_and_serve()
                reason = "the agent closed the connection"
            except ProtocolBroken as error:
                code, reason = error.code, error.message
            except (ConnectionLost, OSError) as error:
                reason = str(error)
            except Exception as error:  # A fault of ours must not end the thread: the process serves on.
                log.exception("unexpected: %s", error)
            if self._welcomed.is_set():
                delay = RETRY_SECONDS_MIN
                self._welcomed.clear()
            if reason != reason_before and not self._stop.is_set():
                log.warning("no agent at %s: %s; trying again", self._socket_path, reason)
                reason_before = reason
            if code in _HOPELESS:
                delay = RETRY_SECONDS_MAX
            self._stop.wait(delay * random.uniform(0.5, 1.0))
            delay = min(RETRY_SECONDS_MAX, delay * 2)

    def _connect_and_serve(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(WELCOME_SECONDS_MAX)
            sock.connect(self._socket_path)
        except OSError:
            sock.close()
            raise
        self.serve(Channel(sock))

    def serve(self, channel: Channel) -> None:
        """Speaks over one connection until it ends. ``start`` calls it; tests may, with a socket pair."""
        try:
            with self._say_lock:
                channel.send(self._hello())
            self._take_welcome(channel.receive(time.monotonic() + WELCOME_SECONDS_MAX))
            self._channel = channel
            self._welcomed.set()
            self._health_due.set()
            log.info("connected to the agent as %s", self._instance or f"pid-{os.getpid()}")
            while not self._stop.is_set():
                message = channel.receive()
                if message is None:
                    return
                self._handle(channel, message)
        except ProtocolBroken as error:
            self._send(channel, {"type": "error", "error": HandoffError(error.code, error.message).body()})
            raise
        finally:
            self._channel = None
            channel.close()

    def _hello(self) -> Message:
        status = self.holder.status()
        held = self.holder.active
        hello: Message = {
            "type": "hello",
            "protocol": [PROTOCOL],
            "model": self.model,
            "runtime": self._runtime,
            "pid": os.getpid(),
            "capabilities": ["dual_load", "progress"] + (["calibrate"] if self._runner else []),
            "formats": self._formats,
            "active": {"digest": held.digest, "version": held.version} if held else None,
            "resident": status["resident"],
        }
        if self._instance:
            hello["instance"] = self._instance
        return hello

    def _take_welcome(self, message: Optional[Message]) -> None:
        if message is None:
            raise ConnectionLost("the agent closed the connection before its welcome")
        if message["type"] == "error":
            error = message.get("error")
            error = error if isinstance(error, dict) else {}
            raise ProtocolBroken(str(error.get("code", "internal")), f"refused by the agent: {error.get('message')}")
        if message["type"] != "welcome" or message.get("protocol") != PROTOCOL:
            raise ProtocolBroken("bad_message", "the agent's first line is no welcome for protocol 1")
        lease = message.get("lease_ms")
        if isinstance(lease, int) and not isinstance(lease, bool):
            self._lease_seconds = min(max(lease / 1000, LEASE_SECONDS[0]), LEASE_SECONDS[1])

    # What the agent says

    def _handle(self, channel: Channel, message: Message) -> None:
        kind = message["type"]
        if kind == "error":
            log.warning("the agent says: %s", message.get("error"))
            return
        if kind == "reply":
            return
        request = message.get("id")
        if request is not None and (type(request) is not int or not 1 <= request <= ID_MAX):
            raise ProtocolBroken("bad_message", "id must be an integer from 1 to 2^53 - 1")
        handlers: Dict[str, Callable[[Channel, int, Message], None]] = {
            "load": self._on_load,
            "calibrate": self._on_calibrate,
            "activate": self._on_activate,
            "release": self._on_release,
            "ping": self._on_ping,
        }
        handler = handlers.get(kind)
        if handler is None:
            error = HandoffError("unsupported", f"this process knows no message {kind[:64]!r}")
            if request is None:
                self._send(channel, {"type": "error", "error": error.body()})
            else:
                self._refuse(channel, request, error)
        elif request is None:
            raise ProtocolBroken("bad_message", f"{kind} without an id")
        else:
            try:
                handler(channel, request, message)
            except HandoffError as refusal:
                self._refuse(channel, request, refusal)

    def _on_activate(self, channel: Channel, request: int, message: Message) -> None:
        digest = _digest(message)
        if "expect_active" not in message:
            raise HandoffError("bad_message", "expect_active is missing; null means that nothing is active")
        expected = message["expect_active"]
        if expected is not None and not is_digest(expected):
            raise HandoffError("bad_message", "expect_active must be 64 lower-case hexadecimal digits or null")
        with self._say_lock:
            before = self.holder.activate(digest, expected)
            self._send(channel, {"type": "reply", "re": request, "ok": True, "previous": before})
        log.info("serving %s (%s)", message.get("version"), digest[:8])
        if before is not None and before != digest:
            self.holder.settle(before)

    def _on_release(self, channel: Channel, request: int, message: Message) -> None:
        digest = _digest(message)
        with self._load_lock:
            is_loading = self._loading is not None and self._loading.digest == digest
            if is_loading and self._loading is not None:
                self._loading.cancelled = True
            if self._calibrating is not None and self._calibrating.digest == digest:
                self._calibrating.cancelled = True
            is_resident = not is_loading and self.holder.release(digest)
            # The reply goes out before the load's end can: both are said under this lock.
            self._send(channel, {"type": "reply", "re": request, "ok": True})
        if is_resident:
            self.holder.settle(digest)
        elif not is_loading:
            self._send(channel, {"type": "released", "digest": digest})

    def _on_ping(self, channel: Channel, request: int, _: Message) -> None:
        with self._say_lock:
            self._send(channel, {"type": "reply", "re": request, "ok": True, **self.holder.status()})

    def _on_load(self, channel: Channel, request: int, message: Message) -> None:
        digest = _digest(message)
        path = message.get("path")
        if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
            raise HandoffError("bad_message", "path must be an absolute path")
        allowed = message.get("deadline_ms", 120_000)
        if type(allowed) is not int or allowed <= 0:
            raise HandoffError("bad_message", "deadline_ms must be a positive integer")
        deadline = time.monotonic() + min(allowed, 86_400_000) / 1000
        with self._load_lock:
            loading = self._loading
            if loading is not None and loading.digest == digest:
                loading.cancelled = False
                loading.deadline = deadline
                loading.waiters.append((channel, request))
                return
            if self.holder.keep(digest):
                return self._send(channel, {"type": "reply", "re": request, "ok": True, "load_ms": 0})
            if loading is not None:
                raise HandoffError("busy", f"{loading.digest[:8]} is being loaded: try again", retryable=True)
            loading = _Loading(digest, deadline, [(channel, request)])
            self._loading = loading
        job = LoadRequest(
            digest=digest,
            version=str(message.get("version") or digest[:8]),
            variant=str(message.get("variant") or "default"),
            path=path,
            deadline=deadline,
            progress=lambda fraction: self._tell_progress(loading, fraction),
            is_cancelled=lambda: loading.cancelled,
        )
        threading.Thread(target=self._load, args=(loading, job), name="shoal-load", daemon=True).start()

    def _on_calibrate(self, channel: Channel, request: int, message: Message) -> None:
        if self._runner is None:
            raise HandoffError("unsupported", "this process runs no calibrations")
        digest = _digest(message)
        beside = message.get("beside")
        if beside is not None and not is_digest(beside):
            raise HandoffError("bad_message", "beside must be 64 lower-case hexadecimal digits or null")
        inputs, outputs, allowed = message.get("inputs"), message.get("outputs"), message.get("deadline_ms")
        if not isinstance(inputs, str) or not isinstance(outputs, str) or type(allowed) is not int or allowed <= 0:
            raise HandoffError("bad_message", "inputs, outputs and a positive deadline_ms must be there")
        with self._load_lock:
            if self._calibrating is not None:
                raise HandoffError("busy", f"{self._calibrating.digest[:8]} is being calibrated", retryable=True)
            calibrating = _Calibrating(digest)
            self._calibrating = calibrating
        deadline = time.monotonic() + min(allowed, 86_400_000) / 1000
        job = (channel, request, calibrating, beside, inputs, outputs, deadline)
        threading.Thread(target=self._calibrate, args=job, name="shoal-calibrate", daemon=True).start()

    # A calibration, on its own thread

    def _calibrate(
        self,
        channel: Channel,
        request: int,
        calibrating: _Calibrating,
        beside: Optional[str],
        inputs: str,
        outputs: str,
        deadline: float,
    ) -> None:
        yield_to_requests()
        reply: Message = {}
        refusal: Optional[HandoffError] = None
        try:
            with ExitStack() as stack:
                candidate = self._borrow_quietly(stack, calibrating.digest)
                active = self.holder.active
                other = None
                if beside is not None and active is not None and active.digest == beside:
                    other = self._borrow_quietly(stack, beside)
                assert self._runner is not None
                run = CalibrationRun(
                    inputs, outputs, candidate, other, self._runner, deadline, lambda: calibrating.cancelled
                )
                reply = run.run()
        except HandoffError as error:
            refusal = error
        except BaseException as error:
            refusal = HandoffError("calibration_failed", f"{type(error).__name__}: {error}")
        with self._load_lock:
            self._calibrating = None
        if refusal is None:
            self._send(channel, {"type": "reply", "re": request, "ok": True, **reply})
        else:
            self._refuse(channel, request, refusal)

    def _borrow_quietly(self, stack: ExitStack, digest: str) -> M:
        return stack.enter_context(self._quieten(stack.enter_context(self.holder.borrow(digest)).model))

    # A load, on its own thread

    def _load(self, loading: _Loading, job: LoadRequest) -> None:
        if self._quiet_load:
            yield_to_requests()
        started = time.monotonic()
        model: Optional[M] = None
        refusal: Optional[HandoffError] = None
        try:
            model = self._loader(job)
        except HandoffError as error:
            refusal = error
        except MemoryError as error:
            refusal = HandoffError("out_of_memory", f"not enough memory to load the version: {error}")
        except BaseException as error:
            refusal = HandoffError("load_failed", f"{type(error).__name__}: {error}")
        with self._load_lock:
            if loading.cancelled:
                refusal = HandoffError("cancelled", "the load was abandoned")
            elif refusal is None and time.monotonic() > loading.deadline:
                refusal = HandoffError("deadline_exceeded", "the load took longer than allowed")
            if refusal is None:
                try:
                    self.holder.put(job.digest, job.version, model)  # type: ignore[arg-type]
                except HandoffError as error:
                    refusal = error
            if refusal is not None and model is not None and self._unload:
                self._unload(model)
            model = None
            self._loading = None
            for channel, request in loading.waiters:
                if refusal is None:
                    spent = int((time.monotonic() - started) * 1000)
                    self._send(channel, {"type": "reply", "re": request, "ok": True, "load_ms": spent})
                else:
                    self._refuse(channel, request, refusal)
            if loading.cancelled:
                self._tell({"type": "released", "digest": job.digest})
        if refusal is not None:
            log.warning("%s (%s) was not loaded: %s", job.version, job.digest[:8], refusal.message)

    def _tell_progress(self, loading: _Loading, fraction: float) -> None:
        now = time.monotonic()
        if not 0 <= fraction <= 1 or now - loading.told_at < PROGRESS_SECONDS_MIN:
            return
        loading.told_at = now
        with self._load_lock:
            waiters = list(loading.waiters)
        for channel, request in waiters:
            self._send(channel, {"type": "progress", "re": request, "fraction": fraction})

    # What this process says

    def _say_health(self) -> None:
        while not self._stop.is_set():
            # A welcome wakes it: the lease may be shorter than the one before.
            self._health_due.wait(self._lease_seconds / 3)
            self._health_due.clear()
            with self._say_lock:
                self._tell({"type": "health", **self.holder.status()})

    def _do_later(self) -> None:
        while True:
            work = self._later.get()
            if work is None:
                return
            try:
                work()
            except Exception as error:
                log.exception("unexpected: %s", error)

    def _tell(self, message: Message) -> None:
        """Sends an event if an agent is there; the next hello says the same otherwise."""
        channel = self._channel
        if channel is not None:
            self._send(channel, message)

    def _refuse(self, channel: Channel, request: int, error: HandoffError) -> None:
        self._send(channel, {"type": "reply", "re": request, "ok": False, **error.fields, "error": error.body()})

    def _send(self, channel: Channel, message: Message) -> None:
        """Sends; a connection that broke is noticed by the thread that receives."""
        try:
            channel.send(message)
        except ConnectionLost:
            pass


def _digest(message: Message) -> str:
    digest = message.get("digest")
    if not is_digest(digest):
        raise HandoffError("bad_message", "digest must be 64 lower-case hexadecimal digits")
    return str(digest)
