"""A whole cluster in memory: keys, CA, root, node identities (good and bad), versions, heads, deny records, tokens."""

import secrets
import time
from dataclasses import dataclass, field, replace

from .documents import CHANNEL, DENIED, NODE, VERSION, Deny, Head, Root, RootKey
from .envelope import RIGHT_DENY, RIGHT_PROMOTE, RIGHT_PUBLISH, RIGHT_ROOT, Envelope
from .join_token import Token
from .keys import Key, NodeCertificate, make_ca, sha256, spki_of_certificate, uri
from .layout import Version, make_version

HOUR = 3_600
DAY = 86_400


@dataclass(frozen=True)
class Identity:
    """What an agent needs to speak: its key, its certificate, the CA certificates and the newest root (envelope)."""

    key: Key
    certificate: bytes
    root_envelope: bytes
    name: str = "node"

    @property
    def node_id(self) -> bytes:
        return self.key.node_id

    @property
    def root(self) -> Root:
        return Root.decode(Envelope.decode(self.root_envelope).body)


@dataclass
class Cluster:
    """One cluster. `seed` makes all keys and ids computable from it; without a seed they are random."""

    name: str = "test"
    seed: str | None = None
    now: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self):
        self.cluster_id = self._random("cluster id", 16)
        self.root_key, self.ca_key = self._key("root"), self._key("ca")
        self.publish_key, self.operator_key = self._key("publisher"), self._key("operator")
        self.ca_certificate = make_ca(self.ca_key, self.name, self.now - DAY, serial=self._serial("ca"))
        entries = [
            RootKey(self.root_key.spki, RIGHT_ROOT, ("*",)),
            RootKey(self.publish_key.spki, RIGHT_PUBLISH, ("*",)),
            RootKey(self.operator_key.spki, RIGHT_PROMOTE | RIGHT_DENY, ("*",)),
        ]
        self.root = Root(
            self.cluster_id, self.name, 1, self.now, 1, (self.ca_certificate,), sort_keys(entries), (1, 1, 1, 1)
        )
        self.root_envelopes = [self.root.envelope(self.root_key)]
        self.counters: dict = {}

    def _random(self, what: str, count: int) -> bytes:
        if self.seed is None:
            return secrets.token_bytes(count)
        return sha256(f"{self.seed} {what}".encode())[:count]

    def _key(self, name: str) -> Key:
        return Key.generate() if self.seed is None else Key.named(f"{self.seed} {name}")

    def _serial(self, name: str) -> int | None:
        return None if self.seed is None else int.from_bytes(self._random(f"serial {name}", 8), "big") | 1

    @property
    def root_envelope(self) -> Envelope:
        return self.root_envelopes[-1]

    def identity(self, name: str = "node", key: Key | None = None, **changes) -> Identity:
        """A good node, or a bad one by `changes` to its certificate: not_before, seconds, uris."""
        key = key or self._key(f"node {name}")
        subject = NodeCertificate(name, key.spki, (uri(self.cluster_id, key.node_id),), self.now - HOUR,
                                  serial=self._serial(name))
        certificate = replace(subject, **changes).issue(self.ca_certificate, self.ca_key)
        return Identity(key, certificate, self.root_envelope.encode(), name)

    def expired(self, name: str = "expired") -> Identity:
        return self.identity(name, not_before=self.now - 100 * DAY, seconds=90 * DAY)

    def not_yet_valid(self, name: str = "early") -> Identity:
        return self.identity(name, not_before=self.now + DAY)

    def wrong_uri(self, name: str = "wrong") -> Identity:
        """The certificate names a node id that is not that of its key."""
        return self.identity(name, uris=(uri(self.cluster_id, bytes(16)),))

    def two_uris(self, name: str = "two") -> Identity:
        key = Key.generate()
        return self.identity(name, key, uris=(uri(self.cluster_id, key.node_id), "shoal://elsewhere"))

    def other_cluster(self, name: str = "stranger") -> Identity:
        """Issued by this CA, but for another cluster."""
        key = Key.generate()
        return self.identity(name, key, uris=(uri(secrets.token_bytes(16), key.node_id),))

    def foreign(self, name: str = "foreign") -> Identity:
        """Says all the right things, but another CA signed it."""
        key, ca_key = Key.generate(), Key.generate()
        ca_certificate = make_ca(ca_key, self.name, self.now - DAY)
        subject = NodeCertificate(name, key.spki, (uri(self.cluster_id, key.node_id),), self.now - HOUR)
        return Identity(key, subject.issue(ca_certificate, ca_key), self.root_envelope.encode(), name)

    def version(self, model: str, tag: str, number: int, files: dict, **more) -> Version:
        """A signed version; `files` is {path: content}, or {variant: {path: content}} with `variants=True`."""
        variants = files if more.pop("variants", False) else {"default": files}
        return make_version(model, tag, number, variants, [self.publish_key], created=self.now, **more)

    def _count(self, subject) -> int:
        self.counters[subject] = self.counters.get(subject, 0) + 1
        return self.counters[subject]

    def head(self, model: str, version: bytes, channel: str = "stable", **changes) -> Envelope:
        body = Head(
            self.cluster_id, self.root.version, model, channel, self.root.epoch, self._count((model, channel)),
            version, self.now, self.now + 30 * DAY,
        )
        return replace(body, **changes).envelope(self.operator_key)

    def deny(self, node: bytes | None = None, model: str | None = None, version: bytes | None = None,
             channel: str | None = None, state: int = DENIED) -> Envelope:
        """A deny record of a node, or of a version or channel of a model."""
        kind = NODE if node else VERSION if version else CHANNEL
        counter = self._count((kind, node, model, version, channel))
        body = Deny(self.cluster_id, self.root.version, kind, state, self.root.epoch, counter, self.now,
                    node, model, version, channel)
        return body.envelope(self.operator_key)

    def advance_root(self, **changes) -> Envelope:
        """Signs and takes up the next version of the root."""
        self.root = replace(self.root, version=self.root.version + 1, **changes)
        self.root_envelopes.append(self.root.envelope(self.root_key))
        return self.root_envelope

    def token(self, issuer: Identity) -> Token:
        return Token(
            sha256(spki_of_certificate(self.ca_certificate)), self.root_envelope.digest, issuer.node_id,
            self.cluster_id, self._random("token id", 8), self._random("token secret", 16),
        )


def sort_keys(entries: list) -> tuple:
    return tuple(sorted(entries, key=lambda entry: entry.key_id))
