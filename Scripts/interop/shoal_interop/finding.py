"""FIND and FOUND (wire.md, "Finding")."""

import ipaddress
import secrets
import threading
import time

from . import wire
from .wire import Code, Violation

REMEMBERED_MAX, REMEMBERED_SECONDS = 4_096, 60
PASSED_TO_MAX = 8
ASKED_PER_SECOND = 20
MODEL, ISSUER = 1, 2


class Search:
    """A FIND that was passed on (or is ours, if `origin` is None), until its FOUND goes out."""

    def __init__(self, origin, message: wire.Find, entries: list):
        self.origin, self.message, self.entries = origin, message, entries
        self.waiting: set = set()
        self.done = threading.Event()


class Finding:
    """Part of Agent."""

    def finding_state(self) -> None:
        self.searches: dict = {}  # id -> Search
        self.remembered: dict = {}  # id -> when

    def find(self, model: str | None, hops: int = 1, deadline: float = 4) -> list:
        """Entries of nodes that hold or follow a model, or (None) that issue certificates."""
        message = wire.Find(secrets.token_bytes(16), hops, MODEL if model else ISSUER, model or "")
        with self.lock:
            search = self._pass_on(None, message, [])
        search.done.wait(deadline)
        return search.entries

    def _qualifies(self, message: wire.Find) -> bool:
        if message.what == ISSUER:
            return self.issuer is not None
        models = {held.manifest.model for held in self.held.values()} | {model for model, _ in self.records.heads}
        return message.model in models

    def take_find(self, connection, message: wire.Find) -> None:
        now = time.monotonic()
        recent = [at for at in getattr(connection, "finds", []) if now - at < 1]
        connection.finds = recent + [now]
        self.remembered = {id: at for id, at in self.remembered.items() if now - at < REMEMBERED_SECONDS}
        if len(recent) >= ASKED_PER_SECOND:
            return
        if message.id in self.remembered or len(self.remembered) >= REMEMBERED_MAX:
            connection.send(wire.Found(message.id, ()))
            return
        self.remembered[message.id] = now
        entries = []
        if self._qualifies(message) and self.server:
            ip = ipaddress.ip_address(connection.sock.getsockname()[0]).packed
            entries.append(wire.PeerEntry(self.node_id, self.issuer is not None, ip, self.address[1],
                                          (message.model,) if message.model else ()))
        for entry in self.peer_entries():
            fits = entry.issues if message.what == ISSUER else message.model in entry.models
            if fits and entry.node_id != connection.peer.node_id:
                entries.append(entry)
        self._pass_on(connection, message, entries)

    def _pass_on(self, origin, message: wire.Find, entries: list) -> Search:
        """Ours goes out with its hops as they are; another's with one less, if any is left."""
        self.remembered[message.id] = time.monotonic()
        search = self.searches[message.id] = Search(origin, message, entries)
        hops = message.hops if origin is None else message.hops - 1
        if hops >= 0:
            targets = [one for one in self.neighbours.values() if one is not origin][:PASSED_TO_MAX]
            for target in targets:
                target.send(wire.Find(message.id, hops, message.what, message.model))
            search.waiting = set(targets)
        if not search.waiting:
            self._finish_search(message.id)
        else:
            timer = threading.Timer(0.7 * max(hops, 0) + 0.3, self._late, [message.id])
            timer.daemon = True
            timer.start()
        return search

    def _late(self, id: bytes) -> None:
        with self.lock:
            self._finish_search(id)

    def _finish_search(self, id: bytes) -> None:
        search = self.searches.pop(id, None)
        if search is None:
            return
        if search.origin is not None and not search.origin.ended.is_set():
            search.origin.send(wire.Found(id, tuple(search.entries[:16])))
        search.done.set()

    def take_found(self, connection, message: wire.Found) -> None:
        search = self.searches.get(message.id)
        if search is None and message.id not in self.remembered:
            raise Violation(Code.UNSOLICITED, "a FOUND for a FIND that was never sent")
        if search is None or connection not in search.waiting:
            return  # late, or a second time
        search.waiting.discard(connection)
        known = {entry.node_id for entry in search.entries} | {self.node_id}
        search.entries += [entry for entry in message.entries if entry.node_id not in known]
        if not search.waiting:
            self._finish_search(message.id)
