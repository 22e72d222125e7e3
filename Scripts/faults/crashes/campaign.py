"""One agent on a disk of its own, cut off again and again in the midst of what it does.

Each turn starts from the same disk: two versions of a model complete, one of them served. The agent is given something to
do; at a random moment its power is cut, or it is killed. What must hold when it is back: every version that was reported
complete before the cut verifies, the served one is served, and what was begun ends without help.
"""

import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cluster import Cluster
from node import Node
from payload import KIB, digests, fill, flip_byte
from waiting import wait_until

from .image import Image

MODEL = "acme/detector"
FINISH_SECONDS = 60.0


@dataclass
class Tally:
    """How many turns hit something that was under way, by what it was, and what was lost."""

    hits: dict = field(default_factory=dict)
    late: int = 0
    losses: list = field(default_factory=list)

    def __str__(self) -> str:
        hits = ", ".join(f"{name} {count}" for name, count in sorted(self.hits.items()))
        return f"hits: {hits or 'none'}; after the end: {self.late}; losses: {len(self.losses)}"


class Crashes:
    """The cluster and the disk of a campaign."""

    def __init__(self, disk: str, seed: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shoal-c", dir="/var/tmp"))
        self.random = random.Random(seed)
        self.cluster = Cluster(self.folder / "cluster")
        self.sources = {tag: self.folder / "sources" / tag for tag in ("1", "2", "3", "4")}
        for number, source in enumerate(self.sources.values()):
            fill(source / "weights", 3_000 * KIB, seed=number)
            fill(source / "deep" / "more", 300 * KIB, seed=10)
        self.source = self.cluster.first("a")
        self.base = Image.make(disk, self.folder / "base", self.folder / "m")
        self.image = self.base
        self.node = self.cluster.make("b")
        self.node.state = self.folder / "m" / "b"
        self.durations: dict = {}
        self._prepare()

    def _prepare(self) -> None:
        """Versions 1 to 3 are there for b, of which it has 1 and 2; 4 is b's own to publish."""
        self.base.attach()
        self.node.run("join", self.cluster.token(), "--peer", self.source.address, "--node", "b")
        self.node.start()
        for tag in ("1", "2", "3"):
            self.source.run("seed", self.sources[tag], "--model", MODEL, "--version", tag)
            if tag != "3":
                self.node.run("get", f"{MODEL}@{tag}", "--wait", "30")
                self.node.wait_current(MODEL, tag)
        self.node.stop()
        self.base.detach()

    def end(self) -> None:
        self.cluster.end()
        self.image.detach()
        shutil.rmtree(self.folder, ignore_errors=True)

    # One turn

    def measure(self, action: "Action") -> None:
        """How long it takes if nobody disturbs it: the random moments are within that."""
        self._begin(action)
        command = self.node.begin(*action.command(self))
        action.wait_begun(self, command)
        began = time.monotonic()
        command.communicate(timeout=FINISH_SECONDS)
        assert command.returncode == action.code_when_done, f"{action.name} ended with {command.returncode}"
        self.durations[action.name] = time.monotonic() - began
        self.node.kill()
        self.image.detach()

    def _begin(self, action: "Action") -> None:
        self.image = self.base.copy(self.folder / "turn")
        self.image.attach()
        self.node.start()
        self.node.wait_connected("a")
        action.prepare(self)

    def turn(self, action: "Action", cut: str, tally: Tally) -> None:
        self._begin(action)
        command = self.node.begin(*action.command(self))
        action.wait_begun(self, command)
        time.sleep(self.random.uniform(0, self.durations[action.name]))
        was_reported = command.poll() == action.code_when_done
        self._cut(cut, command)
        if was_reported:
            tally.late += 1
        else:
            tally.hits[action.name] = tally.hits.get(action.name, 0) + 1
        try:
            self._check(action, was_reported)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            tally.losses.append(f"{action.name}: {error}")
        finally:
            if self.node.process is not None:
                self.node.kill()
            self.image.detach()

    def _cut(self, cut: str, command: subprocess.Popen) -> None:
        if cut == "kill":
            self.node.kill()
            command.communicate(timeout=FINISH_SECONDS)
            return
        after = self.image.cut_power(self.folder / "after")
        # The machine is off: whoever used the disk is gone.
        self.node.kill()
        command.kill()
        command.communicate(timeout=FINISH_SECONDS)
        self.image.detach()
        after.attach()
        self.image = after

    def _check(self, action: "Action", was_reported: bool) -> None:
        self.node.start()
        may_be_damaged = action.may_leave_damage and not was_reported
        result = self.node.run("verify", "--json", code=None if may_be_damaged else 0)
        before = {item["tag"] for item in result.json["items"]}
        assert "2" in before, f"the served version is gone; {sorted(before)} are there"
        if not may_be_damaged:
            assert digests(self.node.current(MODEL)) in [digests(source) for source in self.sources.values()], "a mixture"
        if was_reported:
            action.require(self, before)
        action.finish(self)
        self.node.run("verify")


class Action:
    """Something that an agent does, and how it is seen to be done."""

    name = ""
    # What its command ends with once it is done.
    code_when_done = 0
    # Whether what was damaged before may still be so.
    may_leave_damage = False

    def prepare(self, crashes: Crashes) -> None:
        """Before the clock."""

    def command(self, crashes: Crashes) -> list:
        raise NotImplementedError

    def wait_begun(self, crashes: Crashes, command: subprocess.Popen) -> None:
        """Until what is to be disturbed begins; the random moments are counted from there."""

    def require(self, crashes: Crashes, complete: set) -> None:
        """What must be so once it was reported as done."""

    def finish(self, crashes: Crashes) -> None:
        """Waits until it is done, without or with the command given once more."""


class Fetch(Action):
    name = "fetch"

    def command(self, crashes: Crashes) -> list:
        return ["get", f"{MODEL}@3", "--wait", "60"]

    def require(self, crashes: Crashes, complete: set) -> None:
        assert "3" in complete, "a version that was reported complete is gone"

    def finish(self, crashes: Crashes) -> None:
        # The wish may not have been kept before the cut; then it was not reported, and is said again.
        crashes.node.run(*self.command(crashes), seconds=FINISH_SECONDS)
        crashes.node.wait_current(MODEL, "3", FINISH_SECONDS)
        assert digests(crashes.node.current(MODEL)) == digests(crashes.sources["3"]), "another content"


class Commit(Fetch):
    """The end of a fetch: from when the first file gets the mode of a complete one until it is reported."""

    name = "commit"

    def wait_begun(self, crashes: Crashes, command: subprocess.Popen) -> None:
        # Without a pause: it lasts milliseconds. The command has a deadline of its own.
        while command.poll() is None and not self.has_begun(crashes.node.state / "staging"):
            pass

    @staticmethod
    def has_begun(staging: Path) -> bool:
        try:
            return any(path.stat().st_mode & 0o777 == 0o440 for path in staging.rglob("weights"))
        except FileNotFoundError:
            return True  # it has just got its name


class Publish(Action):
    name = "publish"

    def command(self, crashes: Crashes) -> list:
        return ["seed", crashes.sources["4"], "--model", "acme/own", "--version", "4"]

    def require(self, crashes: Crashes, complete: set) -> None:
        assert "4" in complete, "a version that was reported durable is gone"

    def finish(self, crashes: Crashes) -> None:
        crashes.node.run(*self.command(crashes), seconds=FINISH_SECONDS)
        crashes.node.wait_current("acme/own", "4", FINISH_SECONDS)
        assert digests(crashes.node.current("acme/own")) == digests(crashes.sources["4"]), "another content"


class Collect(Action):
    """Deletes what is not needed: an own version, published and unfollowed before."""

    name = "collect"

    def prepare(self, crashes: Crashes) -> None:
        for tag, source in (("4", "4"), ("5", "3"), ("6", "1")):
            crashes.node.run("seed", crashes.sources[source], "--model", "acme/own", "--version", tag)

    def command(self, crashes: Crashes) -> list:
        return ["gc"]

    def require(self, crashes: Crashes, complete: set) -> None:
        assert "4" not in complete, "what was deleted is back"

    def finish(self, crashes: Crashes) -> None:
        crashes.node.run("gc")
        left = {item["tag"] for item in crashes.node.run("verify", "--json").json["items"]}
        assert {"5", "6"} <= left and "4" not in left, f"{sorted(left)} are left"


class Repair(Action):
    name = "repair"
    code_when_done = 3  # verify says that there was damage
    may_leave_damage = True

    def prepare(self, crashes: Crashes) -> None:
        folder = crashes.node.current(MODEL).resolve()
        for offset in (5, 1_000_000, 2_000_000):
            flip_byte(folder / "weights", offset)

    def command(self, crashes: Crashes) -> list:
        return ["verify", "--repair", "--wait", "60"]

    def finish(self, crashes: Crashes) -> None:
        def is_whole() -> bool:
            return digests(crashes.node.current(MODEL)) == digests(crashes.sources["2"])

        crashes.node.run("verify", code=None)
        wait_until(is_whole, FINISH_SECONDS, "b has mended its version")
        wait_until(lambda: crashes.node.run("verify", code=None).code == 0, FINISH_SECONDS, "b finds nothing damaged")


ACTIONS = {action.name: action for action in (Fetch, Commit, Publish, Collect, Repair)}


def campaign(
    disk: str, cut: str, actions: list, count: int, seed: int, say: Callable[[str], None] = print
) -> Tally:
    """`count` turns of each action, in turns."""
    crashes, tally = Crashes(disk, seed), Tally()
    try:
        for name in actions:
            crashes.measure(ACTIONS[name]())
        for number in range(count):
            for name in actions:
                crashes.turn(ACTIONS[name](), cut, tally)
            if (number + 1) % 10 == 0:
                say(f"{cut} on {disk}: {number + 1} of {count}; {tally}")
    finally:
        crashes.end()
    return tally
