"""The control socket answers as Protocol/control-api.md says, also those who ask badly."""

import json
import socket
import stat
import unittest

from cluster import ClusterTestCase
from waiting import wait_until

LINE_BYTES_MAX = 8 << 20
OPEN_REQUESTS_MAX = 16


class ControlApiTests(ClusterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.a = self.cluster.first("a")
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(self.connection.close)
        self.connection.settimeout(10)
        self.connection.connect(str(self.a.state / "run" / "control.sock"))
        self.lines = self.connection.makefile("rb")
        self.addCleanup(self.lines.close)

    def send(self, *lines: bytes) -> None:
        self.connection.sendall(b"".join(line + b"\n" for line in lines))

    def ask(self, identifier: int, method: str, **parameters: object) -> None:
        self.send(json.dumps({"id": identifier, "method": method, "params": parameters}).encode())

    def answer(self) -> dict:
        return json.loads(self.lines.readline())

    def assert_error(self, identifier: int, code: int) -> None:
        answer = self.answer()
        self.assertEqual((answer["id"], answer["error"]["exit"]), (identifier, code), answer)
        self.assertTrue(answer["error"]["message"])

    def test_each_request_gets_one_answer_with_its_number(self) -> None:
        for identifier in (7, 3, 4_000_000_000):
            self.ask(identifier, "status", unknown_key=1)
        answers = [self.answer() for _ in range(3)]
        self.assertEqual({answer["id"] for answer in answers}, {7, 3, 4_000_000_000})
        for answer in answers:
            self.assertEqual(answer["result"]["schema"], "shoal.status/1")

    def test_what_is_no_request_is_answered_with_an_error_and_the_connection_stays(self) -> None:
        for line in (b"hello", b"[]", b'"x"', b"{}", b'{"id": -1, "method": "status"}', b"\xff"):
            self.send(line)
            self.assert_error(0, 64)
        self.ask(1, "no-such-method")
        self.assert_error(1, 64)
        self.send(b'{"id": 2, "method": "follow", "params": {"model": "a"}}')
        self.assert_error(2, 64)
        self.ask(3, "follow", model="../up", channel="stable", follow=True)
        self.assert_error(3, 64)
        self.ask(4, "status")
        self.assertIn("result", self.answer())

    def test_line_that_is_too_long_ends_the_connection_and_nothing_else(self) -> None:
        try:
            self.connection.sendall(b"x" * (LINE_BYTES_MAX + 2))
        except OSError:
            pass  # it was closed before all of it was sent
        try:
            self.assert_error(0, 64)
            self.assertEqual(self.lines.read(1), b"")
        except ConnectionResetError:
            pass
        self.assertEqual(self.a.status()["node"]["state"], "running")

    def test_more_open_requests_than_allowed_are_refused(self) -> None:
        for identifier in range(1, OPEN_REQUESTS_MAX + 2):
            self.ask(identifier, "get", model="a/unknown", version=None, channel=None, wait_seconds=3, wait=True)
        self.assert_error(OPEN_REQUESTS_MAX + 1, 75)
        answers = [self.answer() for _ in range(OPEN_REQUESTS_MAX)]
        self.assertEqual({answer["error"]["exit"] for answer in answers}, {2})

    def test_socket_is_for_the_agent_s_user_and_group_only(self) -> None:
        path = self.a.state / "run" / "control.sock"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o660)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o750)
        handoff = self.a.state / "handoff" / "handoff.sock"
        self.assertEqual(stat.S_IMODE(handoff.stat().st_mode), 0o660)
        self.assertEqual(stat.S_IMODE((self.a.state / "keys").stat().st_mode), 0o700)

    def test_asker_that_goes_away_in_the_middle_harms_nothing(self) -> None:
        self.ask(1, "get", model="a/unknown", version=None, channel=None, wait_seconds=2, wait=True)
        self.lines.close()
        self.connection.close()
        wait_until(lambda: self.a.status()["node"]["state"] == "running", 5, "the agent answers")


if __name__ == "__main__":
    unittest.main()
