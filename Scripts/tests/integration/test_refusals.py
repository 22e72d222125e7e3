"""Who is no member, and members whose frames break a rule: refused with the right word, and nothing of it is acted on.

Most of it is said by `RawPeer`, which sends any bytes and tells what came back.
"""

import contextlib
import json
import select
import socket
import ssl
import time
import unittest
from collections.abc import Iterator
from typing import Any

from interop import InteropTestCase, needs_packages
from node import ROOT
from waiting import wait_until

VECTORS = ROOT / "Protocol" / "vectors" / "wire.json"
HANDSHAKE_SECONDS = 5.0
SLACK_SECONDS = 1.0
SILENT_SOCKETS = 100
UNPROVED_SOCKETS_MAX = 64


class RefusalTestCase(InteropTestCase):
    def raw(self, name: str, identity: Any = None, **options: Any) -> Any:
        from shoal_interop.raw import RawPeer

        return RawPeer(identity or self.authority.identity(name), self.address, **options)

    def assert_lives(self, name: str = "late") -> None:
        """A good member still gets in."""
        with self.agent(name) as agent:
            agent.dial(self.address, deadline=HANDSHAKE_SECONDS)
            self.a.wait_connected(name)


@needs_packages
class StrangerTests(RefusalTestCase):
    """Each stranger finishes its half of the handshake if it can and sends a HELLO; none is answered or noted."""

    def strangers(self) -> list[Any]:
        from shoal_interop.misbehaviour import Misbehaviour

        return [
            Misbehaviour.NO_CERTIFICATE, Misbehaviour.FOREIGN_CA, Misbehaviour.EXPIRED, Misbehaviour.NOT_YET_VALID,
            Misbehaviour.TLS_1_2, Misbehaviour.OTHER_ALPN, Misbehaviour.WRONG_URI, Misbehaviour.TWO_URIS,
        ]

    def answer(self, identity: Any, misbehaviour: Any) -> list[Any]:
        """What a stranger hears that says HELLO as soon as it may."""
        from shoal_interop import wire
        from shoal_interop.raw import RawPeer

        heard = []
        try:
            with RawPeer(identity, self.address, misbehaviour=misbehaviour, deadline=5) as peer:
                peer.send(wire.Hello(1, 7))
                while (message := peer.receive(deadline=5)) is not None:
                    heard.append(message)
        except (OSError, ssl.SSLError):
            pass  # an alert, which is what is wanted
        return heard

    def test_no_stranger_hears_or_says_a_frame(self) -> None:
        for stranger in self.strangers():
            with self.subTest(stranger=stranger.value):
                self.assertEqual(self.answer(stranger.identity(self.authority, stranger.value), stranger), [])
                self.assertEqual(self.row(stranger.value), {})
        self.assert_lives()

    def test_denied_node_hears_and_says_nothing(self) -> None:
        from shoal_interop.misbehaviour import Misbehaviour

        identity = self.authority.identity("denied")
        self.a.run("deny", identity.node_id.hex())
        self.assertEqual(self.answer(identity, Misbehaviour.NONE), [])
        self.assertNotIn(self.row("denied").get("state"), ("connected", "busy"))
        self.assert_lives()

    def test_member_of_another_cluster_under_the_same_authority_is_refused_and_named(self) -> None:
        from shoal_interop import wire
        from shoal_interop.wire import Code

        with self.raw("other", self.authority.other_cluster("other")) as peer:
            peer.send(wire.Hello(1, 7))
            self.assertEqual(peer.goodbye(), Code.OTHER_CLUSTER)
        row = wait_until(lambda: self.row("other"), 5, "the other cluster's node is named")
        self.assertEqual(row["state"], "set-aside")
        self.assertIn("otherCluster", row["reason"])
        self.assert_lives()

    def test_bytes_that_are_no_tls_are_refused_at_once(self) -> None:
        noise = {
            "http": b"GET / HTTP/1.1\r\n\r\n", "zeros": bytes(1 << 20), "frame": bytes.fromhex("0000000111"),
        }
        for name, data in noise.items():
            with self.subTest(bytes=name), socket.create_connection(self.address, timeout=HANDSHAKE_SECONDS) as sock:
                with contextlib.suppress(ConnectionError):
                    sock.sendall(data)
                    while sock.recv(4096):
                        pass
        self.assert_lives()


