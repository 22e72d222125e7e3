"""Documents, frames, tokens: round trips, sizes at the edges, and the committed vectors."""

import json
import pathlib
import subprocess
import sys
import unittest
from dataclasses import replace

from shoal_interop import joining_messages, wire
from shoal_interop.documents import Deny, Head, Manifest, Root, RootKey
from shoal_interop.elements import Refused, pattern_matches
from shoal_interop.envelope import RIGHT_PROMOTE, Envelope
from shoal_interop.framing import Deframer, decode_one
from shoal_interop.join_token import Token
from shoal_interop.keys import Key
from shoal_interop.layout import Layout, cut, fixed_chunk_bytes, make_version
from shoal_interop.maker import Cluster
from shoal_interop.trust import Records, open_document, open_first_root, open_next_root
from shoal_interop.violations import Violation

INTEROP = pathlib.Path(__file__).resolve().parents[1]
VECTORS = INTEROP.parents[1] / "Protocol" / "vectors"
KINDS = {"root": 1, "manifest": 2, "head": 3, "deny": 4}
BODIES = {"root": Root, "manifest": Manifest, "head": Head, "deny": Deny}


def load(name: str) -> dict:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


class VectorTests(unittest.TestCase):
    def test_committed_vectors_are_what_the_maker_makes(self):
        done = subprocess.run([sys.executable, str(INTEROP / "make_vectors.py"), "--check"], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr.decode())

    def setUp(self):
        self.documents = load("documents.json")
        self.roots = {
            entry["name"]: Root.decode(bytes.fromhex(entry["body"]))
            for entry in self.documents["documents"] if entry["kind"] == "root"
        }

    def open(self, kind: str, data: bytes, root: str | None):
        if kind == "root":
            return open_first_root(data, Envelope.decode(data).digest)
        return open_document(data, self.roots[root], KINDS[kind])

    def test_documents_read_back_to_the_same_bytes(self):
        for entry in self.documents["documents"]:
            envelope, body = self.open(entry["kind"], bytes.fromhex(entry["bytes"]), entry["root"])
            self.assertEqual(envelope.encode().hex(), entry["bytes"], entry["name"])
            self.assertEqual(body.encode().hex(), entry["body"], entry["name"])
            self.assertEqual(envelope.digest.hex(), entry["digest"], entry["name"])

    def test_a_changed_bit_in_a_body_is_refused_where_the_vectors_say_so(self):
        for entry in self.documents["documents"]:
            body = bytes.fromhex(entry["body"])
            for at in entry["parseCorruptAt"][:60]:
                changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
                with self.assertRaises(Refused, msg=f"{entry['name']} at {at}"):
                    BODIES[entry["kind"]].decode(changed)

    def test_refused_documents_are_refused_for_their_reason(self):
        for entry in self.documents["refused"]:
            with self.assertRaises(Refused, msg=entry["name"]) as caught:
                self.open(entry["kind"], bytes.fromhex(entry["bytes"]), entry["root"])
            self.assertEqual(caught.exception.reason, entry["reason"], entry["name"])

    def test_roots_that_follow(self):
        for entry in self.documents["successions"]:
            try:
                open_next_root(bytes.fromhex(entry["bytes"]), self.roots[entry["current"]])
                reason = None
            except Refused as refused:
                reason = refused.reason
            self.assertEqual(reason, entry["reason"], entry["name"])

    def test_frames_read_back_to_the_same_bytes_and_bad_ones_are_refused(self):
        vectors = load("wire.json")
        for entry in vectors["frames"]:
            self.assertEqual(decode_one(bytes.fromhex(entry["bytes"])).encode().hex(), entry["bytes"])
        for entry in vectors["refused"]:
            with self.assertRaises(Violation, msg=entry["name"]) as caught:
                Deframer().feed(bytes.fromhex(entry["bytes"]))
            self.assertIn(caught.exception.code, entry["codes"], entry["name"])
        self.assertEqual({entry["type"] for entry in vectors["frames"]}, set(wire.MESSAGES))

    def test_tokens_and_join_messages(self):
        vectors = load("token.json")
        for entry in vectors["tokens"]:
            self.assertEqual(Token.parse(entry["text"]).encode().hex(), entry["bytes"])
        for entry in vectors["refused"]:
            with self.assertRaises(Refused, msg=entry["name"]):
                Token.parse(entry["text"])
        for entry in vectors["messages"]:
            self.assertEqual(joining_messages.decode_one(bytes.fromhex(entry["bytes"])).encode().hex(), entry["bytes"])


