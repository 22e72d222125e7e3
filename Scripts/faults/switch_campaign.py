"""Turns of `Scripts/faults/switches`: a switch, a kill in the midst of it, and what must hold afterwards."""

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cluster import Cluster
from dummy_runtime import embedding
from load import TEXTS
from node import Node
from serving import InferenceProcess
from test_gates import write_calibration
from waiting import wait_until

MODEL = "acme/detector"
DUMMY = str(Path(__file__).resolve().parent.parent / "tests" / "integration" / "dummy_runtime.py")
VICTIMS = ("agent", "process", "controller")
NEW_VERSION_EVERY = 5
SWITCH_SECONDS = 0.4  # about what a switch to a version that served before takes here
ROLLOUT_SECONDS = 8.0  # and what a rollout in two rings takes
CONVERGE_SECONDS_MAX = 90.0
ASK_PAUSE_SECONDS = 0.02


@dataclass
class Tally:
    kills: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    turns: int = 0
    halted: int = 0
    losses: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills = ", ".join(f"{count} of {name}" for name, count in sorted(self.kills.items()))
        return (f"{self.turns} turns, kills: {kills}; {self.halted} rollouts halted; {self.answers} answers checked; "
                f"{len(self.losses)} losses")


class Asker:
    """Asks one inference process all the time, and checks each answer against the version that it names."""

    def __init__(self, server: InferenceProcess, contents: dict[str, bytes], tally: Tally) -> None:
        self.server, self.contents, self.tally = server, contents, tally
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.stopped.wait(ASK_PAUSE_SECONDS):
            for text in TEXTS[:2]:
                try:
                    self.ask(text)
                except (OSError, http.client.HTTPException):
                    pass  # it was killed, and serves nothing until it is started again

    def ask(self, text: str) -> None:
        url = urlsplit(self.server.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
        try:
            connection.request("POST", "/embed", json.dumps({"text": text}), {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = json.loads(response.read())
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            return
        self.tally.answers += 1
        expected = embedding(self.contents[body["version"]], text)
        if any(abs(left - right) > 1e-6 for left, right in zip(expected, body["embedding"], strict=True)):
            self.tally.losses.append(f"{self.server.node.name}: a wrong answer in the name of {body['version']}")

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()


class Campaign:
    def __init__(self, seed: int, victims: list[str]) -> None:
        self.random = random.Random(seed)
        self.victims = victims
        self.tally = Tally()
        self.contents: dict[str, bytes] = {}
        self.proven: list[str] = []
        self.cluster = Cluster()
        self.nodes: list[Node] = []
        self.servers: dict[str, InferenceProcess] = {}
        self.controller: subprocess.Popen[str] | None = None

    def prepare(self) -> None:
        self.nodes = [self.cluster.first("a"), self.cluster.join("b")]
        self.nodes[1].run("follow", MODEL)
        self.publish("1", "stable")
        self.proven.append("1")
        for node in self.nodes:
            self.servers[node.name] = InferenceProcess(node, MODEL, (DUMMY, "--pulse"))
            self.servers[node.name].start()
        self.wait_all("1")
        self.roll_out("2", None)

    def publish(self, tag: str, channel: str) -> None:
        content = f"version {tag}\n".encode() * 300
        self.contents[tag] = content
        folder = self.cluster.folder / f"files-{tag}"
        folder.mkdir()
        (folder / "model.bin").write_bytes(content)
        inputs, outputs = write_calibration(self.cluster.folder / f"calibration-{tag}", content)
        self.nodes[0].run("seed", folder, "--model", MODEL, "--version", tag, "--channel", channel, "--calibration",
                          inputs, "--expect", outputs, "--gate", "watch.seconds=1", "--gate", "latency.ratio.max=20")

    # What is served

    def served(self) -> set[str | None]:
        return {server.served_version() for server in self.servers.values()}

    def wait_all(self, tag: str) -> None:
        wait_until(lambda: self.served() == {tag}, CONVERGE_SECONDS_MAX, f"both nodes serve {tag}")

    # Turns

    def turn(self, number: int) -> None:
        victim = self.random.choice(self.victims)
        if number % NEW_VERSION_EVERY == NEW_VERSION_EVERY - 1:
            self.roll_out(str(len(self.contents) + 1), victim)
        else:
            served = self.served()
            self.switch(self.random.choice([tag for tag in self.proven if {tag} != served]), victim)
        for node in self.nodes:
            node.run("retry", MODEL)
        self.tally.turns += 1

    def switch(self, tag: str, victim: str) -> None:
        """To a version that served before."""
        victim = "agent" if victim == "controller" else victim
        killer = self.kill_later(victim, SWITCH_SECONDS)
        self.nodes[0].run("promote", f"{MODEL}@{tag}", code=None)
        killer.join()
        # The agent that was to sign may have been the one that was killed.
        self.nodes[0].run("promote", f"{MODEL}@{tag}")
        self.wait_all(tag)

    def roll_out(self, tag: str, victim: str | None) -> None:
        """A new version in two rings. One that seems to kill its process is halted, and the old one serves."""
        before = self.served().pop()
        self.publish(tag, "candidates")
        self.nodes[0].run("promote", f"{MODEL}@{tag}", "--ring", "node=a", "--ring", "all", "--wait", "1s")
        self.start_controller()
        if victim is not None:
            self.kill_later(victim, ROLLOUT_SECONDS).join()
        code = self.finish_controller()
        if code == 0:
            self.proven.append(tag)
            return self.wait_all(tag)
        self.tally.halted += 1
        self.wait_all(str(before))
        self.nodes[0].run("rollback", MODEL)

    # The controller

    def start_controller(self) -> None:
        self.controller = self.random.choice(self.nodes).begin("rollout", "run", MODEL, "--for", "80s")

    def finish_controller(self) -> int:
        """Starts it again, elsewhere perhaps, until it has come to an end by itself."""
        deadline = time.monotonic() + CONVERGE_SECONDS_MAX
        while True:
            assert self.controller is not None
            _, said = self.controller.communicate()
            if self.controller.returncode in (0, 5):
                return self.controller.returncode
            if time.monotonic() > deadline:
                raise AssertionError(f"the rollout does not end: {said}")
            self.start_controller()

    # Killing

    def kill_later(self, victim: str, seconds: float) -> threading.Thread:
        pause, name = self.random.uniform(0, seconds), self.random.choice(["a", "b"])
        thread = threading.Thread(target=self.kill, args=(victim, name, pause))
        thread.start()
        return thread

    def kill(self, victim: str, name: str, pause: float) -> None:
        time.sleep(pause)  # a random moment, not a wait for something
        self.tally.kills[victim] += 1
        if victim == "agent":
            self.cluster[name].kill()
            self.cluster[name].start()
        elif victim == "process":
            process = self.servers[name].process
            assert process is not None
            process.kill()
            self.servers[name].end()
            self.servers[name].start()
        elif self.controller is not None:
            self.controller.kill()

    def end(self) -> None:
        for server in self.servers.values():
            server.end()
        self.cluster.end()
        self.cluster.remove()


def campaign(count: int, seed: int, victims: list[str]) -> Tally:
    run = Campaign(seed, victims)
    askers: list[Asker] = []
    try:
        run.prepare()
        askers = [Asker(server, run.contents, run.tally) for server in run.servers.values()]
        for number in range(count):
            run.turn(number)
            if number % 10 == 9:
                print(f"after {number + 1}: {run.tally}", file=sys.stderr)
    except AssertionError as error:
        run.tally.losses.append(f"turn {run.tally.turns + 1}: {error}")
    finally:
        for asker in askers:
            asker.stop()
        run.end()
    return run.tally
