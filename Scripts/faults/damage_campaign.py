"""One agent whose files are damaged again and again, and what each first use of the damage leads to.

Node a has everything; b follows a model, serves it to an inference process, and is damaged: a flipped bit (with the file's
times left as they were, as a disk does it) or a file cut short. Then the damage is used: hashed, sent to a newcomer,
reused for another version, or loaded. What must hold: nobody ever gets wrong bytes, and b mends itself.
"""

import http.client
import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cluster import Cluster
from dummy_runtime import embedding
from node import ROOT, Node
from payload import KIB, digests, fill, flip_byte
from waiting import wait_until

sys.path.insert(0, str(ROOT / "Scripts" / "demo.d"))

from serving import InferenceProcess  # noqa: E402

MODEL = "acme/detector"
RUNTIME = (str(ROOT / "Scripts" / "tests" / "integration" / "dummy_runtime.py"),)
SECONDS = 60.0
TAGS = ("1", "2", "3")


@dataclass
class DamageTally:
    """How often each use met damage, and what went wrong."""

    turns: dict = field(default_factory=dict)
    losses: list = field(default_factory=list)

    def __str__(self) -> str:
        turns = ", ".join(f"{name} {count}" for name, count in sorted(self.turns.items()))
        return f"damaged and used: {turns or 'never'}; losses: {len(self.losses)}"


class Damage:
    """The cluster of a campaign. Version 2 is served at first; all versions have most bytes in common."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cluster = Cluster()
        self.sources = {tag: self.cluster.folder / "sources" / tag for tag in TAGS}
        self.newcomers = 0
        self.server: InferenceProcess | None = None
        self.served = ""

    def begin(self) -> None:
        for tag, source in self.sources.items():
            fill(source / "model.bin", 100 * KIB, seed=int(tag))
            fill(source / "rest" / "common.bin", 1_500 * KIB, seed=10)
        self.a = self.cluster.first("a")
        self.b = self.cluster.join("b")
        self.b.run("follow", MODEL)
        for tag in ("3", "1", "2"):
            self.a.run("seed", self.sources[tag], "--model", MODEL, "--version", tag)
            self.b.run("get", f"{MODEL}@{tag}", "--wait", "30")
        self.b.wait_current(MODEL, "2")
        self.server = InferenceProcess(self.b, MODEL, RUNTIME)
        self.server.start()
        self.wait_serving("2")

    def end(self) -> None:
        if self.server is not None:
            self.server.end()
        self.cluster.end()
        self.cluster.remove()

    def wait_serving(self, tag: str) -> None:
        assert self.server is not None
        wait_until(lambda: self.server.served_version() == tag, SECONDS, f"{tag} is served")
        self.served = tag

    def folder(self, tag: str) -> Path:
        return Path(self.b.run("show", f"{MODEL}@{tag}", "--json").json["path"])

    def damage(self, tag: str) -> None:
        path = self.folder(tag) / self.random.choice(["model.bin", "rest/common.bin"])
        size = path.stat().st_size
        if self.random.random() < 0.8:
            flip_byte(path, self.random.randrange(size))
            return
        path.chmod(0o644)
        os.truncate(path, self.random.randrange(size))

    def require_whole(self, tag: str) -> None:
        """What was not found by its use is found by a check; in the end b has mended it."""
        self.b.run("verify", f"{MODEL}@{tag}", code=None)
        wait_until(
            lambda: digests(self.folder(tag)) == digests(self.sources[tag]), SECONDS, f"b has mended version {tag}")
        wait_until(lambda: self.b.run("verify", code=None).code == 0, SECONDS, "b finds nothing damaged")


def use_by_verifying(damage: Damage) -> None:
    damage.damage("1")
    damage.b.run("verify", MODEL, code=3)
    damage.require_whole("1")


def use_by_sending(damage: Damage) -> None:
    damage.newcomers += 1
    newcomer: Node = damage.cluster.join(f"c{damage.newcomers}")
    newcomer.wait_connected("a", "b")
    damage.damage("1")
    newcomer.run("get", f"{MODEL}@1", "--wait", "60")
    got = digests(newcomer.wait_current(MODEL, "1"))
    assert got == digests(damage.sources["1"]), "a newcomer has other bytes"
    newcomer.stop()
    shutil.rmtree(newcomer.state)
    damage.require_whole("1")


def use_by_reusing(damage: Damage) -> None:
    damage.b.run("remove", f"{MODEL}@3")
    damage.damage("1")
    damage.b.run("get", f"{MODEL}@3", "--wait", "60")
    assert digests(damage.folder("3")) == digests(damage.sources["3"]), "what was reused is damaged"
    damage.require_whole("1")


def use_by_loading(damage: Damage) -> None:
    tag = "1" if damage.served == "2" else "2"
    damage.damage(tag)
    damage.a.run("promote", f"{MODEL}@{tag}")
    damage.wait_serving(tag)
    content = (damage.sources[tag] / "model.bin").read_bytes()
    assert ask(damage.server.url, "x") == embedding(content, "x"), "what was loaded is damaged"
    damage.require_whole(tag)


def ask(url: str, text: str) -> list[float]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("POST", "/embed", json.dumps({"text": text}))
        return list(json.loads(connection.getresponse().read())["embedding"])
    finally:
        connection.close()


USES: dict[str, Callable[[Damage], None]] = {
    "load": use_by_loading, "reuse": use_by_reusing, "send": use_by_sending, "verify": use_by_verifying,
}


def campaign(uses: list[str], count: int, seed: int, say: Callable[[str], None] = print) -> DamageTally:
    """`count` times each use, in turns. Ends at the first loss, since the cluster is not as it should be then."""
    damage, tally = Damage(seed), DamageTally()
    name = "begin"
    try:
        damage.begin()
        for number in range(count):
            for name in uses:
                USES[name](damage)
                tally.turns[name] = tally.turns.get(name, 0) + 1
            if (number + 1) % 10 == 0:
                say(f"{number + 1} of {count}; {tally}")
    except AssertionError as error:
        tally.losses.append(f"{name}: {error}")
    finally:
        damage.end()
    return tally
