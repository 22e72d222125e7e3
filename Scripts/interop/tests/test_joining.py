"""Joining: the token, the order of the issuer's checks, and a newcomer that then fetches."""

import dataclasses
import socket
import tempfile
import unittest

from OpenSSL import SSL

from shoal_interop import joining_messages as messages
from shoal_interop.agent import Agent
from shoal_interop.elements import Refused
from shoal_interop.identity_folder import load_cluster, load_identity, save_cluster
from shoal_interop.joining import Issuer, JoinFailed, Newcomer, Stream, tls_context
from shoal_interop.keys import Key
from shoal_interop.maker import Cluster

LOOPBACK = ("127.0.0.1", 0)


class JoinTests(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster("quay")
        self.issuer = Issuer(self.cluster, self.cluster.identity("issuer"), LOOPBACK)
        self.addCleanup(self.issuer.__exit__)

    def join(self, token, name: str = "newcomer", key: Key | None = None, tamper=None):
        return Newcomer(name, key or Key.generate(), tamper).join(token.text, self.issuer.address)

    def refused(self, code: int, *arguments, **more) -> None:
        with self.assertRaises(JoinFailed) as caught:
            self.join(*arguments, **more)
        self.assertEqual(caught.exception.code, code, str(caught.exception))

    def test_a_newcomer_gets_a_certificate_with_which_it_fetches(self):
        with tempfile.TemporaryDirectory() as folder:
            Newcomer("newcomer", Key.generate()).join(self.issuer.token().text, self.issuer.address, folder)
            identity = load_identity(folder)
        version = self.cluster.version("m", "v1", 1, {"f": b"content"})
        with Agent(self.cluster.identity("seed"), LOOPBACK) as seed, Agent(identity) as newcomer:
            seed.serve(version)
            newcomer.dial(seed.address)
            self.assertEqual(newcomer.fetch("m", "v1").digest, version.digest)

    def test_a_token_lets_one_node_in_and_the_same_one_again(self):
        token, key = self.issuer.token(), Key.generate()
        self.assertEqual(self.join(token, key=key).node_id, self.join(token, key=key).node_id)
        self.refused(messages.USED, token, "other")

    def test_unknown_tokens_and_wrong_secrets_get_the_same_words(self):
        token = self.issuer.token()
        texts = set()
        for wrong in (dataclasses.replace(token, id=bytes(8)), dataclasses.replace(token, secret=bytes(16))):
            with self.assertRaises(JoinFailed) as caught:
                self.join(wrong)
            self.assertEqual(caught.exception.code, messages.UNKNOWN)
            texts.add(str(caught.exception))
        self.assertEqual(len(texts), 1)
        self.join(token)  # neither try spent it

    def test_expired_denied_taken_and_bad(self):
        self.refused(messages.EXPIRED, self.issuer.token(seconds=-1))
        self.refused(messages.NAME_TAKEN, self.issuer.token(), "issuer")
        outcast = Key.generate()
        self.issuer.denied.add(outcast.node_id)
        self.refused(messages.DENIED, self.issuer.token(), key=outcast)
        token = self.issuer.token()

        def bad_name(request):
            again = messages.join_hmac(token.secret, token.id, "no name", request.request, b"")
            return dataclasses.replace(request, name="no name", hmac=again)

        self.refused(messages.UNKNOWN, token, tamper=bad_name)  # the exporter is missing from the HMAC

    def test_a_request_is_bound_to_its_connection(self):
        token = self.issuer.token()
        kept = []

        def keep(request):
            kept.append(request)
            return dataclasses.replace(request, hmac=bytes(32))

        self.refused(messages.UNKNOWN, token, tamper=keep)
        self.refused(messages.UNKNOWN, token, tamper=lambda _: kept[0])

    def test_a_newcomer_leaves_an_issuer_that_is_not_the_token_s(self):
        token = self.issuer.token()
        other = Cluster("quay")
        with Issuer(other, other.identity("issuer"), LOOPBACK) as foreign:
            with self.assertRaisesRegex(JoinFailed, "CA"):
                Newcomer("n", Key.generate()).join(token.text, foreign.address)
        with Issuer(self.cluster, self.cluster.identity("second"), LOOPBACK) as second:
            with self.assertRaisesRegex(JoinFailed, "made the token"):
                Newcomer("n", Key.generate()).join(token.text, second.address)
        with self.assertRaisesRegex(JoinFailed, "issuer broke"):
            self.join(dataclasses.replace(token, root_pin=bytes(32)))

    def test_another_protocol_beside_this_one_is_refused(self):
        context = tls_context(server=False)
        context.set_alpn_protos([b"shoal-join/1", b"shoal/1"])
        stream = Stream(context, socket.create_connection(self.issuer.address), server=False)
        with self.assertRaises(SSL.Error):
            stream.handshake()
        stream.close()

    def test_a_mistyped_token_is_found_without_a_connection(self):
        text = self.issuer.token().text
        with self.assertRaises(Refused) as caught:
            Newcomer("n", Key.generate()).join(text[:-1], ("127.0.0.1", 1))
        self.assertEqual(caught.exception.reason, "truncated")

    def test_a_cluster_kept_in_a_folder_is_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            save_cluster(self.cluster, folder)
            again = load_cluster(folder)
        self.assertEqual(again.root_envelope, self.cluster.root_envelope)
        self.assertEqual(again.ca_key.spki, self.cluster.ca_key.spki)
        self.assertEqual(again.ca_certificate, self.cluster.ca_certificate)


if __name__ == "__main__":
    unittest.main()
