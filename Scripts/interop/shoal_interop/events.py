"""What happened, in order, for a test to wait for."""

import threading
import time
from dataclasses import dataclass, field

from .readable import camel, readable


@dataclass(frozen=True)
class Event:
    """`kind` is a word; `values` depends on it. `at` is seconds since the log began."""

    kind: str
    at: float
    values: dict = field(default_factory=dict)

    def __getattr__(self, name: str):
        if name in self.__dict__.get("values", {}):
            return self.values[name]
        raise AttributeError(name)

    def json(self) -> dict:
        return {"event": self.kind, "at": round(self.at, 3)} | {
            key: camel(value.name.lower()) if hasattr(value, "name") else readable(value)
            for key, value in self.values.items()
        }


class Events:
    """A log that can be waited on. At most 65,536 entries; later ones are dropped. Any thread."""

    MOST = 65_536

    def __init__(self, listener=None):
        self.changed = threading.Condition()
        self.entries: list = []
        self.began = time.monotonic()
        self.listener = listener

    def add(self, kind: str, **values) -> None:
        event = Event(kind, time.monotonic() - self.began, values)
        with self.changed:
            if len(self.entries) < self.MOST:
                self.entries.append(event)
            self.changed.notify_all()
        if self.listener:
            self.listener(event)

    def all(self, kind: str, **match) -> list:
        with self.changed:
            return [event for event in self.entries if self._matches(event, kind, match)]

    @staticmethod
    def _matches(event: Event, kind: str, match: dict) -> bool:
        return event.kind == kind and all(event.values.get(key) == value for key, value in match.items())

    def wait(self, kind: str, deadline: float = 10, **match) -> Event:
        """The first event of that kind with those values, now or within the deadline. Raises TimeoutError."""
        end = time.monotonic() + deadline
        with self.changed:
            while True:
                for event in self.entries:
                    if self._matches(event, kind, match):
                        return event
                left = end - time.monotonic()
                if left <= 0:
                    seen = [(event.kind, event.values) for event in self.entries][-12:]
                    raise TimeoutError(f"no {kind} {match} within {deadline} s; the last were {seen}")
                self.changed.wait(left)
