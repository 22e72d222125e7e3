"""One byte changed on the way, in each kind of document and in a chunk, while an older version is served.

The damage is refused, its sender set aside, the older version stays, and the new one comes whole from somewhere else.
"""

import random
import unittest
from typing import Any

from interop import InteropTestCase, needs_packages
from waiting import wait_until

MODEL = "acme/detector"
OLD = {"model.bin": random.Random("old").randbytes(300_000)}
NEW = {"model.bin": random.Random("new").randbytes(300_000), "sub/more": b"more"}


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


@needs_packages
class WireDamageTests(InteropTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.old = self.authority.version(MODEL, "1", 1, OLD)
        self.new = self.authority.version(MODEL, "2", 2, NEW)
        self.a.run("follow", MODEL)
        with self.agent("first", documents=(self.authority.head(MODEL, self.old.digest),)) as first:
            first.serve(self.old)
            first.dial(self.address)
            self.a.wait_complete(MODEL, "1")
            wait_until(lambda: self.is_current(OLD), 5, "the old version is current")
        self.head = self.authority.head(MODEL, self.new.digest)

    def is_current(self, files: dict[str, bytes]) -> bool:
        folder = self.a.current(MODEL)
        found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return found == files

    def assert_refused(self, name: str, code: str) -> None:
        """It is set aside for that, and the old version is as it was."""
        row = wait_until(lambda: self.row(name), 10, f"{name} is known")
        row = wait_until(lambda: self.row(name)["state"] == "set-aside" and self.row(name), 10, f"{name} is set aside")
        self.assertIn(code, row["reason"])
        self.assertTrue(self.is_current(OLD))
        self.assertTrue(self.a.model(MODEL, "1")["current"])

    def assert_completes_elsewhere(self) -> None:
        with self.agent("honest", documents=(self.head,)) as honest:
            honest.serve(self.new)
            honest.dial(self.address)
            self.a.wait_complete(MODEL, "2", seconds=15)
            wait_until(lambda: self.is_current(NEW), 5, "the new version is current")
        self.a.run("verify")

    def lie(self, misbehaviour: Any, code: str) -> None:
        with self.agent("liar", misbehaviour=misbehaviour, documents=(self.head,)) as liar:
            liar.serve(self.new)
            liar.dial(self.address)
            self.assert_refused("liar", code)
        self.assert_completes_elsewhere()

    def send(self, name: str, kind: int, envelope: bytes) -> None:
        """A member sends one document as it is."""
        from shoal_interop import wire
        from shoal_interop.raw import RawPeer
        from shoal_interop.wire import Code

        with RawPeer(self.authority.identity(name), self.address) as peer:
            peer.send(wire.Hello(1, 7), wire.Document(kind, envelope))
            self.assertEqual(peer.goodbye(deadline=5), Code.BAD_DOCUMENT)
        self.assert_refused(name, "badDocument")

    def test_changed_manifest(self) -> None:
        from shoal_interop.misbehaviour import Misbehaviour

        self.lie(Misbehaviour.CHANGED_MANIFEST, "badDocument")

    def test_changed_layout(self) -> None:
        from shoal_interop.misbehaviour import Misbehaviour

        self.lie(Misbehaviour.CHANGED_LAYOUT, "badDocument")

    def test_changed_chunk(self) -> None:
        from shoal_interop.misbehaviour import Misbehaviour

        self.lie(Misbehaviour.FLIPPED_CHUNK, "badChunk")

    def test_changed_head(self) -> None:
        from shoal_interop.envelope import HEAD

        data = self.head.encode()
        body = data.index(self.new.digest)
        for number, at in enumerate((body, len(data) - 5)):  # in the body, and in the signature
            with self.subTest(at=at):
                self.send(f"liar-{number}", HEAD, changed(data, at))
        self.assert_completes_elsewhere()

    def test_changed_deny_record(self) -> None:
        from shoal_interop.envelope import DENY

        data = self.authority.deny(model=MODEL, version=self.new.digest).encode()
        # As if it had denied the version that is served.
        self.send("liar", DENY, data.replace(self.new.digest, self.old.digest))
        self.assert_completes_elsewhere()

    def test_changed_root(self) -> None:
        from shoal_interop.envelope import ROOT

        data = self.authority.advance_root().encode()
        self.send("liar", ROOT, changed(data, data.index(self.authority.root.cluster_name.encode())))
        self.assertEqual(self.a.status()["node"]["cluster"], self.authority.root.cluster_name)
        self.assert_completes_elsewhere()


if __name__ == "__main__":
    unittest.main()
