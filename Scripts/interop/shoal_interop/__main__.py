"""Command line: python3 -m shoal_interop COMMAND … Each event is a line of JSON on standard output."""

import argparse
import json
import pathlib
import sys
import time

from .agent import Agent
from .elements import Refused
from .identity_folder import load_cluster, load_identity, save_cluster, save_identity
from .fetching import FetchFailed
from .join_token import Token
from .joining import Issuer, JoinFailed, Newcomer
from .keys import Key
from .maker import Cluster
from .misbehaviour import Misbehaviour


def say(kind: str, **values) -> None:
    print(json.dumps({"event": kind} | values), flush=True)


def endpoint(text: str) -> tuple:
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


def read_folder(folder: str) -> dict:
    """{variant: {path: content}} of folder/variant/path."""
    top = pathlib.Path(folder)
    return {
        variant.name: {
            str(path.relative_to(variant)): path.read_bytes() for path in variant.rglob("*") if path.is_file()
        }
        for variant in top.iterdir() if variant.is_dir()
    }


def identity_of(arguments):
    misbehaviour = Misbehaviour(arguments.misbehaviour)
    if arguments.cluster:
        return misbehaviour.identity(load_cluster(arguments.cluster), arguments.name)
    if misbehaviour.breaks_handshake and misbehaviour not in (
        Misbehaviour.TLS_1_2, Misbehaviour.NO_CERTIFICATE, Misbehaviour.OTHER_ALPN
    ):
        raise SystemExit(f"--misbehaviour {misbehaviour.value} needs --cluster, to make such a certificate")
    if not arguments.identity:
        raise SystemExit("an identity is needed: --identity FOLDER (see join), or --cluster FOLDER")
    return load_identity(arguments.identity)


def make_agent(arguments, listen) -> Agent:
    def listener(event):
        if event.kind != "chunk" or arguments.verbose:
            print(json.dumps(event.json()), flush=True)
    agent = Agent(identity_of(arguments), listen, misbehaviour=Misbehaviour(arguments.misbehaviour), listener=listener)
    if agent.server:
        say("listening", address=f"{agent.address[0]}:{agent.address[1]}", node=agent.node_id.hex())
    return agent


def dial_all(agent: Agent, peers: list, deadline: float) -> None:
    for peer in peers:
        try:
            agent.dial(endpoint(peer), deadline)
        except OSError as error:
            say("dial-failed", peer=peer, reason=str(error))


def fetch(arguments) -> int:
    with make_agent(arguments, endpoint(arguments.listen) if arguments.listen else None) as agent:
        dial_all(agent, arguments.peer, arguments.deadline)
        digest = bytes.fromhex(arguments.digest) if arguments.digest else None
        try:
            version = agent.fetch(arguments.model, arguments.tag, digest=digest, channel=arguments.channel,
                                  into=arguments.output, deadline=arguments.deadline)
        except (FetchFailed, TimeoutError) as error:
            say("failed", reason=str(error))
            return 1
        say("fetched", digest=version.digest.hex(), tag=version.manifest.tag, files=len(version.manifest.files))
        if arguments.stay:
            time.sleep(arguments.stay)
    return 0


def serve(arguments) -> int:
    cluster = load_cluster(arguments.cluster)
    version = cluster.version(arguments.model, arguments.tag, arguments.number, read_folder(arguments.folder),
                              variants=True)
    with make_agent(arguments, endpoint(arguments.listen)) as agent:
        agent.serve(version, directing=arguments.directing)
        say("serving", digest=version.digest.hex(), chunks=len(version.chunks))
        if arguments.channel:
            agent.publish(cluster.head(arguments.model, version.digest, arguments.channel))
        dial_all(agent, arguments.peer, 10)
        time.sleep(arguments.deadline)
    return 0


def misbehave(arguments) -> int:
    """Only connects (with nothing to serve), and tells what happens."""
    with make_agent(arguments, endpoint(arguments.listen) if arguments.listen else None) as agent:
        dial_all(agent, arguments.peer, arguments.deadline)
        time.sleep(arguments.deadline)
    return 0


