"""A second implementation in the cluster: versions go both ways, and what a stranger or a liar sends is refused."""

import random
import unittest

from interop import InteropTestCase, needs_packages
from node import Json
from payload import digests, tree
from waiting import wait_until

MODEL = "acme/detector"
FILES = {"model.bin": random.Random(1).randbytes(700_001), "sub/vocab.txt": b"a b c\n", "empty": b""}


@needs_packages
class ExchangeTests(InteropTestCase):
    def test_real_agent_fetches_what_the_python_agent_published(self) -> None:
        version = self.authority.version(MODEL, "1", 1, FILES)
        with self.agent("python", documents=(self.authority.head(MODEL, version.digest),)) as agent:
            agent.serve(version)
            agent.dial(self.address)
            self.a.run("follow", MODEL)
            row = self.a.wait_complete(MODEL, "1")
            self.assertEqual(row["version"], version.digest.hex())
            current = self.a.wait_current(MODEL, "1")
            for path, content in FILES.items():
                self.assertEqual((current / path).read_bytes(), content)
            neighbour = self.row("python")
            self.assertEqual(neighbour["received_bytes"], sum(map(len, FILES.values())))
            self.assertEqual(neighbour["state"], "connected")

    def test_python_agent_fetches_what_the_real_agent_published(self) -> None:
        files = tree(self.cluster.folder / "files", {"model.bin": 700_001, "sub/vocab.txt": 20, "empty": 0})
        self.a.run("seed", files, "--model", MODEL, "--version", "1")
        into = self.cluster.folder / "fetched"
        with self.agent("python", listen=("127.0.0.1", 0)) as agent:
            agent.dial(self.address)
            agent.fetch(MODEL, channel="stable", into=into, deadline=30)
            self.assertEqual(digests(into / "default"), digests(files))
            self.assertEqual(self.row("python")["sent_bytes"], 700_021)

    def test_version_that_was_fetched_from_one_implementation_is_served_to_the_other(self) -> None:
        version = self.authority.version(MODEL, "1", 1, FILES)
        with self.agent("first") as first:
            first.serve(version)
            first.dial(self.address)
            self.a.run("get", f"{MODEL}@1", "--wait", 20)
        with self.agent("second") as second:
            second.dial(self.address)
            fetched = second.fetch(MODEL, "1", deadline=30)
            self.assertEqual(fetched.digest, version.digest)
            self.assertEqual(fetched.chunks, version.chunks)

    def test_node_that_is_denied_is_told_so_and_cut_off(self) -> None:
        from shoal_interop.wire import Code

        with self.agent("python") as agent:
            agent.dial(self.address)
            self.a.wait_connected("python")
            self.a.run("deny", agent.node_id.hex())
            agent.events.wait("goodbye-received", deadline=10, code=Code.DENIED)
            with self.assertRaises(ConnectionError):
                agent.dial(self.address)
            self.assertNotIn(self.row("python")["state"], ("connected", "busy"))


