"""A member of the cluster that misbehaves: no byte of it is stored, nothing crashes, and `status` names it.

Each time the liar comes first, alone; once it is named, an honest agent comes, and the fetch must complete from there.
"""

import contextlib
import random
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from interop import InteropTestCase, needs_packages
from payload import digests
from waiting import wait_until

BYTES = 7 * 65_536  # chunks all of one size: a longer one in the place of a shorter would be another error
NAMED_SECONDS_MAX = 25.0
FETCH_SECONDS_MAX = 60.0

# misbehaviour -> the error of Protocol/wire.md, section 5, that it earns
WHILE_SERVING = {
    "flipped-chunk": "badChunk", "wrong-index": "badChunk", "data-beyond-chunk": "unsolicited",
    "data-wrong-offset": "unsolicited", "frame-length": "tooLarge", "part-total": "tooLarge",
    "part-order": "outOfOrder", "changed-manifest": "badDocument", "changed-layout": "badDocument",
    "silence-in-chunk": "silent",
}
AT_ANY_TIME = {
    "unsolicited-data": "unsolicited", "unsolicited-pong": "unsolicited", "unknown-version": "unknownVersion",
    "request-unknown-version": "unknownVersion", "many-addresses": "tooManyAddresses", "changed-head": "badDocument",
    "hello-twice": "outOfOrder", "levelled-twice": "outOfOrder", "other-lane": "unsupported",
    "unknown-frame": "unsupported", "have-beyond-layout": "malformed",
}
SLOWLY = {"no-hello": "slow", "drip-bytes": "slow", "silence": "silent"}
# Those that cost a liar nothing but its requests, or its connection; for all others it is set aside.
STATES = {"silence-in-chunk": ("connected", "gone", "set-aside"), "silence": ("gone", "set-aside")}


def content_of(name: str) -> bytes:
    """Bytes of its own for each version, so that nothing is known of it from another."""
    return random.Random(name).randbytes(BYTES)


def plain(text: str) -> str:
    """Letters only, so that `bad-chunk`, `bad chunk` and `badChunk` are one word."""
    return "".join(letter for letter in text.lower() if letter.isalpha())