@needs_packages
class FrameTests(RefusalTestCase):
    """`Protocol/vectors/wire.json` said to a real agent, by a new node each time: most of it sets a node aside."""

    def test_conversations_of_the_vectors_end_with_their_codes(self) -> None:
        for number, conversation in enumerate(json.loads(VECTORS.read_text())["conversations"]):
            with self.subTest(conversation=conversation["name"]), self.raw(f"talker-{number}") as peer:
                for frame in conversation["frames"]:
                    peer.send(bytes.fromhex(frame))
                self.assertIn(peer.goodbye(deadline=5), conversation["codes"])
                self.assert_named(f"talker-{number}")
        self.assert_lives()

    def test_refused_frames_of_the_vectors_end_with_their_codes(self) -> None:
        from shoal_interop import wire

        for number, refused in enumerate(json.loads(VECTORS.read_text())["refused"]):
            with self.subTest(frame=refused["name"]), self.raw(f"breaker-{number}") as peer:
                data = bytes.fromhex(refused["bytes"])
                if data[4:5] != b"\x01":
                    peer.send(wire.Hello(1, number))
                peer.send(data)
                self.assertIn(peer.goodbye(deadline=5), refused["codes"])
        self.assert_lives()

    def test_frames_that_are_to_be_ignored_are(self) -> None:
        from shoal_interop import wire

        with self.raw("later") as peer:
            peer.send(wire.Hello(1, 7))
            for ignored in json.loads(VECTORS.read_text())["ignored"]:
                peer.send(bytes.fromhex(ignored["bytes"]))
            peer.send(wire.Ping(77))
            self.assertEqual(peer.until(wire.Pong, deadline=5), wire.Pong(77))

    def assert_named(self, name: str) -> None:
        row = wait_until(lambda: self.row(name), 5, f"{name} is named")
        self.assertEqual((row["state"], bool(row["reason"])), ("set-aside", True))

    def test_node_that_is_set_aside_is_told_why_when_it_comes_back(self) -> None:
        from shoal_interop import wire
        from shoal_interop.wire import Code

        identity = self.authority.identity("again")
        for hello in (wire.Hello(1, 7), wire.Hello(1, 8)):
            with self.raw("again", identity) as peer:
                peer.send(hello, wire.Levelled(), wire.Levelled())
                self.assertEqual(peer.goodbye(deadline=5), Code.OUT_OF_ORDER)
        self.assert_named("again")
        self.assert_lives()


@needs_packages
class UnprovedTests(RefusalTestCase):
    """Sockets that prove nothing hold nothing up, and go."""

    @contextlib.contextmanager
    def silent_sockets(self) -> Iterator[list[socket.socket]]:
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(socket.create_connection(self.address, 5)) for _ in range(SILENT_SOCKETS)]

    def test_silent_sockets_keep_nobody_out_and_are_dropped(self) -> None:
        begun = time.monotonic()
        with self.silent_sockets() as sockets:
            self.assert_lives()
            early = wait_until(lambda: closed(sockets) >= SILENT_SOCKETS - UNPROVED_SOCKETS_MAX, 2, "the oldest go")
            self.assertTrue(early)
            left = HANDSHAKE_SECONDS + SLACK_SECONDS - (time.monotonic() - begun)
            wait_until(lambda: closed(sockets) == SILENT_SOCKETS, left, "all are dropped")
        self.assertGreater(time.monotonic() - begun, HANDSHAKE_SECONDS - SLACK_SECONDS)

    def test_handshake_that_drips_is_dropped_in_time(self) -> None:
        hello = client_hello()
        begun = time.monotonic()
        with socket.create_connection(self.address, 5) as sock:
            for byte in hello:
                if select.select([sock], [], [], 0.1)[0]:
                    break
                with contextlib.suppress(ConnectionError):
                    sock.sendall(bytes([byte]))
            self.assertEqual(closed([sock]), 1)
        took = time.monotonic() - begun
        self.assertTrue(HANDSHAKE_SECONDS - SLACK_SECONDS < took < HANDSHAKE_SECONDS + SLACK_SECONDS, took)
        self.assert_lives()

    def test_newcomers_that_say_nothing_or_nonsense_are_dropped(self) -> None:
        with contextlib.ExitStack() as stack:
            mute = [self.newcomer(stack) for _ in range(20)]
            for data in (b"\xff\xff\xff\xff", bytes(4), b"\0\0\0\5hello"):
                talker = self.newcomer(stack)
                talker.sendall(data)
                talker.settimeout(2)
                self.assertEqual(talker.recv(1), b"", data)
            self.assert_lives()
            wait_until(lambda: all(is_over(one) for one in mute), HANDSHAKE_SECONDS + SLACK_SECONDS, "all are dropped")
        self.cluster.join("b", start=False)  # and who has a token still gets in

    def newcomer(self, stack: contextlib.ExitStack) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["shoal-join/1"])
        sock = stack.enter_context(socket.create_connection(self.address, 5))
        return stack.enter_context(context.wrap_socket(sock))

    def test_member_that_says_no_hello_is_dropped_in_time_and_named(self) -> None:
        from shoal_interop.wire import Code

        begun = time.monotonic()
        with self.raw("mute") as peer:
            self.assertEqual(peer.goodbye(deadline=HANDSHAKE_SECONDS + SLACK_SECONDS), Code.SLOW)
        self.assertGreater(time.monotonic() - begun, HANDSHAKE_SECONDS - SLACK_SECONDS)
        row = wait_until(lambda: self.row("mute"), 2, "it is named")
        self.assertEqual(row["state"], "set-aside")
        self.assertIn("slow", row["reason"])


def closed(sockets: list[socket.socket]) -> int:
    """How many of them the other end has closed."""
    count = 0
    for sock in sockets:
        sock.setblocking(False)
        try:
            count += sock.recv(1) == b""
        except BlockingIOError:
            pass
        except ConnectionError:
            count += 1
    return count


def is_over(sock: ssl.SSLSocket) -> bool:
    sock.settimeout(0.01)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def client_hello() -> bytes:
    """The first flight of a client that speaks TLS 1.3."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["shoal/1"])
    session = context.wrap_bio(incoming, outgoing, server_hostname="a")
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


if __name__ == "__main__":
    unittest.main()
