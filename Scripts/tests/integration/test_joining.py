"""Joining, certificates and denial: who gets in, who does not and is told why, and who is cut off."""

import base64
import hashlib
import json
import time
import unittest
from datetime import datetime

from cluster import ClusterTestCase
from node import Node
from payload import digests, tree
from waiting import wait_until

MODEL = "acme/detector"
CUT_SECONDS_MAX = 10.0  # from a denial to the end of live connections
TOKEN_BODY_BYTES = 121
SECRET = slice(9, 25)  # in a token's bytes, as Protocol/join.md says


def with_other_secret(token: str) -> str:
    """A token that is well formed but was never made: what somebody would have to guess."""
    prefix, _, text = token.partition("-")
    body = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:TOKEN_BODY_BYTES])
    body[SECRET] = bytes(16)
    checksum = hashlib.sha256(b"shoal/1 token\0" + bytes(body)).digest()[:4]
    return f"{prefix}-{base64.urlsafe_b64encode(bytes(body) + checksum).decode().rstrip('=')}"


class TokenTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.newcomers = 0

    def newcomer(self) -> Node:
        self.newcomers += 1
        return self.cluster.make(f"new-{self.newcomers}")

    def refusal(self, token: str, name: str = "") -> str:
        """What a newcomer is told."""
        node = self.newcomer()
        result = node.run("join", token, "--peer", self.a.address, "--node", name or node.name, code=None)
        self.assertNotEqual(result.code, 0, "was let in")
        self.assertFalse((node.state / "keys" / "node.crt").exists(), "has a certificate")
        self.assertTrue(result.err.strip())
        return result.err.lower()

    def expired_token(self) -> str:
        """A token whose time is over: the issuer's ledger is set back, since a token lives for a minute at least."""
        token = self.cluster.token("--lifetime", 1)
        self.a.stop()
        ledger = self.a.state / "keys" / "issued.json"
        entries = json.loads(ledger.read_text())
        for entry in entries["tokens"]:
            entry["expires"] = int(time.time()) - 60
        ledger.write_text(json.dumps(entries))
        self.a.start()
        return token

    def test_each_wrong_token_is_refused_with_its_own_error(self) -> None:
        expired = self.expired_token()
        used = self.cluster.token()
        self.newcomer().run("join", used, "--peer", self.a.address, "--node", "b")
        good = self.cluster.token()
        mistyped = good[:40] + ("A" if good[40] != "A" else "B") + good[41:]
        wrong = {
            "used": (used, "used"), "expired": (expired, "expired"), "truncated": (good[:-5], "truncated"),
            "mistyped": (mistyped, "wrong character"), "guessed": (with_other_secret(good), "token create"),
            "no token": ("hello", "no token"),
        }
        told = {}
        for name, (token, says) in wrong.items():
            with self.subTest(token=name):
                told[name] = self.refusal(token)
                self.assertIn(says, told[name])
        self.assertEqual(len(set(told.values())), len(wrong), told)
        self.newcomer().run("join", good, "--peer", self.a.address, "--node", "c")  # none of that spent it

    def test_name_of_a_living_node_is_refused_until_that_node_is_denied(self) -> None:
        self.cluster.join("b", start=False)
        refusal = self.refusal(self.cluster.token(), name="b")
        self.assertIn("deny", refusal)
        self.assertIn("--node", refusal)
        self.a.run("deny", "b")
        self.newcomer().run("join", self.cluster.token(), "--peer", self.a.address, "--node", "b")

    def test_token_can_be_used_again_by_the_same_newcomer(self) -> None:
        node, token = self.newcomer(), self.cluster.token()
        node.run("join", token, "--peer", self.a.address)
        (node.state / "keys" / "node.crt").unlink()  # as if the answer had been lost
        node.run("join", token, "--peer", self.a.address)
        node.start()
        node.wait_connected("a")

    def test_joining_where_nobody_answers_says_so(self) -> None:
        node = self.newcomer()
        self.a.stop()
        result = node.run("join", good_shape(), "--peer", self.a.address, code=None)
        self.assertNotEqual(result.code, 0)
        self.assertIn(self.a.address, result.err)

    def test_node_that_joined_makes_no_tokens(self) -> None:
        b = self.cluster.join("b")
        self.assert_fails(b, "token", "create", code=77)


