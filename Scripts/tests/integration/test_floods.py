"""A member that takes more than its share: of memory, of uploads, of attention. Others must not notice."""

import contextlib
import socket
import threading
import time
import unittest
from typing import Any

from interop import InteropTestCase, needs_packages
from payload import MIB, tree
from waiting import wait_until

MODEL = "acme/detector"
MEMORY_MAX = 96 * MIB


class FloodTestCase(InteropTestCase):
    def publish(self, sizes: dict[str, int]) -> bytes:
        """Publishes files on `a`; the version's digest."""
        files = tree(self.cluster.folder / "files", sizes)
        self.a.run("seed", files, "--model", MODEL, "--version", "1")
        return bytes.fromhex(self.a.model(MODEL, "1")["version"])

    @contextlib.contextmanager
    def flooder(self, name: str) -> Any:
        """A member that has said HELLO and will say what it is told."""
        from shoal_interop import wire
        from shoal_interop.raw import RawPeer

        with RawPeer(self.authority.identity(name), self.address) as peer:
            peer.send(wire.Hello(1, 7))
            self.a.wait_connected(name)
            yield peer

    def assert_serves(self, digest: bytes, seconds: float = 15) -> None:
        """Somebody else gets the version meanwhile, and the agent answers questions at once."""
        with self.agent("honest") as honest:
            honest.dial(self.address)
            self.assertEqual(honest.fetch(MODEL, "1", deadline=seconds).digest, digest)
        begun = time.monotonic()
        self.a.status()
        self.assertLess(time.monotonic() - begun, 1)
        self.assertLess(self.a.memory_peak(), MEMORY_MAX)


@needs_packages
class FloodTests(FloodTestCase):
    def test_documents_asked_for_by_the_thousand_are_put_off(self) -> None:
        from shoal_interop import wire
        from shoal_interop.envelope import MANIFEST

        digest = self.publish({f"folder/file-{number:04}": 10 for number in range(1000)})
        with self.flooder("asker") as peer:
            for first in range(1, 1_001, 500):
                peer.send(*[wire.Fetch(number, MANIFEST, digest) for number in range(first, first + 500)])
            self.assert_serves(digest)
            absent, complete = self.answers(peer, 1_000)
        self.assertGreaterEqual(complete, 16)
        self.assertGreater(absent, 0)

    @staticmethod
    def answers(peer: Any, count: int) -> tuple[int, int]:
        """How many were put off, and how many came whole, until all are answered."""
        from shoal_interop import wire

        absent = complete = 0
        while absent + complete < count:
            message = peer.receive(deadline=10)
            assert message is not None, f"it ended after {absent} and {complete}"
            absent += isinstance(message, wire.Absent) and message.reason == 2
            complete += isinstance(message, wire.Part) and message.offset + len(message.bytes) == message.total
        return absent, complete

    def test_chunks_that_are_asked_for_and_not_read_block_nobody(self) -> None:
        from shoal_interop import wire

        digest = self.publish({"model.bin": 16 * MIB})
        with self.flooder("sleeper") as peer:
            wait_until(lambda: peer.until(wire.Holdings, 5), 5, "the version is opened")
            peer.send(*[wire.Request(number, digest, number % 250) for number in range(1, 250)])
            self.assert_serves(digest)

    def test_more_requests_than_may_be_open_are_refused_as_busy(self) -> None:
        from shoal_interop import wire

        digest = self.publish({"model.bin": 16 * MIB})
        with self.flooder("greedy") as peer:
            wait_until(lambda: peer.until(wire.Holdings, 5), 5, "the version is opened")
            peer.send(*[wire.Request(number, digest, number % 250) for number in range(1, 1_001)])
            refusal = peer.until(wire.Refuse, deadline=10)
            self.assertEqual((refusal.reason, refusal.retry_milliseconds > 0), (wire.REFUSED_BUSY, True))
            self.assert_serves(digest)

    def test_versions_that_nobody_knows_are_remembered_within_bounds(self) -> None:
        from shoal_interop import wire

        digest = self.publish({"model.bin": MIB})
        with self.flooder("teller") as peer:
            for number in range(1_500):
                peer.send(wire.Holdings(number.to_bytes(32, "big"), 0, 131_072, 0, b"\xff" * 16_384))
            self.assert_serves(digest)
            self.assertIsNotNone(self.row("teller"))

    def test_documents_without_end_are_read_slowly(self) -> None:
        from shoal_interop import wire
        from shoal_interop.maker import Cluster

        digest = self.publish({"model.bin": MIB})
        frame = wire.Document(3, Cluster("elsewhere").head(MODEL, digest).encode()).encode()
        with self.flooder("scribe") as peer:
            sender = threading.Thread(target=send_until_stopped, args=(peer, frame * 100), daemon=True)
            sender.start()
            self.assert_serves(digest)
            peer.sock.shutdown(socket.SHUT_RDWR)
            sender.join(5)

    def test_member_that_asks_and_never_reads_is_dropped_as_slow(self) -> None:
        from shoal_interop import wire

        digest = self.publish({"model.bin": MIB})
        with self.flooder("deaf") as peer:
            send_until_stopped(peer, b"".join(wire.Ping(number).encode() for number in range(2_000)))
            row = wait_until(lambda: self.row("deaf")["state"] == "set-aside" and self.row("deaf"), 5, "it is named")
        self.assertIn("slow", row["reason"])
        self.assert_serves(digest)

    def test_each_request_for_a_certificate_is_answered(self) -> None:
        from shoal_interop import wire

        with self.flooder("renewer") as peer:
            peer.send(*[wire.Renew(number) for number in range(1, 101)])
            answered = set()
            while len(answered) < 100:
                message = peer.receive(deadline=5)
                if isinstance(message, wire.Certificate | wire.Absent):
                    answered.add(message.request)

    def test_answer_that_outgrows_its_own_total_is_refused(self) -> None:
        from shoal_interop import wire
        from shoal_interop.envelope import HEAD
        from shoal_interop.wire import Code

        self.a.run("follow", MODEL)
        with self.flooder("grower") as peer:
            peer.send(wire.Document(HEAD, self.authority.head(MODEL, b"\xab" * 32).encode()))
            fetch = peer.until(wire.Fetch, deadline=10)
            self.assertEqual(fetch.digest, b"\xab" * 32)
            peer.send(wire.Part(fetch.request, 100, 0, bytes(90)), wire.Part(fetch.request, 100, 90, bytes(90)))
            self.assertIn(peer.goodbye(), (Code.OUT_OF_ORDER, Code.MALFORMED, Code.TOO_LARGE))
        wait_until(lambda: self.row("grower")["state"] == "set-aside", 5, "it is named")


def send_until_stopped(peer: Any, data: bytes) -> None:
    """Sends as much as the other end takes."""
    with contextlib.suppress(OSError, ValueError):
        for _ in range(1_000):
            peer.send(data)


if __name__ == "__main__":
    unittest.main()
