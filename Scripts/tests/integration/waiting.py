"""Waiting for what must become true, with a deadline and never for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

POLL_SECONDS = 0.05


def wait_until(check: Callable[[], Value], seconds: float, what: str) -> Value:
    """Asks again and again until the answer is true, and returns it.

    An AssertionError says what was waited for, and the last answer or error, once the time is over.
    """
    deadline = time.monotonic() + seconds
    while True:
        last: object
        try:
            answer = check()
            if answer:
                return answer
            last = answer
        except (OSError, KeyError, LookupError, ValueError) as error:
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; at last: {last}")
        time.sleep(POLL_SECONDS)
