from __future__ import annotations

import random
import threading
import unittest

from cases import ClientTestCase
from fake_agent import FakeModel, digest, load, make_client, wait_until
from shoal_runtime import LoadRequest
from shoal_runtime.protocol import LINE_BYTES_MAX

A, B, C = digest("a"), digest("b"), digest("c")


class ClientTests(ClientTestCase):
    def use(self, loader: object) -> None:
        self.client = make_client(self.agent, loader)


class SwitchTests(ClientTests):
    def test_the_hello_says_who_and_what(self) -> None:
        hello = self.start()
        self.assertEqual(hello["type"], "hello")
        self.assertEqual(hello["protocol"], [1])
        self.assertEqual(hello["model"], "acme/words")
        self.assertEqual(hello["active"], None)
        self.assertEqual(hello["resident"], [])
        self.assertIn("dual_load", hello["capabilities"])

    def test_load_activate_drained_release_released(self) -> None:
        self.start()
        self.assertEqual(self.agent.switch(A, None)["previous"], None)
        with self.client.holder.use() as held:
            self.assertEqual((held.digest, held.version, held.model.path), (A, "a", "/good"))
            self.assertEqual(self.agent.switch(B, A)["previous"], A)
            self.assertTrue(self.agent.ask("release", digest=A)["ok"])
            pong = self.agent.ask("ping")  # What came before it would be a drained or a released.
            self.assertEqual((pong["active"], pong["resident"], pong["in_flight"]), (B, [A, B], 1))
        self.assertEqual(self.agent.receive_other()["type"], "drained")
        released = self.agent.receive_other()
        self.assertEqual((released["type"], released["digest"]), ("released", A))
        self.assertEqual(self.agent.ask("ping")["resident"], [B])

    def test_a_load_that_fails_leaves_the_old_version_serving(self) -> None:
        self.start()
        self.agent.switch(A, None)
        for path, code in [("/bad", "load_failed"), ("/crash", "load_failed"), ("/big", "out_of_memory")]:
            reply = self.agent.load(B, path)
            self.assertFalse(reply["ok"])
            self.assertEqual(reply["error"]["code"], code)
            self.assertNotIn("\n", reply["error"]["message"])
        self.assertEqual(self.agent.ask("ping")["resident"], [A])
        with self.client.holder.use() as held:
            self.assertEqual(held.digest, A)

    def test_an_activate_that_expects_another_version_changes_nothing(self) -> None:
        self.start()
        self.agent.switch(A, None)
        self.agent.load(B)
        for expected in (None, C):
            reply = self.agent.ask("activate", digest=B, version="b", expect_active=expected)
            self.assertEqual((reply["ok"], reply["error"]["code"], reply["active"]), (False, "conflict", A))
        self.assertEqual(self.agent.ask("ping")["active"], A)
        reply = self.agent.ask("activate", digest=C, version="c", expect_active=A)
        self.assertEqual(reply["error"]["code"], "not_resident")
        self.assertTrue(self.agent.ask("activate", digest=A, version="a", expect_active=C)["ok"])

    def test_the_active_version_is_not_released_and_an_unknown_one_is(self) -> None:
        self.start()
        self.agent.switch(A, None)
        reply = self.agent.ask("release", digest=A)
        self.assertEqual((reply["error"]["code"], reply["active"]), ("conflict", A))
        self.assertTrue(self.agent.ask("release", digest=B)["ok"])
        self.assertEqual(self.agent.receive_other(), {"type": "released", "digest": B})

    def test_a_resident_version_is_not_loaded_twice(self) -> None:
        loads: "list[str]" = []

        def counting(request: LoadRequest) -> FakeModel:
            loads.append(request.digest)
            return load(request)

        self.use(counting)
        self.start()
        self.assertTrue(self.agent.load(A)["ok"])
        self.assertTrue(self.agent.load(A)["ok"])
        self.assertEqual(loads, [A])

    def test_health_comes_by_itself_and_tells_the_truth(self) -> None:
        self.start(lease_ms=300)
        self.agent.switch(A, None)
        health = self.agent.receive_kind("health")
        while health["active"] is None:
            health = self.agent.receive_kind("health")
        self.assertEqual((health["active"], health["resident"]), (A, [A]))


