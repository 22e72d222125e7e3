"""The systems that carry a file from one process to another on loopback. All of them verify what they receive.

Each has `start` (both ends run, and the sender has the file), `fetch` (returns once the receiver has the whole verified
file at `out`), and `sender` and `receiver`, the processes whose costs count.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
SHOAL = Path(os.environ.get("SHOAL") or BENCH.parent.parent / ".build" / "release" / "shoal").resolve()
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that a distribution's libtorrent module is for
WAIT_SECONDS_MAX = 60.0

sys.path.insert(0, str(BENCH))
from swarmbench.adapters import Libtorrent as Tuned  # noqa: E402


class Failure(Exception):
    """A system did not do what it should."""


def wait_until(check: Callable[[], object], what: str) -> None:
    """Tries again and again, for a minute at most."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            if check():
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    raise Failure(f"gave up waiting until {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port: int, address: str = "127.0.0.1") -> bool:
    with socket.create_connection((address, port), 1):
        return True


class System:
    """Two processes in a folder of their own."""

    name = ""

    def __init__(self, folder: Path, file: Path) -> None:
        self.folder, self.file = folder, file
        self.out = folder / "received" / file.name
        self.out.parent.mkdir(parents=True)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.sender = self.receiver = 0  # process ids

    def spawn(self, *command: object, **options: object) -> subprocess.Popen[bytes]:
        """Starts a process that `stop` ends. What it says goes to the folder's log."""
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen([str(part) for part in command], stderr=log,
                                       **{"stdin": subprocess.DEVNULL, "stdout": log, **options})
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Shoal(System):
    """Two agents of one cluster, TLS on, as users run them."""

    name = "shoal"

    def start(self) -> None:
        self.states = [self.folder / "a", self.folder / "b"]
        keys, ports = self.folder / "keys", [free_port(), free_port()]
        self.shoal(0, "init", "--cluster", "pair", "--node", "a", "--keys", keys)
        self.sender = self.agent(0, ports[0])
        token = json.loads(self.shoal(0, "token", "create", "--json"))["token"]
        self.shoal(1, "join", token, "--peer", f"127.0.0.1:{ports[0]}", "--node", "b")
        self.receiver = self.agent(1, ports[1])
        wait_until(self.is_connected, "the agents are connected")
        self.shoal(0, "seed", self.file, "--model", "m", "--version", "v1", "--keys", keys)

    def shoal(self, node: int, *arguments: object) -> str:
        command = [str(SHOAL), *map(str, arguments), "--state", str(self.states[node])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failure(f"shoal {arguments[0]}: {done.stderr}{done.stdout}")
        return done.stdout

    def agent(self, node: int, port: int) -> int:
        process = self.spawn(SHOAL, "agent", "--listen", f"127.0.0.1:{port}", "--state", self.states[node])
        control = self.states[node] / "run" / "control.sock"
        wait_until(lambda: control.exists() and self.shoal(node, "status", "--json"), f"agent {node} answers")
        return process.pid

    def is_connected(self) -> bool:
        return '"connected"' in self.shoal(1, "status", "--json").replace(" ", "")

    def fetch(self) -> None:
        answer = json.loads(self.shoal(1, "get", "m@v1", "--wait", "600", "--json"))
        os.link(Path(answer["path"]) / self.file.name, self.out)


class Libtorrent(System):
    """libtorrent through Python, with swarmbench's settings for a pair; no TLS."""

    name = "libtorrent"

    def start(self) -> None:
        self.ends = [self.node("127.0.0.2"), self.node("127.0.0.3")]
        self.sender, self.receiver = (end.pid for end in self.ends)
        self.torrent = self.folder / "t.torrent"
        self.tell(0, "PUBLISHED", cmd="publish", file=str(self.file), torrent=str(self.torrent), piece=64 << 10,
                  format="v1")

    def node(self, address: str) -> subprocess.Popen[bytes]:
        end = self.spawn(SYSTEM_PYTHON, "-u", BENCH / "swarmbench" / "lt_node.py", address, json.dumps(Tuned.PAIR),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.expect(end, "READY")
        return end

    @staticmethod
    def expect(end: subprocess.Popen[bytes], word: str) -> None:
        assert end.stdout is not None
        line = end.stdout.readline().decode().strip()
        if line != word:
            raise Failure(f"libtorrent said {line!r}, not {word}")

    def tell(self, end: int, answer: str, **command: object) -> None:
        pipe = self.ends[end].stdin
        assert pipe is not None
        pipe.write(json.dumps(command).encode() + b"\n")
        pipe.flush()
        self.expect(self.ends[end], answer)

    def fetch(self) -> None:
        self.tell(1, "DONE", cmd="fetch", torrent=str(self.torrent), dir=str(self.out.parent), peers=["127.0.0.2"])


class Aria2(System):
    """aria2 with a torrent and swarmbench's tracker; no TLS."""

    name = "aria2"

    def start(self) -> None:
        nodes, tracker, self.rpc = self.folder / "nodes", free_port(), [free_port(), free_port()]
        nodes.write_text("127.0.0.1 0 1\n")
        self.spawn(sys.executable, BENCH / "swarmbench" / "tracker.py", "127.0.0.1", tracker, nodes)
        wait_until(lambda: is_listening(tracker), "the tracker listens")
        torrent = self.folder / "t.torrent"
        subprocess.run(["mktorrent", "-a", f"http://127.0.0.1:{tracker}/announce", "-l", "17", "-t", "2", "-o",
                        str(torrent), str(self.file)], check=True, capture_output=True)
        self.blob = base64.b64encode(torrent.read_bytes()).decode()
        self.sender, self.receiver = (self.node(port) for port in self.rpc)
        self.call(0, "aria2.addTorrent", self.blob, [],
                  {"dir": str(self.file.parent), "bt-seed-unverified": "true", "check-integrity": "false"})
        time.sleep(1)  # until it has told the tracker

    def node(self, port: int) -> int:
        process = self.spawn(
            "aria2c", "--no-conf", "--quiet", "--enable-rpc", f"--rpc-listen-port={port}", f"--dir={self.out.parent}",
            f"--listen-port={free_port()}", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false",
            "--enable-peer-exchange=false", "--bt-max-peers=0", "--bt-request-peer-speed-limit=1000M",
            "--bt-tracker-interval=1", "--disable-ipv6=true", "--seed-ratio=0.0", "--file-allocation=none",
            "--disk-cache=32M", "--bt-min-crypto-level=plain", "--auto-save-interval=0", "--allow-overwrite=true",
            "--check-integrity=true")
        wait_until(lambda: is_listening(port), "aria2 listens")
        return process.pid

    def call(self, end: int, method: str, *parameters: object) -> object:
        body = json.dumps({"jsonrpc": "2.0", "id": "1", "method": method, "params": parameters}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rpc[end]}/jsonrpc", body, 10) as answer:
            return json.load(answer)["result"]

    def fetch(self) -> None:
        number = self.call(1, "aria2.addTorrent", self.blob, [], {})

        def is_done() -> bool:
            told = self.call(1, "aria2.tellStatus", number, ["completedLength", "totalLength", "status"])
            return told["completedLength"] == told["totalLength"] != "0"  # type: ignore[index]

        wait_until(is_done, "aria2 has the file")


class Rsync(System):
    """An rsync daemon and its client, which compares a checksum of the whole file; no TLS."""

    name = "rsync"

    def start(self) -> None:
        settings, self.port = self.folder / "rsyncd.conf", free_port()
        settings.write_text(f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\n"
                            f"lock file = {settings}.lock\n[m]\npath = {self.file.parent}\n")
        self.sender = self.spawn("rsync", "--daemon", "--no-detach", f"--config={settings}", "--address=127.0.0.1",
                                 f"--port={self.port}").pid
        wait_until(lambda: is_listening(self.port), "rsync listens")

    def fetch(self) -> None:
        # Under a shell, which stays, so that what its children cost can be read after their end.
        url = f"rsync://127.0.0.1:{self.port}/m/{self.file.name}"
        keeper = self.spawn("sh", "-c", 'rsync --ignore-times "$0" "$1"; echo "$?"; read -r _', url, self.out,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.receiver = keeper.pid
        assert keeper.stdout is not None
        if keeper.stdout.readline().strip() != b"0":
            raise Failure("rsync failed")


SYSTEMS: dict[str, type[System]] = {system.name: system for system in (Shoal, Libtorrent, Aria2, Rsync)}


def missing(name: str) -> str | None:
    """Why a system cannot run here; None if it can."""
    if name == "shoal":
        build = "swift build -c release --static-swift-stdlib"
        return None if SHOAL.exists() else f"there is no {SHOAL}: run '{build}' or set SHOAL"
    if name == "libtorrent":
        found = subprocess.run([SYSTEM_PYTHON, "-c", "import libtorrent"], capture_output=True).returncode == 0
        return None if found else "python3-libtorrent is not installed"
    needed = {"aria2": ["aria2c", "mktorrent"], "rsync": ["rsync"]}[name]
    absent = [tool for tool in needed if shutil.which(tool) is None]
    return f"{', '.join(absent)} is not installed" if absent else None
