"""Agents of ours against each other over loopback, and each misbehaviour against an honest one."""

import os
import pathlib
import tempfile
import unittest

from shoal_interop import wire
from shoal_interop.agent import Agent
from shoal_interop.connection import Timing
from shoal_interop.fetching import FetchFailed
from shoal_interop.joining import Issuer
from shoal_interop.maker import Cluster
from shoal_interop.misbehaviour import Misbehaviour as M
from shoal_interop.raw import RawPeer
from shoal_interop.vectors_wire import conversations
from shoal_interop.wire import Code

LOOPBACK = ("127.0.0.1", 0)
QUICK = Timing().scaled(0.1)
CLUSTER = Cluster("loopback")
CONTENT = {"weights/a.bin": os.urandom(500_000), "weights/b.bin": os.urandom(70_000), "empty": b"", "c": b"c"}
VERSION = CLUSTER.version("vision/detect", "v1", 1, CONTENT)


def agent(name: str, listen=LOOPBACK, **more) -> Agent:
    return Agent(CLUSTER.identity(name), listen, timing=more.pop("timing", QUICK), **more)


class ExchangeTests(unittest.TestCase):
    def test_fetch_by_tag_writes_every_file(self):
        with tempfile.TemporaryDirectory() as folder, agent("seed") as seed, agent("leecher", None) as leecher:
            seed.serve(VERSION)
            leecher.dial(seed.address)
            version = leecher.fetch("vision/detect", "v1", into=folder, deadline=10)
            self.assertEqual(version.digest, VERSION.digest)
            for path, content in CONTENT.items():
                self.assertEqual((pathlib.Path(folder) / "default" / path).read_bytes(), content)

    def test_fetch_by_channel_from_two_half_seeds(self):
        with agent("one") as one, agent("two") as two, agent("leecher") as leecher:
            count = len(VERSION.chunks)
            one.serve(VERSION, only=range(0, count, 2))
            two.serve(VERSION, only=range(1, count, 2))
            two.publish(CLUSTER.head("vision/detect", VERSION.digest))
            leecher.dial(one.address)
            leecher.dial(two.address)
            self.assertEqual(leecher.fetch("vision/detect", channel="stable", deadline=10).chunks, VERSION.chunks)
            sources = {event.node for event in leecher.events.all("chunk")}
            self.assertEqual(sources, {one.node_id, two.node_id})

    def test_a_directing_seed_gives_each_chunk_out_once_first(self):
        with agent("seed") as seed, agent("one") as one, agent("two") as two:
            seed.serve(VERSION, directing=True)
            one.dial(seed.address)
            two.dial(seed.address)
            one.dial(two.address)
            import threading
            threads = [threading.Thread(target=leecher.fetch, args=("vision/detect", "v1")) for leecher in (one, two)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            for leecher in (one, two):
                self.assertTrue(leecher.held[VERSION.digest].complete)

    def test_a_head_reaches_an_agent_that_is_two_hops_away_and_old_ones_are_dropped(self):
        with agent("one") as one, agent("two") as two, agent("three") as three:
            one.dial(two.address)
            two.dial(three.address)
            heads = [CLUSTER.head("hop", bytes([number]) * 32) for number in range(2)]
            one.publish(heads[1])
            three.wait_for(lambda: three.head_of("hop") == bytes([1]) * 32)
            three.publish(CLUSTER.head("hop", bytes([9]) * 32))
            one.wait_for(lambda: one.head_of("hop") == bytes([9]) * 32)

    def test_newer_roots_are_levelled_oldest_first(self):
        cluster = Cluster("roots")
        early, old = cluster.identity("early"), cluster.identity("one")
        newer = tuple(cluster.advance_root() for _ in range(3))
        with Agent(old, LOOPBACK, documents=newer) as one, Agent(early) as two:
            self.assertEqual(one.records.root.version, 4)
            two.dial(one.address)
            two.wait_for(lambda: two.records.root.version == 4)
            self.assertEqual([envelope for envelope, _ in two.records.roots[1:]], list(newer))

    def test_a_denied_node_is_cut_off_and_not_let_in_again(self):
        with agent("one") as one, agent("outcast") as outcast, agent("three") as three:
            one.dial(three.address)
            outcast.dial(one.address)
            three.publish(CLUSTER.deny(node=outcast.node_id))
            outcast.events.wait("goodbye-received", code=Code.DENIED)
            with self.assertRaises(OSError):
                outcast.dial(one.address)

    def test_a_denied_version_is_not_sent(self):
        with agent("one") as one, agent("two") as two:
            one.publish(CLUSTER.deny(model="vision/detect", version=VERSION.digest))
            one.serve(VERSION)
            two.dial(one.address)
            with self.assertRaises(FetchFailed):
                two.fetch("vision/detect", digest=VERSION.digest, deadline=3)

    def test_dialling_oneself_ends_with_self(self):
        with agent("me") as me:
            with self.assertRaises(OSError):
                me.dial(me.address)
            me.events.wait("goodbye-sent", code=Code.SELF)

    def test_of_two_connections_the_one_of_the_lower_node_stays(self):
        with agent("one") as one, agent("two") as two:
            one.dial(two.address)
            try:
                two.dial(one.address)
            except OSError:
                pass
            lower, higher = sorted((one, two), key=lambda side: side.node_id)

            def kept(side, other, dialled) -> bool:
                connection = side.neighbours.get(other.node_id)
                return connection is not None and connection.dialled == dialled and len(side.connections) == 1

            lower.wait_for(lambda: kept(lower, higher, True))
            higher.wait_for(lambda: kept(higher, lower, False))

    def test_find_reaches_two_hops(self):
        with agent("one") as one, agent("two") as two, agent("three") as three:
            three.serve(VERSION)
            two.dial(three.address)
            one.dial(two.address)
            entries = one.find("vision/detect", hops=2)
            self.assertIn((three.node_id, three.address[1]), {(entry.node_id, entry.port) for entry in entries})

    def test_renewal_keeps_key_and_name(self):
        identity = CLUSTER.identity("issuer")
        with Agent(identity, LOOPBACK, issuer=Issuer(CLUSTER, identity)) as issuer, agent("old", None) as old:
            old.dial(issuer.address)
            from shoal_interop.keys import check_issued, read_node_certificate
            certificate = old.renew()
            check_issued(certificate, CLUSTER.ca_certificate, CLUSTER.now)
            self.assertEqual(read_node_certificate(certificate).node_id, old.node_id)

    def test_a_frame_of_a_later_version_is_skipped(self):
        with agent("honest") as honest, agent("later", misbehaviour=M.IGNORED_FRAME) as later:
            later.serve(VERSION)
            honest.dial(later.address)
            self.assertEqual(honest.fetch("vision/detect", "v1", deadline=10).digest, VERSION.digest)


class ConversationTests(unittest.TestCase):
    def test_each_conversation_of_the_vectors_earns_its_code(self):
        for name, frames, codes in conversations():
            with self.subTest(name), agent("honest") as honest:
                with RawPeer(CLUSTER.identity("raw"), honest.address) as raw:
                    raw.send(*frames)
                    self.assertIn(raw.goodbye(), codes)

    def test_an_open_peer_is_answered_and_goodbye_ends_it(self):
        with agent("honest") as honest, RawPeer(CLUSTER.identity("raw"), honest.address) as raw:
            raw.send(wire.Hello(1, 1), wire.Ping(77))
            self.assertIsInstance(raw.receive(), wire.Hello)
            self.assertEqual(raw.until(wire.Pong).token, 77)
            raw.send(wire.Goodbye(0))
            honest.events.wait("goodbye-received", code=Code.LEAVING)


# What the honest side answers to what a seed does wrong while a version is fetched from it.
AS_SOURCE = {
    M.FLIPPED_CHUNK: Code.BAD_CHUNK, M.WRONG_INDEX: None, M.FRAME_LENGTH: Code.TOO_LARGE,
    M.DATA_BEYOND_CHUNK: Code.UNSOLICITED, M.DATA_WRONG_OFFSET: Code.UNSOLICITED,
    M.UNSOLICITED_DATA: Code.UNSOLICITED, M.PART_TOTAL: Code.TOO_LARGE, M.PART_ORDER: Code.OUT_OF_ORDER,
    M.CHANGED_MANIFEST: Code.BAD_DOCUMENT, M.CHANGED_LAYOUT: Code.BAD_DOCUMENT,
    M.SILENCE: Code.SILENT, M.DRIP_BYTES: Code.SLOW,
}
# The same for what is wrong as soon as the connection is there.
AT_START = {
    M.MANY_ADDRESSES: Code.TOO_MANY_ADDRESSES, M.UNSOLICITED_PONG: Code.UNSOLICITED,
    M.UNKNOWN_VERSION: Code.UNKNOWN_VERSION, M.REQUEST_UNKNOWN_VERSION: Code.UNKNOWN_VERSION,
    M.HAVE_BEYOND_LAYOUT: Code.MALFORMED, M.CHANGED_HEAD: Code.BAD_DOCUMENT, M.HELLO_TWICE: Code.OUT_OF_ORDER,
    M.LEVELLED_TWICE: Code.OUT_OF_ORDER, M.OTHER_LANE: Code.UNSUPPORTED, M.UNKNOWN_FRAME: Code.UNSUPPORTED,
    M.NO_HELLO: Code.SLOW, M.OTHER_CLUSTER: Code.OTHER_CLUSTER,
}
HANDSHAKE = [one for one in M if one.breaks_handshake]


class MisbehaviourTests(unittest.TestCase):
    def test_each_misbehaviour_of_a_source_is_refused_with_its_code_and_an_honest_source_serves_instead(self):
        for wrong, code in AS_SOURCE.items():
            with self.subTest(wrong.value), agent("honest", None) as honest, agent("good") as good:
                with agent(f"bad-{wrong.value}", misbehaviour=wrong) as bad:
                    bad.serve(VERSION)
                    good.serve(VERSION)
                    honest.dial(bad.address)
                    honest.dial(good.address)
                    version = honest.fetch("vision/detect", "v1", deadline=15)
                    self.assertEqual(version.chunks, VERSION.chunks)
                    sent = honest.events.wait("goodbye-sent", node=bad.node_id)
                    if code is not None:
                        self.assertEqual(sent.code, code)
                        if code is not Code.SILENT:
                            honest.events.wait("set-aside", node=bad.node_id)

    def test_a_flipped_chunk_earns_bad_and_nobody_else_is_blamed(self):
        with agent("honest", None) as honest, agent("bad", misbehaviour=M.FLIPPED_CHUNK) as bad:
            bad.serve(VERSION)
            honest.dial(bad.address)
            with self.assertRaises(FetchFailed):
                honest.fetch("vision/detect", "v1", deadline=5)
            bad.events.wait("bad-received")
            bad.events.wait("goodbye-received", code=Code.BAD_CHUNK)
            with self.assertRaises(OSError):
                honest.dial(bad.address)

    def test_each_misbehaviour_at_the_start_is_refused_with_its_code(self):
        for wrong, code in AT_START.items():
            with self.subTest(wrong.value), agent("honest") as honest:
                identity = wrong.identity(CLUSTER, f"bad-{wrong.value}")
                with Agent(identity, misbehaviour=wrong, timing=QUICK) as bad:
                    bad.serve(VERSION)
                    honest.serve(VERSION)
                    bad.publish(CLUSTER.head("vision/detect", VERSION.digest, f"channel-{wrong.value}"))
                    try:
                        bad.dial(honest.address, 5)
                    except OSError:
                        pass
                    self.assertEqual(honest.events.wait("goodbye-sent").code, code)

    def test_no_handshake_with_a_wrong_certificate_version_or_protocol(self):
        for wrong in HANDSHAKE:
            for honest_dials in (True, False):
                if wrong is M.NO_CERTIFICATE and honest_dials:
                    continue  # a TLS server always has a certificate
                with self.subTest(wrong.value, honest_dials=honest_dials), agent("honest") as honest:
                    identity = wrong.identity(CLUSTER, f"bad-{wrong.value}")
                    with Agent(identity, LOOPBACK, misbehaviour=wrong, timing=QUICK) as bad:
                        one, two = (honest, bad) if honest_dials else (bad, honest)
                        with self.assertRaises(OSError):
                            one.dial(two.address, 5)
                        self.assertEqual(honest.events.all("connected"), [])

    def test_a_source_that_falls_silent_in_each_chunk_is_given_up_and_after_three_times_closed(self):
        with agent("honest", None) as honest, agent("bad", misbehaviour=M.SILENCE_IN_CHUNK) as bad:
            bad.serve(VERSION)
            honest.dial(bad.address)
            with self.assertRaises(FetchFailed):
                honest.fetch("vision/detect", "v1", deadline=10)
            bad.events.wait("cancel-received")
            bad.events.wait("goodbye-received", code=Code.STALLED)
            self.assertEqual(len(honest.events.all("given-up")), 3)

    def test_a_source_that_drips_is_given_up_for_a_better_one(self):
        with agent("honest", None, timing=Timing()) as honest, agent("good") as good:
            with agent("bad", misbehaviour=M.DRIP_DATA) as bad:
                bad.serve(VERSION)
                honest.dial(bad.address)
                good.serve(VERSION)
                honest.dial(good.address)
                self.assertEqual(honest.fetch("vision/detect", "v1", deadline=20).chunks, VERSION.chunks)
                honest.events.wait("given-up", node=bad.node_id)


if __name__ == "__main__":
    unittest.main()