class RuleTests(unittest.TestCase):
    def test_chunk_size_is_the_next_power_of_two_of_a_2048th(self):
        for total, size in ((0, 16_384), (1, 16_384), (16_384 * 2_048, 16_384), (16_384 * 2_048 + 1, 32_768),
                            (2**33, 4_194_304), (2**33 + 1, 4_194_304), (2**40, 4_194_304)):
            self.assertEqual(fixed_chunk_bytes(total), size)

    def test_cutting_at_the_edges(self):
        for count in (0, 1, 65_535, 65_536, 65_537, 131_072):
            _, layout, chunks, _ = cut({"default": {"f": bytes(range(256)) * (count // 256) + bytes(count % 256)}})
            self.assertEqual(sum(len(chunks[index]) for index in layout.files[0]), count)
            self.assertEqual(Layout.decode(layout.encode()), layout)

    def test_patterns(self):
        for pattern, model, expected in (("*", "a/b", True), ("a", "a", True), ("a", "a/b", False), ("a/*", "a", False),
                                         ("a/*", "a/b", True), ("a/*", "a/b/c", True), ("a/*", "ab", False)):
            self.assertEqual(pattern_matches(pattern, model), expected, (pattern, model))

    def test_a_stream_cut_anywhere_gives_the_same_messages(self):
        frames = [wire.Ping(1), wire.Data(1, 0, b"x" * 100), wire.Leave(bytes(32))]
        stream = b"".join(frame.encode() for frame in frames)
        for at in range(len(stream)):
            deframer = Deframer()
            self.assertEqual(deframer.feed(stream[:at]) + deframer.feed(stream[at:]), frames)

    def test_of_two_heads_with_one_counter_the_lower_digest_wins_whatever_the_order(self):
        cluster = Cluster()
        heads = [cluster.head("m", bytes([number]) * 32, counter=5) for number in range(6)]
        lowest = min(heads, key=lambda envelope: envelope.digest)
        for order in (heads, heads[::-1]):
            records = Records([(cluster.root_envelope, cluster.root)])
            for head in order:
                try:
                    records.accept(3, head.encode())
                except Refused as refused:
                    self.assertEqual(refused.reason, "older")
            self.assertEqual(records.heads[("m", "stable")][0].digest, lowest.digest)

    def test_a_union_keeps_the_sixteen_lowest_key_ids_whichever_copy_came_first(self):
        cluster = Cluster()
        signers = sorted((Key.generate() for _ in range(20)), key=lambda key: key.key_id)
        entries = tuple(RootKey(key.spki, RIGHT_PROMOTE, ("*",)) for key in signers)
        root = replace(cluster.root, keys=entries)
        head = Head.decode(cluster.head("m", bytes(32)).body)
        one, two = head.envelope(*signers[:10]), head.envelope(*signers[8:])
        for union in (one.merged(two, root), two.merged(one, root)):
            self.assertEqual(sorted(union.signatures), [key.key_id for key in signers[:16]])

    def test_denied_wins_over_lifted_of_the_same_counter(self):
        cluster = Cluster()
        lifted, denied = cluster.deny(node=bytes(16), state=2), None
        cluster.counters.clear()
        denied = cluster.deny(node=bytes(16))
        for order in ((lifted, denied), (denied, lifted)):
            records = Records([(cluster.root_envelope, cluster.root)])
            for record in order:
                try:
                    records.accept(4, record.encode())
                except Refused:
                    continue
            self.assertTrue(records.denies_node(bytes(16)))

    def test_a_version_made_twice_is_the_same(self):
        cluster = Cluster(seed="again")
        one = make_version("m", "t", 1, {"default": {"b": b"2", "a": b"1"}}, [cluster.publish_key])
        two = make_version("m", "t", 1, {"default": {"a": b"1", "b": b"2"}}, [cluster.publish_key])
        self.assertEqual(one.envelope.encode(), two.envelope.encode())


if __name__ == "__main__":
    unittest.main()