class SlowLoadTests(ClientTests):
    """Loads that end when the test says so."""

    def setUp(self) -> None:
        super().setUp()
        self.go = threading.Event()
        self.models: "list[FakeModel]" = []
        self.addCleanup(self.go.set)

        def slow(request: LoadRequest) -> FakeModel:
            request.progress(0.5)
            self.go.wait(10)
            self.models.append(FakeModel(request.path))
            return self.models[-1]

        self.use(slow)
        self.start(lease_ms=300)

    def test_pings_health_and_requests_go_on_during_a_load(self) -> None:
        request = self.agent.request("load", digest=A, version="a", path="/x")
        self.assertEqual(self.agent.receive_kind("progress"), {"type": "progress", "re": request, "fraction": 0.5})
        self.assertEqual(self.agent.receive_kind("health")["active"], None)
        self.assertTrue(self.agent.ask("ping")["ok"])
        self.go.set()
        self.assertTrue(self.agent.reply(request)["ok"])

    def test_another_load_meanwhile_is_busy(self) -> None:
        request = self.agent.request("load", digest=A, version="a", path="/x")
        self.assertEqual(self.agent.load(B)["error"]["code"], "busy")
        self.go.set()
        self.assertTrue(self.agent.reply(request)["ok"])

    def test_a_release_abandons_the_load(self) -> None:
        request = self.agent.request("load", digest=A, version="a", path="/x")
        self.assertTrue(self.agent.ask("release", digest=A)["ok"])
        self.go.set()
        self.assertEqual(self.agent.reply(request)["error"]["code"], "cancelled")
        self.assertEqual(self.agent.receive_kind("released")["digest"], A)
        self.assertEqual(self.agent.ask("ping")["resident"], [])
        self.assertTrue(self.models[0].is_unloaded)

    def test_a_load_that_takes_too_long_is_thrown_away(self) -> None:
        request = self.agent.request("load", digest=A, version="a", path="/x", deadline_ms=1)
        self.agent.ask("ping")
        threading.Timer(0.02, self.go.set).start()
        self.assertEqual(self.agent.reply(request)["error"]["code"], "deadline_exceeded")
        self.assertEqual(self.agent.ask("ping")["resident"], [])
        self.assertTrue(self.models[0].is_unloaded)

    def test_a_load_goes_on_over_a_broken_connection_and_is_joined(self) -> None:
        self.agent.request("load", digest=A, version="a", path="/x")
        self.agent.receive_kind("progress")
        self.agent.hang_up()
        self.assertEqual(self.agent.accept()["resident"], [])
        request = self.agent.request("load", digest=A, version="a", path="/x")
        self.assertTrue(self.agent.ask("ping")["ok"])
        self.go.set()
        self.assertTrue(self.agent.reply(request)["ok"])
        self.assertEqual(len(self.models), 1)


class ReconnectTests(ClientTests):
    def test_the_process_serves_on_without_its_agent_and_says_so_when_it_returns(self) -> None:
        self.start()
        self.agent.switch(A, None)
        self.agent.load(B)
        self.agent.die()
        wait_until(lambda: not self.client.is_connected)
        with self.client.holder.use() as held:
            self.assertEqual(held.digest, A)
        self.agent.listen()
        hello = self.agent.accept()
        self.assertEqual(hello["active"], {"digest": A, "version": "a"})
        self.assertEqual(hello["resident"], [A, B])
        self.assertTrue(self.agent.ask("activate", digest=B, version="b", expect_active=A)["ok"])

    def test_an_agent_that_is_not_there_yet_is_waited_for(self) -> None:
        self.agent.die()
        self.client.start()
        self.agent.listen()
        self.assertEqual(self.agent.accept()["type"], "hello")

    def test_a_refusal_is_survived(self) -> None:
        self.client.start()
        self.agent.accept_only()
        self.agent.send({"type": "error", "error": {"code": "instance_taken", "message": "no", "retryable": True}})
        self.agent.hang_up()
        self.assertEqual(self.agent.accept()["type"], "hello")


