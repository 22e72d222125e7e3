"""What a receiver does with documents: checks in the order of documents.md, section 2, and which one wins."""

from dataclasses import dataclass, field

from .documents import NODE, CHANNEL, DENIED, VERSION, Deny, Head, Manifest, Root
from .elements import Refused
from .envelope import (
    DENY, HEAD, MANIFEST, RIGHT_DENY, RIGHT_PROMOTE, RIGHT_PUBLISH, RIGHT_ROOT, ROOT, Envelope,
)

# Reasons that do not blame the sender: the document is dropped, or this agent is too old.
BLAMELESS = {"notEntitled", "upgrade", "older", "newerRoot", "otherCluster"}


def open_document(data: bytes, root: Root, kind: int):
    """(envelope, body) of a manifest, head or deny record, checked under `root`. Raises Refused."""
    envelope = Envelope.decode(data, kind)
    envelope.check_signatures(root)
    body = {MANIFEST: Manifest, HEAD: Head, DENY: Deny}[kind].decode(envelope.body)
    if kind == MANIFEST:
        root.require_entitled(envelope, RIGHT_PUBLISH, body.model)
        return envelope, body
    if body.cluster_id != root.cluster_id:
        raise Refused("otherCluster", "signed for another cluster")
    if body.root_version > root.version:
        raise Refused("newerRoot", f"signed under root {body.root_version}")
    if body.epoch > root.epoch:
        raise Refused("outOfRange", f"epoch {body.epoch} is above the root's {root.epoch}")
    root.require_entitled(envelope, RIGHT_PROMOTE if kind == HEAD else RIGHT_DENY, body.model)
    return envelope, body


def open_first_root(data: bytes, pin: bytes) -> tuple:
    """The root that a token pins: its digest, its own threshold of its own keys."""
    envelope = Envelope.decode(data, ROOT)
    if envelope.digest != pin:
        raise Refused("digestMismatch", "the root is not the pinned one")
    root = Root.decode(envelope.body)
    root.require_entitled(envelope, RIGHT_ROOT, None)
    return envelope, root


def open_next_root(data: bytes, current: Root) -> tuple:
    """The root that follows `current`: signed by the keys of both."""
    envelope = Envelope.decode(data, ROOT)
    envelope.check_signatures(current)
    root = Root.decode(envelope.body)
    if root.cluster_id != current.cluster_id:
        raise Refused("otherCluster", "a root of another cluster")
    if root.version <= current.version:
        raise Refused("older", f"root {root.version}, {current.version} is here")
    if root.version != current.version + 1:
        raise Refused("newerRoot", f"root {root.version} does not follow {current.version}")
    current.require_entitled(envelope, RIGHT_ROOT, None)
    root.require_entitled(envelope, RIGHT_ROOT, None)
    if root.epoch < current.epoch:
        raise Refused("outOfRange", f"the epoch falls from {current.epoch} to {root.epoch}")
    return envelope, root


@dataclass
class Records:
    """All that an agent keeps: every root, the newest head of each channel, the newest deny record of each subject."""

    roots: list
    heads: dict = field(default_factory=dict)
    denials: dict = field(default_factory=dict)

    @property
    def root(self) -> Root:
        return self.roots[-1][1]

    def accept(self, kind: int, data: bytes) -> Envelope:
        """Takes a document over if it is good and news; else raises Refused."""
        if kind == ROOT:
            self.roots.append(open_next_root(data, self.root))
            return self.roots[-1][0]
        envelope, body = open_document(data, self.root, kind)
        table = self.heads if kind == HEAD else self.denials
        key = (body.model, body.channel) if kind == HEAD else body.subject
        if key in table and self.rank(envelope, body) <= self.rank(*table[key]):
            raise Refused("older", "this one or a newer one is here")
        table[key] = (envelope, body)
        return envelope

    @staticmethod
    def rank(envelope: Envelope, body) -> tuple:
        """Higher wins: (epoch, counter), then `denied` for a deny record, then the lower digest."""
        denied = isinstance(body, Deny) and body.state == DENIED
        return body.epoch, body.counter, denied, bytes(255 - byte for byte in envelope.digest)

    def _denied(self, *subject) -> bool:
        entry = self.denials.get(subject)
        return entry is not None and entry[1].state == DENIED

    def denies_node(self, node_id: bytes) -> bool:
        return self._denied(NODE, node_id, None, None, None)

    def denies_version(self, model: str, version: bytes) -> bool:
        return self._denied(VERSION, None, model, version, None)

    def denies_channel(self, model: str, channel: str) -> bool:
        return self._denied(CHANNEL, None, model, None, channel)
