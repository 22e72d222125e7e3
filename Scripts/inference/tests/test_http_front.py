"""The HTTP front: bodies that are no JSON, their bounds, and the wait for what is in flight."""

from __future__ import annotations

import socket
import threading
import time
import unittest
from typing import List

from cases import ClientTestCase, call
from fake_agent import WAIT_SECONDS
from shoal_runtime import service
from shoal_runtime.http_front import Answer, HTTPFront, Upload


class UploadTests(ClientTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.seen: List[Upload] = []
        self.began, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        self.addCleanup(self.may_end.set)
        routes = service.status_routes(self.client)
        self.front = HTTPFront(("127.0.0.1", 0), routes, {"/up": self.take}, body_bytes_max=100)
        self.port = int(self.front.server_address[1])
        threading.Thread(target=self.front.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.addCleanup(self.front.server_close)
        self.addCleanup(self.front.shutdown)

    def take(self, upload: Upload) -> Answer:
        self.began.set()
        self.may_end.wait(WAIT_SECONDS)
        self.seen.append(upload)
        return 200, {"bytes": len(upload.body)}

    def test_a_body_of_any_kind_comes_with_its_type_and_the_query(self) -> None:
        headers = {"Content-Type": "Image/PNG; charset=x"}
        self.assertEqual(call(self.port, "POST", "/up?width=2&name=a%20b", b"\xff\x00", headers), (200, {"bytes": 2}))
        self.assertEqual(call(self.port, "POST", "/up", b""), (200, {"bytes": 0}))
        self.assertEqual(self.seen, [Upload(b"\xff\x00", "image/png", {"width": "2", "name": "a b"}),
                                     Upload(b"", "", {})])

    def test_what_is_no_upload_is_refused(self) -> None:
        self.assertEqual(call(self.port, "GET", "/up")[0], 404)
        self.assertEqual(call(self.port, "POST", "/down", b"{}")[0], 404)
        self.assertEqual(call(self.port, "POST", "/up", bytes(101))[0], 413)
        self.assertEqual(self.seen, [])

    def test_a_body_that_ends_early_is_not_taken_for_a_whole_one(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), WAIT_SECONDS) as connection:
            connection.sendall(b"POST /up HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
            connection.shutdown(socket.SHUT_WR)
            self.assertIn(b" 400 ", connection.recv(65_536).split(b"\r\n")[0])
        self.assertEqual(self.seen, [])

    def test_the_answers_in_flight_can_be_waited_for(self) -> None:
        self.assertTrue(self.front.busy.wait_none(0))
        self.may_end.clear()
        answers: List[object] = []
        thread = threading.Thread(target=lambda: answers.append(call(self.port, "POST", "/up", b"x")))
        thread.start()
        self.addCleanup(thread.join, WAIT_SECONDS)
        self.addCleanup(self.may_end.set)
        self.assertTrue(self.began.wait(WAIT_SECONDS))
        self.assertFalse(self.front.busy.wait_none(0.001))
        self.may_end.set()
        started = time.monotonic()
        self.assertTrue(self.front.busy.wait_none(WAIT_SECONDS))
        self.assertLess(time.monotonic() - started, WAIT_SECONDS / 2)  # It was told, it did not find out in the end.
        thread.join(WAIT_SECONDS)
        self.assertEqual(answers, [(200, {"bytes": 1})])


if __name__ == "__main__":
    unittest.main()