class HostileAgentTests(ClientTests):
    def expect_closed(self, data: bytes) -> None:
        """The client says why, closes, comes back, and still serves."""
        self.agent.send_raw(data)
        message = self.agent.receive_kind("error")
        self.assertEqual(message["error"]["code"], "bad_message")
        with self.assertRaises((EOFError, ConnectionError)):
            self.agent.receive()
        self.agent.hang_up()
        self.assertEqual(self.agent.accept()["active"]["digest"], A)

    def test_what_is_no_message_ends_the_connection_and_nothing_else(self) -> None:
        self.start()
        self.agent.switch(A, None)
        for line in [
            b"",
            b"[]",
            b"nonsense",
            b'{"type":7}',
            b'{"id":1}',
            b"\xff\xfe",
            b'{"type":"load"}',
            b'{"type":"load","id":0}',
            b'{"type":"load","id":true}',
            b'{"type":"load","id":"1"}',
            b'{"type":"ping","id":9007199254740992}',
            b'{"type":"ping","id":NaN}',
            b'{"type":"ping","id":' + b"9" * 5000 + b"}",
            b'{"a":' * 40 + b"1" + b"}" * 40,
            b"[" * 100_000,
        ]:
            with self.subTest(line=line[:60]):
                self.expect_closed(line + b"\n")
        with self.client.holder.use() as held:
            self.assertEqual(held.digest, A)

    def test_a_line_that_is_too_long_ends_the_connection(self) -> None:
        self.start()
        self.agent.switch(A, None)
        self.expect_closed(b'{"type":"' + b"x" * LINE_BYTES_MAX)
        padding = LINE_BYTES_MAX - len(b'{"type":"ping","id":77,"padding":""}\n')
        self.agent.send_raw(b'{"type":"ping","id":77,"padding":"' + b"x" * padding + b'"}\n')
        self.assertEqual(self.agent.receive_kind("reply")["re"], 77)
        self.expect_closed(b'{"type":"ping","id":78,"padding":"' + b"x" * (padding + 1) + b'"}\n')

    def test_a_request_with_wrong_fields_is_refused_and_the_connection_stays(self) -> None:
        self.start()
        self.agent.switch(A, None)
        wrong: "list[tuple[str, dict[str, object]]]" = [
            ("load", {}),
            ("load", {"digest": "xyz", "path": "/good"}),
            ("load", {"digest": A.upper(), "path": "/good"}),
            ("load", {"digest": A + "\n", "path": "/good"}),
            ("load", {"digest": B}),
            ("load", {"digest": B, "path": 5}),
            ("load", {"digest": B, "path": "relative"}),
            ("load", {"digest": B, "path": "/a\0b"}),
            ("load", {"digest": B, "path": "/good", "deadline_ms": -1}),
            ("load", {"digest": B, "path": "/good", "deadline_ms": 1.5}),
            ("activate", {"digest": A}),
            ("activate", {"digest": A, "expect_active": 7}),
            ("activate", {"expect_active": None}),
            ("release", {"digest": ["a"]}),
        ]
        for kind, fields in wrong:
            with self.subTest(kind=kind, fields=fields):
                reply = self.agent.ask(kind, **fields)
                self.assertEqual((reply["ok"], reply["error"]["code"]), (False, "bad_message"))
        self.assertEqual(self.agent.ask("ping")["active"], A)

    def test_unknown_types_are_answered_and_replies_and_errors_never(self) -> None:
        self.start()
        for kind in ("calibrate", "rollback", "x" * 1000):
            self.assertEqual(self.agent.ask(kind, digest=A)["error"]["code"], "unsupported")
        self.agent.send({"type": "news"})
        self.assertEqual(self.agent.receive_kind("error")["error"]["code"], "unsupported")
        self.agent.send({"type": "reply", "re": 5, "ok": True})
        self.agent.send({"type": "error", "error": 7})
        self.assertTrue(self.agent.ask("ping", surplus={"a": [1, None]})["ok"])

    def test_a_wrong_welcome_is_survived(self) -> None:
        self.client.start()
        for answer in ["{}", '{"type":"ping","id":1}', '{"type":"welcome","protocol":2}', '{"type":"error"}']:
            self.agent.accept_only()
            self.agent.send_raw(answer.encode() + b"\n")
            self.agent.hang_up()
        self.assertEqual(self.agent.accept()["type"], "hello")

    def test_random_lines_harm_nothing(self) -> None:
        self.start()
        self.agent.switch(A, None)
        chance = random.Random(0x5EED)
        sample = b'{"type":"load","id":9,"digest":"' + B.encode() + b'","path":"/good","deadline_ms":1000}'
        for _ in range(60):
            line = bytearray(sample)
            for _ in range(3):
                line[chance.randrange(len(line))] = chance.randrange(256)
            self.agent.send_raw(bytes(line) + b"\n")
            try:
                self.agent.receive()
            except (EOFError, ConnectionError):
                pass
            self.agent.hang_up()
            self.assertEqual(self.agent.accept()["active"]["digest"], A)


if __name__ == "__main__":
    unittest.main()
