"""The main job, shown: a model published on one node is served on all of them, while requests are being answered.

Run by Scripts/demo, which builds what this needs. The cluster is that of the integration tests.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Scripts" / "tests" / "integration"))

from cluster import NAME_BYTES_MAX, Cluster  # noqa: E402
from node import Node, is_complete  # noqa: E402
from report import Delivery, costs, table  # noqa: E402
from serving import InferenceProcess, LoadProcess  # noqa: E402
from waiting import POLL_SECONDS  # noqa: E402

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
VERSIONS = ("fp32", "int8")
FILES = ROOT / ".build-models" / "minilm"
NODES = [f"node-{number}" for number in range(1, 6)]
SERVING_NODES = NODES[:2]
RATE = 20.0  # requests a second, to each inference process
DELIVERY_SECONDS_MAX = 300.0
LOAD_SECONDS = 10.0  # before the switch and after it

start_time = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - start_time:6.1f} s] {text}", flush=True)


class Demo:
    """Everything that runs. `end` ends it, whatever happened."""

    def __init__(self) -> None:
        self.cluster = Cluster(working_folder())
        self.servers: list[InferenceProcess] = []
        self.loads: list[LoadProcess] = []

    def run(self) -> bool:
        """True if all went well."""
        self.make_cluster()
        self.start_servers()
        deliveries = [self.deliver(VERSIONS[0])]
        self.start_loads()
        say(f"the load runs for {LOAD_SECONDS:g} s on {VERSIONS[0]}")
        time.sleep(LOAD_SECONDS)
        deliveries.append(self.deliver(VERSIONS[1]))
        say(f"the load runs for {LOAD_SECONDS:g} s more on {VERSIONS[1]}")
        time.sleep(LOAD_SECONDS)
        return self.conclude(deliveries)

    # The parts that run

    def make_cluster(self) -> None:
        say(f"making a cluster in {self.cluster.folder}")
        self.cluster.first("seed")
        for name in NODES:
            node = self.cluster.join(name, start=False)
            config = node.folder / "shoal.toml"
            config.write_text(f'[handoff]\nmodels = ["{MODEL}"]\n' if name in SERVING_NODES else "")
            node.start("--config", config)
            node.run("follow", MODEL)
            say(f"{name} joined, listens on {node.address}, follows {MODEL}")

    def start_servers(self) -> None:
        for name in SERVING_NODES:
            server = InferenceProcess(self.cluster[name], MODEL)
            self.servers.append(server)
            say(f"an inference process on {name} answers at {server.start()}")

    def start_loads(self) -> None:
        say("computing what each version must answer")
        folders = {version: FILES / version for version in VERSIONS}
        self.loads = [LoadProcess(server, folders, RATE) for server in self.servers]
        for load in self.loads:
            load.start()
        for load in self.loads:
            load.wait_ready()
        say(f"{RATE:g} requests a second go to each of the {len(self.loads)} inference processes")

    # The main job

    def deliver(self, version: str) -> Delivery:
        """Publishes a version and waits until every node has it and every inference process serves it."""
        seed = self.cluster["seed"]
        before = {name: received(self.cluster[name]) for name in NODES}
        delivery = Delivery(version)
        say(f"publishing {version}")
        start = time.monotonic()
        publishing = seed.begin("seed", FILES / version, "--model", MODEL, "--version", version)
        try:
            self.watch(delivery, start)
            _, errors = publishing.communicate(timeout=DELIVERY_SECONDS_MAX)
        finally:
            publishing.kill()
        if publishing.returncode != 0:
            raise AssertionError(f"shoal seed ended with {publishing.returncode}: {errors}")
        for name in NODES:
            now = received(self.cluster[name])
            delivery.received[name] = {n: count - before[name].get(n, 0) for n, count in now.items()}
        say(f"{version} is on every node after {max(delivery.complete.values()):.2f} s")
        return delivery

    def watch(self, delivery: Delivery, start: float) -> None:
        servers = {server.node.name: server for server in self.servers}
        while len(delivery.complete) < len(NODES) or len(delivery.served) < len(servers):
            elapsed = time.monotonic() - start
            if elapsed > DELIVERY_SECONDS_MAX:
                raise AssertionError(f"{delivery.version} did not reach {self.missing(delivery)} in {elapsed:.0f} s")
            for name in NODES:
                if name not in delivery.complete and is_complete(self.cluster[name].model(MODEL, delivery.version)):
                    delivery.complete[name] = time.monotonic() - start
                    say(f"{name} has {delivery.version} ({len(delivery.complete)} of {len(NODES)})")
            for name, server in servers.items():
                if name not in delivery.served and server.served_version() == delivery.version:
                    delivery.served[name] = time.monotonic() - start
                    say(f"the inference process on {name} serves {delivery.version}")
            time.sleep(POLL_SECONDS)

    def missing(self, delivery: Delivery) -> str:
        behind = [name for name in NODES if name not in delivery.complete]
        behind += [f"the process on {s.node.name}" for s in self.servers if s.node.name not in delivery.served]
        return ", ".join(behind)

    def conclude(self, deliveries: list[Delivery]) -> bool:
        summaries = [load.stop() for load in self.loads]
        served = {server.node.name: server.served_version() for server in self.servers}
        say("done; ending what runs")
        self.end()
        print(f"\n{MODEL}, one seed and {len(NODES)} nodes on loopback\n")
        print(table(deliveries, served))
        print(f"\n{costs(deliveries, {version: size_of(FILES / version) for version in VERSIONS})}\n")
        answered = sum(summary["answered"] for summary in summaries)
        failed = sum(summary["failed"] for summary in summaries)
        for summary in summaries:
            times = summary["milliseconds"]
            print(f"load: answers by version {summary['versions']}; median {times['p50']} ms, most {times['max']} ms")
            for reason, count in summary["failures"].items():
                print(f"load: {count} failed: {reason}")
        print(f"states and logs are in {self.cluster.folder}; the model is in {FILES}\n")
        print(f"{answered} requests answered, {failed} failed", flush=True)
        return failed == 0 and answered > 0 and set(served.values()) == {VERSIONS[-1]}

    def end(self) -> None:
        for process in [*self.loads, *self.servers]:
            process.end()
        for node in self.cluster.nodes.values():
            if node.is_running:
                node.stop()
        fallen = self.cluster.end()
        if fallen:
            raise AssertionError(f"agents ended by themselves: {', '.join(fallen)}")


def received(node: Node) -> dict[str, int]:
    """Chunk bytes that a node got from each neighbour so far, by the neighbour's name."""
    counts: dict[str, int] = {}
    for row in node.status()["neighbours"]:
        counts[row["name"]] = counts.get(row["name"], 0) + row["received_bytes"]
    return counts


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def working_folder() -> Path:
    """`.build-demo`, or a new folder where the path of that would be too long for a unix socket."""
    folder = ROOT / ".build-demo"
    if len(str(folder / NODES[0] / "state" / "handoff" / "handoff.sock")) > NAME_BYTES_MAX:
        return Path(tempfile.mkdtemp(prefix="shoal-demo-"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # so that `finally` runs
    demo = Demo()
    try:
        return 0 if demo.run() else 1
    except (AssertionError, OSError, ValueError, LookupError) as error:
        for node in demo.cluster.nodes.values():
            print(node.log_tail(20), file=sys.stderr)
        print(f"demo: failed: {error}\nlogs are in {demo.cluster.folder}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in [*demo.loads, *demo.servers]:
            process.end()
        demo.cluster.end()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
