"""Puts a constant load on an inference process and checks every answer against the version that it names.

The load is an open loop: request number k starts k/RATE seconds after the first, whatever became of those before. A
request that cannot start on time, because as many as --in-flight are still unanswered, is a failure like one that gets
no answer, a wrong one, or one that names an unknown version. An answer is right when its embedding is that of the
version which it names, computed beforehand from that version's files. With --spans a file says, at the end, of each
request that had an answer when it was due, when it was answered (monotonic clock, seconds), and by which version.

A request is `POST URL/embed {"text": …}`, an answer `{"version": …, "embedding": […]}`. The load ends after --seconds,
or at SIGTERM or SIGINT; the summary is one JSON object on standard output. Exit code 1 if anything failed.
"""

import argparse
import http.client
import json
import math
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

TEXTS = (
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "How long does it take until the last machine has the new version?",
    "Every byte is checked before anyone sees it.",
    "The parcel stood in the rain all night.",
)
COSINE_MIN = 0.9999
START_DELAY_SECONDS_MAX = 0.5

# version as answers name it -> one embedding for each of TEXTS
References = dict[str, list[list[float]]]


class Failure(Exception):
    """A request without a right answer; its text says why, in few words, so that equal ones can be counted."""


@dataclass(frozen=True)
class Target:
    """The inference process, and how much is asked of it."""

    url: str
    rate: float  # requests a second
    in_flight_max: int = 64
    answer_seconds_max: float = 5.0


@dataclass
class Results:
    """What became of the requests so far. Workers report under the lock."""

    failures: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    first_answers: dict[str, float] = field(default_factory=dict)  # version -> wall time of its first answer
    spans: list[tuple[float, float, str]] = field(default_factory=list)  # when it was due, its answer, its version
    start_delay_max: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answered(self, version: str, due: float, answered: float) -> None:
        with self.lock:
            self.versions[version] += 1
            self.first_answers.setdefault(version, time.time())
            self.spans.append((due, answered, version))

    def failed(self, reason: str) -> None:
        with self.lock:
            self.failures[reason] += 1

    def started(self, delay: float) -> None:
        with self.lock:
            self.start_delay_max = max(self.start_delay_max, delay)

    def summary(self) -> dict[str, object]:
        with self.lock:
            answered, failed = self.versions.total(), self.failures.total()
            ordered = sorted(end - due for due, end, _ in self.spans) or [0.0]
            at = {name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in (("p50", 0.5), ("p99", 0.99))}
            return {
                "requests": answered + failed, "answered": answered, "failed": failed,
                "failures": dict(self.failures), "versions": dict(self.versions), "first_answers": self.first_answers,
                "milliseconds": {name: round(s * 1e3, 1) for name, s in {**at, "max": ordered[-1]}.items()},
                "start_delay_milliseconds_max": round(self.start_delay_max * 1e3, 1),
            }


class Load:
    """The open loop: one thread keeps the time, a bounded pool of others asks."""

    def __init__(self, target: Target, references: References) -> None:
        self.target = target
        self.references = references
        self.results = Results()
        self._stop = threading.Event()
        self._free = threading.Semaphore(target.in_flight_max)

    def stop(self) -> None:
        """Starts no more requests; those in flight are waited for. Safe in a signal handler."""
        self._stop.set()

    def run(self, seconds: float = math.inf) -> None:
        """Asks for so long, or until stop(), and returns when the last request has its answer or its time is over."""
        with ThreadPoolExecutor(self.target.in_flight_max) as pool:
            for number, due in self._schedule(seconds):
                if self._free.acquire(blocking=False):
                    pool.submit(self._request, number, due)
                else:
                    self.results.failed(f"not started: {self.target.in_flight_max} unanswered")

    def _schedule(self, seconds: float) -> Iterator[tuple[int, float]]:
        """(number, due time) of each request, when it is due."""
        start = time.monotonic()
        number = 0
        while (offset := number / self.target.rate) < seconds:
            if self._stop.wait(max(0.0, start + offset - time.monotonic())):
                return
            yield number, start + offset
            number += 1

    def _request(self, number: int, due: float) -> None:
        try:
            delay = time.monotonic() - due
            self.results.started(delay)
            if delay > START_DELAY_SECONDS_MAX:
                raise Failure(f"started over {START_DELAY_SECONDS_MAX} s late")
            version = self._checked_answer(number % len(TEXTS))
            self.results.answered(version, due, time.monotonic())
        except Failure as failure:
            self.results.failed(str(failure))
        except Exception as error:  # whatever it is, it was no answer
            self.results.failed(f"{type(error).__name__}: {error}")
        finally:
            self._free.release()

    def _checked_answer(self, index: int) -> str:
        answer = self._ask(TEXTS[index])
        version, embedding = answer.get("version"), answer.get("embedding")
        if version not in self.references:
            raise Failure(f"unknown version {version!r}")
        if cosine(embedding, self.references[version][index]) <= COSINE_MIN:
            raise Failure(f"the embedding is not that of version {version}")
        return version

    def _ask(self, text: str) -> dict:
        url = urlsplit(self.target.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=self.target.answer_seconds_max)
        try:
            body = json.dumps({"text": text})
            connection.request("POST", url.path.rstrip("/") + "/embed", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        except TimeoutError:
            raise Failure(f"no answer in {self.target.answer_seconds_max:g} s") from None
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise Failure(f"status {response.status}")
        return json.loads(answer)


def cosine(left: list[float], right: list[float]) -> float:
    """The cosine of two vectors; 0 where there is none."""
    if not isinstance(left, list) or len(left) != len(right):
        return 0.0
    lengths = math.hypot(*left) * math.hypot(*right)
    return sum(map(lambda a, b: a * b, left, right)) / lengths if lengths else 0.0


def references_of(versions: list[str]) -> References:
    """From NAME[,NAME…]=FOLDER, each folder with a model.onnx."""
    import references  # it needs onnxruntime, the rest of this file nothing

    found: References = {}
    for version in versions:
        names, _, folder = version.partition("=")
        embeddings = references.embeddings(Path(folder), TEXTS)
        found.update({name: embeddings for name in names.split(",")})
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="the inference process, as http://127.0.0.1:PORT")
    parser.add_argument("--version", action="append", required=True, metavar="NAME[,NAME]=FOLDER",
                        help="a version that answers may name, and the folder with its files; repeated")
    parser.add_argument("--rate", type=float, default=25.0, help="requests a second (default: 25)")
    parser.add_argument("--in-flight", type=int, default=64, help="unanswered requests at most (default: 64)")
    parser.add_argument("--answer-seconds", type=float, default=5.0, help="wait for an answer at most (default: 5)")
    parser.add_argument("--spans", type=Path, metavar="FILE", help="where to write when each request was under way")
    parser.add_argument("--seconds", type=float, default=math.inf, help="how long (default: until SIGTERM)")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    target = Target(options.url, options.rate, options.in_flight, options.answer_seconds)
    load = Load(target, references_of(options.version))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: load.stop())
    print("READY", file=sys.stderr, flush=True)
    load.run(options.seconds)
    if options.spans:
        options.spans.write_text(json.dumps(load.results.spans))
    summary = load.results.summary()
    print(json.dumps(summary))
    return 1 if summary["failed"] or not summary["answered"] else 0


if __name__ == "__main__":
    sys.exit(main())