@needs_packages
class DocumentTests(InteropTestCase):
    """Documents by the wrong hands. Each test shows that nothing of it is known afterwards, and that `a` lives."""

    def serve_and_ask(self, version: object, *documents: object) -> None:
        """Serves a version that must not be taken, and lets `a` ask for it."""
        with self.agent("python") as agent:
            agent.extra_manifests[version.digest] = version.envelope
            agent.dial(self.address)
            for document in documents:
                self.send(agent, document)
            agent.serve(version)
            self.a.run("follow", MODEL)
            asked = self.a.run("get", f"{MODEL}@{version.digest.hex()[:16]}", "--wait", 3, code=None)
            self.assertIn(asked.code, (2, 4))
        self.assertFalse(self.a.current(MODEL).exists())
        self.assertEqual(self.a.run("list", "--json").json["items"], [])

    @staticmethod
    def send(agent: object, envelope: object) -> None:
        from shoal_interop import wire

        for connection in list(agent.neighbours.values()):
            connection.send(wire.Document(envelope.kind, envelope.encode()))

    def other(self) -> object:
        from shoal_interop.maker import Cluster

        return Cluster("other")

    def test_manifest_under_a_foreign_key_is_refused(self) -> None:
        self.serve_and_ask(self.other().version(MODEL, "1", 1, FILES))

    def test_manifest_by_a_node_s_key_is_refused(self) -> None:
        stranger = self.other()
        stranger.publish_key = self.authority.identity("python").key
        self.serve_and_ask(stranger.version(MODEL, "1", 1, FILES))

    def test_head_root_and_deny_record_of_another_cluster_are_refused(self) -> None:
        other, version = self.other(), self.authority.version(MODEL, "1", 1, FILES)
        victim = bytes.fromhex(self.a.status()["node"]["id"])
        theirs = [other.head(MODEL, version.digest), other.deny(node=victim), other.advance_root()]
        # Signed with our keys, but for the other cluster.
        other.operator_key, other.root_key = self.authority.operator_key, self.authority.root_key
        ours = [other.head(MODEL, version.digest), other.deny(model=MODEL, version=version.digest)]
        with self.agent("python") as agent:
            agent.dial(self.address)
            self.a.wait_connected("python")
            for document in theirs + ours:
                self.send(agent, document)
            agent.serve(version)
            self.a.run("get", f"{MODEL}@1", "--wait", 20)  # it was not denied, so it arrives
        (item,) = self.items()
        self.assertEqual((item["channels"], item["denied"]), ([], False))

    def test_head_by_a_key_that_may_only_publish_is_refused(self) -> None:
        from shoal_interop.documents import RootKey
        from shoal_interop.envelope import RIGHT_PUBLISH
        from shoal_interop.keys import Key
        from shoal_interop.maker import sort_keys

        publisher = Key.generate()
        keys = [*self.authority.root.keys, RootKey(publisher.spki, RIGHT_PUBLISH, ("*",))]
        root = self.authority.advance_root(keys=sort_keys(keys))
        self.authority.publish_key = self.authority.operator_key = publisher
        version = self.authority.version(MODEL, "1", 1, FILES)
        with self.agent("python") as agent:
            agent.dial(self.address)
            self.a.wait_connected("python")
            self.send(agent, root)
            self.send(agent, self.authority.head(MODEL, version.digest))
            agent.serve(version)
            self.a.run("get", f"{MODEL}@1", "--wait", 20)  # publishing was its right
            self.assertEqual(self.row("python")["state"], "connected")  # and nobody is blamed for the head
        (item,) = self.items()
        self.assertEqual(item["channels"], [])

    def test_two_manifests_with_one_tag_are_known_by_digest_only(self) -> None:
        one = self.authority.version(MODEL, "1", 1, FILES)
        two = self.authority.version(MODEL, "1", 2, {"model.bin": b"something else"})
        with self.agent("python") as agent:
            for version in (one, two):
                agent.serve(version)
            agent.dial(self.address)
            for version in (one, two):
                self.a.run("get", f"{MODEL}@{version.digest.hex()}", "--wait", 20)
            self.assertNotEqual(self.a.run("get", f"{MODEL}@1", code=None).code, 0)
        self.assertEqual([item["ambiguous_tag"] for item in self.items()], [True, True])

    def test_expired_head_is_followed_and_shows_as_stale(self) -> None:
        version = self.authority.version(MODEL, "1", 1, FILES)
        now = self.authority.now
        head = self.authority.head(MODEL, version.digest, issued=now - 1000, expires=now - 10)
        with self.agent("python", documents=(head,)) as agent:
            agent.serve(version)
            agent.dial(self.address)
            self.a.run("follow", MODEL)
            self.a.wait_complete(MODEL, "1")
            wait_until(lambda: self.a.model(MODEL, "1")["stale"], 5, "stale")

    def items(self) -> list[Json]:
        return self.a.run("list", MODEL, "--json").json["items"]


@needs_packages
class StrangerTests(InteropTestCase):
    """Who is no member, or shows it wrongly, gets no further than the handshake, whoever dials."""

    def strangers(self) -> list:
        from shoal_interop.misbehaviour import Misbehaviour

        return [
            Misbehaviour.NO_CERTIFICATE, Misbehaviour.FOREIGN_CA, Misbehaviour.EXPIRED, Misbehaviour.NOT_YET_VALID,
            Misbehaviour.TLS_1_2, Misbehaviour.OTHER_ALPN, Misbehaviour.WRONG_URI, Misbehaviour.TWO_URIS,
            Misbehaviour.OTHER_CLUSTER,
        ]

    def test_stranger_that_dials_is_refused(self) -> None:
        for stranger in self.strangers():
            with self.subTest(stranger=stranger.value):
                identity = stranger.identity(self.authority, stranger.value)
                with self.agent(stranger.value, identity, misbehaviour=stranger) as agent:
                    self.dial_in_vain(agent)
                self.assertNotIn(self.row(stranger.value).get("state"), ("connected", "busy"))
        self.assertEqual(self.a.status()["node"]["state"], "running")

    def dial_in_vain(self, agent: object) -> None:
        """The connection is refused, or ends right after the first frame, which says why."""
        try:
            connection = agent.dial(self.address, deadline=5)
        except OSError:
            return
        self.assertTrue(connection.ended.wait(5), "it was let in")

    def test_stranger_that_is_dialled_is_refused(self) -> None:
        for stranger in self.strangers():
            if stranger.value in ("no-certificate",):
                continue  # a server cannot leave its certificate out
            with self.subTest(stranger=stranger.value):
                identity = stranger.identity(self.authority, stranger.value)
                listening = {"misbehaviour": stranger, "listen": ("127.0.0.1", 0)}
                with self.agent(stranger.value, identity, **listening) as agent:
                    self.a.stop()
                    self.a.start("--peer", f"127.0.0.1:{agent.address[1]}")
                    events = agent.events
                    wait_until(lambda e=events: e.all("handshake-failed") or e.all("closed"), 10, "refused")
                    self.assertEqual(agent.neighbours, {})
                    self.assertNotIn(self.row(stranger.value).get("state"), ("connected", "busy"))


if __name__ == "__main__":
    unittest.main()