@needs_packages
class MisbehaviourTests(InteropTestCase):
    def expect(self, names: dict[str, str]) -> None:
        from shoal_interop.misbehaviour import Misbehaviour

        for name, error in names.items():
            with self.subTest(misbehaviour=name):
                with self.lie(Misbehaviour(name)) as complete:
                    self.wait_named(name, error)
                    complete()
        self.assert_unharmed()

    def assert_unharmed(self) -> None:
        """All files are those of their manifests, after all that came."""
        self.assertEqual(self.a.status()["node"]["state"], "running")
        self.a.run("verify")

    @contextlib.contextmanager
    def lie(self, misbehaviour: Any) -> Iterator[Callable[[], None]]:
        """A fetch that has a liar alone to ask, and what completes it from somebody else."""
        from shoal_interop.connection import Timing

        model = f"test/{misbehaviour.value}"
        version = self.authority.version(model, "1", 1, {"model.bin": content_of(model)})
        head = self.authority.head(model, version.digest)
        # It does not mind our own silence, since it is its silence that is to be found.
        patient = Timing(silent=60)
        with self.agent(misbehaviour.value, misbehaviour=misbehaviour, documents=(head,), timing=patient) as liar:
            liar.serve(version)
            fetching = self.a.begin("get", f"{model}@{version.digest.hex()}", "--wait", 120, "--json")
            try:
                self.dial(liar)
                yield lambda: self.complete(version, model, fetching)
            finally:
                fetching.kill()
                fetching.communicate()

    def dial(self, liar: object) -> None:
        try:
            liar.dial(self.address)
        except (ConnectionError, TimeoutError):
            pass  # some lies end a connection at once; whether they do is seen in the status

    def wait_named(self, name: str, error: str) -> None:
        def named() -> bool:
            row, states = self.row(name), STATES.get(name, ("set-aside",))
            return bool(row) and row["state"] in states and plain(error) in plain(row["reason"])

        try:
            wait_until(named, NAMED_SECONDS_MAX, f"{name} is named for {error}")
        except AssertionError as failure:
            raise AssertionError(f"{failure}; the status has {self.row(name)}") from None

    def complete(self, version: object, model: str, fetching: object) -> None:
        # A liar may have given every chunk rightly before it lied: that is kept, since it was checked.
        with self.agent(f"honest-{version.manifest.model.partition('/')[2]}") as honest:
            honest.serve(version)
            honest.dial(self.address)
            out, err = fetching.communicate(timeout=FETCH_SECONDS_MAX)
            self.assertEqual(fetching.returncode, 0, err)
            current = self.a.wait_current(model, "1")
            self.assertEqual((current / "model.bin").read_bytes(), content_of(model))
            self.assertEqual(set(digests(current)), {"model.bin"})

    def test_lies_while_serving(self) -> None:
        self.expect(WHILE_SERVING)

    def test_lies_at_any_time(self) -> None:
        self.expect(AT_ANY_TIME)

    def test_liars_that_keep_silent_or_drip(self) -> None:
        """All at once, since each of them takes its time."""
        from shoal_interop.misbehaviour import Misbehaviour

        with contextlib.ExitStack() as stack:
            completing = {name: stack.enter_context(self.lie(Misbehaviour(name))) for name in SLOWLY}
            for name, error in SLOWLY.items():
                self.wait_named(name, error)
            for complete in completing.values():
                complete()
        self.assert_unharmed()

    def test_data_that_drips_does_not_hold_up_a_fetch_that_has_another_source(self) -> None:
        from shoal_interop.misbehaviour import Misbehaviour

        version = self.authority.version("test/drip", "1", 1, {"model.bin": content_of("drip")})
        with self.agent("drip", misbehaviour=Misbehaviour.DRIP_DATA) as liar, self.agent("honest") as honest:
            for agent in (liar, honest):
                agent.serve(version)
                agent.dial(self.address)
            self.a.run("get", f"test/drip@{version.digest.hex()}", seconds=30)
            current = self.a.wait_current("test/drip", "1")
            self.assertEqual((current / "model.bin").read_bytes(), content_of("drip"))
            self.assertTrue(self.row("drip"))

    def test_frame_of_a_later_version_is_ignored(self) -> None:
        from shoal_interop.misbehaviour import Misbehaviour

        version = self.authority.version("test/later", "1", 1, {"model.bin": content_of("later")})
        with self.agent("later", misbehaviour=Misbehaviour.IGNORED_FRAME) as agent:
            agent.serve(version)
            agent.dial(self.address)
            self.a.run("get", f"test/later@{version.digest.hex()}", "--wait", 20)
            self.assertEqual(self.row("later")["state"], "connected")

    def test_store_holds_nothing_of_a_liar(self) -> None:
        """Every chunk of it is wrong, so not one byte may be taken."""
        from shoal_interop.misbehaviour import Misbehaviour

        version = self.authority.version("test/nothing", "1", 1, {"model.bin": content_of("nothing")})
        with self.agent("flipping", misbehaviour=Misbehaviour.FLIPPED_CHUNK) as liar:
            liar.serve(version)
            liar.dial(self.address)
            self.a.run("get", f"test/nothing@{version.digest.hex()}", "--no-wait", code=None)
            self.wait_named("flipping", "badChunk")
        row = self.a.model("test/nothing", "1")
        self.assertEqual(row["bytes_verified"], 0)
        self.assertGreater(row["wasted_bytes"], 0)
        self.assertFalse(self.holds_bytes(self.a.state / "staging"))

    @staticmethod
    def holds_bytes(folder: Path) -> bool:
        """Whether a file of the version that is being assembled has anything but zeros."""
        return any(any(path.read_bytes()) for path in folder.rglob("model.bin"))


if __name__ == "__main__":
    unittest.main()
