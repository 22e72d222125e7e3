"""The life of a process: what it is told, and its end."""

from __future__ import annotations

import argparse
import contextlib
import io
import unittest

from cases import ServerProcess, call
from fake_agent import WAIT_SECONDS
from shoal_runtime import service

PROGRAM = """
import argparse, signal, threading
from shoal_runtime import service
from shoal_runtime.http_front import HTTPFront
from shoal_runtime.loaders import CallableLoader

parser = argparse.ArgumentParser()
service.add_arguments(parser)
options = parser.parse_args()
client = CallableLoader(lambda path: print).client(options.socket, options.model)

def end(_):
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    return 200, {"ended": True}

service.run(client, HTTPFront(options.http, {("GET", "/end"): end}))
"""


class EndTests(unittest.TestCase):
    def test_a_signal_to_any_thread_ends_it_after_the_answer_and_with_a_goodbye(self) -> None:
        server = ServerProcess(["-c", PROGRAM])
        self.addCleanup(server.end)
        self.assertEqual(call(server.port, "GET", "/end"), (200, {"ended": True}))
        self.assertEqual(server.process.wait(WAIT_SECONDS), 0)
        self.assertEqual(server.agent.receive_kind("goodbye"), {"type": "goodbye"})


class ArgumentTests(unittest.TestCase):
    def test_every_process_takes_the_same_and_a_wrong_address_is_said(self) -> None:
        parser = argparse.ArgumentParser()
        service.add_arguments(parser)
        options = parser.parse_args(["--socket", "/s", "--model", "m"])
        self.assertEqual((options.http, options.instance), (("127.0.0.1", 8080), None))
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit):
            parser.parse_args(["--socket", "/s", "--model", "m", "--http", "nowhere"])
        self.assertIn("'nowhere' is not HOST:PORT", said.getvalue())


if __name__ == "__main__":
    unittest.main()