def join(arguments) -> int:
    try:
        identity = Newcomer(arguments.name, Key.generate()).join(
            arguments.token, endpoint(arguments.address), arguments.folder)
    except (JoinFailed, Refused, OSError) as error:
        say("failed", reason=str(error), code=getattr(error, "code", None))
        return 1
    say("joined", node=identity.node_id.hex(), name=identity.name, folder=arguments.folder)
    return 0


def issue(arguments) -> int:
    cluster = load_cluster(arguments.cluster)
    with Issuer(cluster, cluster.identity(arguments.name), endpoint(arguments.listen)) as issuer:
        say("issuing", address=f"{issuer.address[0]}:{issuer.address[1]}", token=issuer.token().text)
        time.sleep(arguments.deadline)
    return 0


def make_cluster(arguments) -> int:
    cluster = Cluster(arguments.name)
    save_cluster(cluster, arguments.folder)
    for name in arguments.node:
        save_identity(cluster.identity(name), pathlib.Path(arguments.folder) / "nodes" / name)
    say("made", clusterID=cluster.cluster_id.hex(), root=cluster.root_envelope.digest.hex())
    return 0


def token(arguments) -> int:
    made = Token.parse(arguments.text)
    say("token", issuer=made.issuer.hex(), clusterID=made.cluster_id.hex(), rootPin=made.root_pin.hex(),
        caPin=made.ca_pin.hex())
    return 0


def common(parser: argparse.ArgumentParser, seconds: float) -> None:
    parser.add_argument("--identity", help="folder of a joined node")
    parser.add_argument("--cluster", help="folder of a cluster's keys, from which an identity is made")
    parser.add_argument("--name", default="interop-node", help="node name of the identity that is made")
    parser.add_argument("--peer", action="append", default=[], help="host:port to dial")
    parser.add_argument("--listen", help="host:port")
    parser.add_argument("--misbehaviour", default="none", choices=[one.value for one in Misbehaviour])
    parser.add_argument("--deadline", type=float, default=seconds, help="seconds until it ends")
    parser.add_argument("--verbose", action="store_true")


def main() -> int:
    parser = argparse.ArgumentParser(prog="shoal_interop", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    one = commands.add_parser("fetch", help="fetch a version and write its files")
    common(one, 60)
    one.add_argument("--model", required=True)
    one.add_argument("--tag")
    one.add_argument("--digest")
    one.add_argument("--channel")
    one.add_argument("--output")
    one.add_argument("--stay", type=float, default=0, help="seconds to go on serving")
    one.set_defaults(run=fetch)

    one = commands.add_parser("serve", help="publish FOLDER/variant/path and serve it")
    common(one, 600)
    one.add_argument("folder")
    one.add_argument("--model", required=True)
    one.add_argument("--tag", required=True)
    one.add_argument("--number", type=int, default=1)
    one.add_argument("--channel")
    one.add_argument("--directing", action="store_true")
    one.set_defaults(run=serve)

    one = commands.add_parser("misbehave", help="connect and do something wrong")
    common(one, 20)
    one.set_defaults(run=misbehave)

    one = commands.add_parser("join", help="join a cluster with a token")
    one.add_argument("token")
    one.add_argument("address")
    one.add_argument("folder")
    one.add_argument("--name", required=True)
    one.set_defaults(run=join)

    one = commands.add_parser("issue", help="make a token and let nodes join")
    one.add_argument("--cluster", required=True)
    one.add_argument("--listen", required=True)
    one.add_argument("--name", default="issuer")
    one.add_argument("--deadline", type=float, default=600)
    one.set_defaults(run=issue)

    one = commands.add_parser("make-cluster", help="make keys, CA, root and node identities")
    one.add_argument("folder")
    one.add_argument("--name", default="interop-cluster")
    one.add_argument("--node", action="append", default=[])
    one.set_defaults(run=make_cluster)

    one = commands.add_parser("token", help="show what a token says")
    one.add_argument("text")
    one.set_defaults(run=token)

    arguments = parser.parse_args()
    return arguments.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
