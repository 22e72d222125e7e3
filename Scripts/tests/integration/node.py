"""One node under test: its state folder, the commands that are run on it, and its agent."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
SHOAL = Path(os.environ.get("SHOAL") or ROOT / ".build" / "debug" / "shoal").resolve()

COMMAND_SECONDS_MAX = 60.0
START_SECONDS_MAX = 15.0
STOP_SECONDS_MAX = 10.0
ANSWER_SECONDS_MAX = 10.0

Json = dict[str, Any]


class CommandFailed(AssertionError):
    """A command did not end with the expected exit code."""


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        return json.loads(self.out)


class Node:
    """A node with a state folder of its own. Its agent runs between `start` and `stop` or `kill`."""

    def __init__(self, name: str, folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / "agent.log"
        self.address = f"127.0.0.1:{free_port()}"
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        # What commands and the agent are run by, such as `ip netns exec`.
        self.prefix: list[str] = []
        folder.mkdir(parents=True)

    # Commands

    def run(self, *arguments: object, code: int | None = 0, seconds: float = COMMAND_SECONDS_MAX) -> Result:
        """Runs a shoal command on this node's state and checks its exit code (None: any)."""
        command = self.command(*arguments)
        done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds)
        result = Result(done.returncode, done.stdout, done.stderr)
        if code is not None and result.code != code:
            shown = " ".join(map(str, arguments))
            said = result.err + result.out
            raise CommandFailed(f"{self.name}: shoal {shown}: exit code {result.code}, not {code}\n{said}")
        return result

    def command(self, *arguments: object) -> list[str]:
        return [*self.prefix, str(SHOAL), *map(str, arguments), "--state", str(self.state)]

    def begin(self, *arguments: object) -> subprocess.Popen[str]:
        """Starts a command and returns it; whoever calls it waits for it or ends it."""
        return subprocess.Popen(self.command(*arguments), env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    # The agent

    def start(self, *options: object, wait: bool = True) -> None:
        """Starts the agent and waits until it answers."""
        assert self.process is None, f"the agent of {self.name} runs already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command("agent", "--listen", self.address, *options),
                                            env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            wait_until(self._answers, START_SECONDS_MAX, f"the agent of {self.name} answers")

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the agent of {self.name} ended with {self.process.returncode}\n{self.log_tail()}")
        return bool(self.status())

    def stop(self) -> float:
        """Ends the agent with SIGTERM; the seconds that it took. It must end with 0."""
        assert self.process is not None
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self._wait_for_end()
        assert code == 0, f"the agent of {self.name} ended with {code} after SIGTERM\n{self.log_tail()}"
        return time.monotonic() - start

    def kill(self) -> None:
        """Ends the agent with SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self._wait_for_end()

    def pause(self) -> None:
        """Stops the agent in its tracks: its sockets stay open, and nothing comes out of it until `resume`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def _wait_for_end(self) -> int:
        assert self.process is not None
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the agent of {self.name} did not end in {STOP_SECONDS_MAX:g} s") from None
        finally:
            self.process = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def memory_peak(self) -> int:
        """The most resident memory that the agent had so far, in bytes (VmHWM)."""
        return memory_peak(self.pid)

    def log_tail(self, lines: int = 60) -> str:
        if not self.log.exists():
            return f"{self.name} has no log\n"
        text = self.log.read_text(errors="replace").splitlines()
        return f"--- {self.name}, the last lines of its log\n" + "\n".join(text[-lines:]) + "\n"

    # What it says

    def ask(self, method: str, **parameters: object) -> Json:
        """One question over the control socket, as Protocol/control-api.md says; cheaper than a command."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS_MAX)
            connection.connect(str(self.state / "run" / "control.sock"))
            connection.sendall(json.dumps({"id": 1, "method": method, "params": parameters}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                for line in lines:
                    answer = json.loads(line)
                    if answer.get("error"):
                        raise ValueError(f"{method}: {answer['error']}")
                    if "result" in answer:
                        return answer["result"]
        raise OSError(f"{self.name}: the agent ended before it answered {method}")

    def status(self) -> Json:
        return self.ask("status")

    def model(self, model: str, tag: str) -> Json | None:
        """The row of a version in the status."""
        rows = [row for row in self.status()["models"] if row["model"] == model and row["tag"] == tag]
        assert len(rows) <= 1, f"{self.name}: {len(rows)} rows of {model}@{tag}: {rows}"
        return rows[0] if rows else None

    def neighbour(self, name: str) -> Json | None:
        """The row of a neighbour in the status, by its node's name."""
        rows = [row for row in self.status()["neighbours"] if row["name"] == name]
        assert len(rows) <= 1, f"{self.name}: {len(rows)} rows of neighbour {name}: {rows}"
        return rows[0] if rows else None

    def current(self, model: str) -> Path:
        """The folder in which users find the model."""
        return self.state / "models" / model / "current"

    # Waiting

    def wait_for(self, check: Callable[[Json], Any], seconds: float, what: str) -> Any:
        """Waits until the status is as `check` wants it."""
        return wait_until(lambda: check(self.status()), seconds, f"{self.name}: {what}")

    def wait_connected(self, *names: str, seconds: float = 15.0) -> None:
        def connected(status: Json) -> bool:
            now = {row["name"] for row in status["neighbours"] if row["state"] in ("connected", "busy")}
            return now.issuperset(names)

        self.wait_for(connected, seconds, f"connected to {', '.join(names)}")

    def wait_current(self, model: str, tag: str, seconds: float = 30.0) -> Path:
        """Waits until `current` names a version, which is right after it is complete, and returns its folder."""
        what = f"{tag} is current of {model} on {self.name}"
        wait_until(lambda: (self.model(model, tag) or {}).get("current"), seconds, what)
        return self.current(model)

    def wait_complete(self, model: str, tag: str, seconds: float = 30.0) -> Json:
        """Waits until a version is complete and durable here, and returns its row."""
        return wait_until(lambda: is_complete(self.model(model, tag)), seconds, f"{self.name} has {model}@{tag}")


def memory_peak(pid: int) -> int:
    """The most resident memory of a process so far, in bytes; StopIteration once it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def is_complete(row: Json | None) -> Json | None:
    """The row, if its version is complete."""
    if row is None or row["state"] not in ("ready", "loading", "serving") or row["bytes_verified"] < row["bytes_total"]:
        return None
    return row


# Runs that are under way at the same time have process ids near each other, and shall not share ports.
_next_port = 20_000 + os.getpid() * 397 % 10_000


def free_port() -> int:
    """A port below those that the kernel gives to connections, so that it stays free while an agent is down."""
    global _next_port
    for _ in range(10_000):
        _next_port = 20_000 + (_next_port - 20_000 + 1) % 10_000
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", _next_port))
                return _next_port
            except OSError:
                continue
    raise AssertionError("no port is free")