def good_shape() -> str:
    body = bytes([1]) + bytes(TOKEN_BODY_BYTES - 1)
    checksum = hashlib.sha256(b"shoal/1 token\0" + body).digest()[:4]
    return "shoal1-" + base64.urlsafe_b64encode(body + checksum).decode().rstrip("=")


class DenialTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.b, self.c = self.cluster.join("b"), self.cluster.join("c")
        self.b.wait_connected("a", "c")
        self.c.wait_connected("a", "b")

    def test_denied_node_is_cut_off_everywhere_and_comes_back_when_that_is_lifted(self) -> None:
        self.a.run("deny", "c")
        for node in (self.a, self.b):
            node.wait_for(lambda s: not is_connected(s, "c"), CUT_SECONDS_MAX, "c is cut off")
        self.c.stop()
        self.c.start()
        refused = self.c.status()
        self.assertFalse(is_connected(refused, "a") or is_connected(refused, "b"))
        self.a.run("deny", "c", "--lift")
        self.c.wait_connected("a", seconds=60)

    def test_denied_version_is_left_for_the_one_before_and_taken_again_when_lifted(self) -> None:
        for tag in ("1", "2"):
            files = tree(self.cluster.folder / tag, {"model.bin": 100_000}, seed=int(tag))
            self.a.run("seed", files, "--model", MODEL, "--version", tag)
            self.b.run("follow", MODEL)
            self.b.wait_complete(MODEL, tag)
            self.wait_current(self.b, tag)
        self.a.run("deny", f"{MODEL}@2")
        self.wait_current(self.b, "1")
        self.assert_fails(self.c, "get", f"{MODEL}@2", code=4)
        (denied,) = [v for v in self.b.run("list", MODEL, "--json").json["items"] if v["tag"] == "2"]
        self.assertTrue(denied["denied"])
        self.a.run("deny", f"{MODEL}@2", "--lift")
        self.wait_current(self.b, "2")

    def wait_current(self, node: Node, tag: str) -> None:
        expected = digests(self.cluster.folder / tag)
        wait_until(lambda: digests(node.current(MODEL)) == expected, 20, f"current of {node.name} is {tag}")

    def test_only_an_operator_denies(self) -> None:
        nothing = self.cluster.folder / "nothing"
        nothing.mkdir()
        result = self.a.run("deny", "c", "--keys", nothing, code=None)
        self.assertIn(result.code, (4, 77))
        self.a.wait_connected("c")


def is_connected(status: dict, name: str) -> bool:
    return any(row["name"] == name and row["state"] in ("connected", "busy") for row in status["neighbours"])


class RenewalTests(ClusterTestCase):
    LIFETIME_SECONDS = 12

    def test_certificates_renew_by_themselves(self) -> None:
        self.cluster.environment["SHOAL_TEST_CERTIFICATE_SECONDS"] = str(self.LIFETIME_SECONDS)
        a = self.cluster.first("a")
        b = self.cluster.join("b")
        b.wait_connected("a")
        first = {node.name: expiry(node) for node in (a, b)}
        if first["b"] - time.time() > 3600:
            self.skipTest("this binary gives no short certificates; a debug build does")
        for node in (b, a):
            wait_until(lambda node=node: expiry(node) > first[node.name], self.LIFETIME_SECONDS, f"{node.name} renewed")
        # Past the end of the first certificates, both are still in, and a new connection works.
        wait_until(lambda: time.time() > max(first.values()) + 1, self.LIFETIME_SECONDS, "the first certificates end")
        b.wait_connected("a")
        b.stop()
        b.start()
        b.wait_connected("a")


def expiry(node: Node) -> float:
    """When the node's certificate ends, as seconds since 1970."""
    return datetime.fromisoformat(node.status()["node"]["certificate_expires"].replace("Z", "+00:00")).timestamp()


if __name__ == "__main__":
    unittest.main()
