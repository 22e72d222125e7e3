"""The vectors of documents.json. Everything is computed from names, so each run gives the same bytes."""

from dataclasses import replace

from . import elements
from .documents import (
    BY_CONTENT, CHANNEL, DENIED, LIFTED, NODE, VERSION, Deny, Head, Manifest, Pin, Ring, Root, RootKey,
)
from .elements import Refused
from .envelope import DENY, HEAD, KIND_NAMES, MANIFEST, RIGHT_NAMES, ROOT, Envelope, digest_of, domain
from .keys import Key, make_ca, sha256
from .layout import DOMAIN as LAYOUT_DOMAIN
from .layout import Layout, make_version
from .maker import DAY, Cluster, sort_keys
from .readable import readable
from .trust import BLAMELESS, open_document, open_first_root, open_next_root

NOW = 1_893_456_000  # 2030-01-01T00:00:00Z


def pattern_bytes(label: str, count: int) -> bytes:
    """Bytes that look random and are the same each time."""
    out = b""
    while len(out) < count:
        out += sha256(f"{label} {len(out)}".encode())
    return out[:count]


def flips_refused(data: bytes, offset: int, attempt) -> bool:
    """Whether each of the eight single-bit changes at the offset makes `attempt(bytes)` raise Refused."""
    for bit in range(8):
        changed = bytearray(data)
        changed[offset] ^= 1 << bit
        try:
            attempt(bytes(changed))
            return False
        except Refused:
            continue
    return True


def sampled(count: int, dense: int = 48, step: int = 11) -> list:
    """All offsets near both ends, some between."""
    return sorted({at for at in range(count) if at < dense or at >= count - 16 or at % step == 0})


class Scene:
    """The keys and documents that the vectors are made of."""

    def __init__(self):
        self.cluster = Cluster("harbour", seed="vectors", now=NOW)
        self.root_1 = self.cluster.root
        self.root_1_envelope = self.cluster.root_envelope
        names = ["root-b", "publisher-b", "publisher-c", "operator-b", "stranger"]
        self.keys = {
            "root": self.cluster.root_key, "ca": self.cluster.ca_key, "publisher": self.cluster.publish_key,
            "operator": self.cluster.operator_key, "ca-b": Key.named("vectors ca-b"),
        } | {name: Key.named(f"vectors {name}") for name in names}
        self._make_second_root()

    def _make_second_root(self) -> None:
        keys = self.keys
        ca_b = make_ca(keys["ca-b"], "harbour", NOW, serial=77)
        entries = [
            RootKey(keys["root"].spki, 1, ("*",)), RootKey(keys["root-b"].spki, 1, ("*",)),
            RootKey(keys["publisher"].spki, 2, ("*",)), RootKey(keys["publisher-b"].spki, 2, ("vision/*",)),
            RootKey(keys["publisher-c"].spki, 2, ("speech", "vision/detect")),
            RootKey(keys["operator"].spki, 12, ("*",)), RootKey(keys["operator-b"].spki, 12, ("vision/*",)),
        ]
        self.root_2 = replace(
            self.root_1, version=2, issued=NOW + DAY, epoch=2, keys=sort_keys(entries),
            ca_certificates=tuple(sorted((self.cluster.ca_certificate, ca_b))), thresholds=(2, 2, 1, 1),
        )
        self.root_2_envelope = self.root_2.envelope(keys["root"], keys["root-b"])

    def root_named(self, name: str) -> Root:
        return {"root-1": self.root_1, "root-2": self.root_2}[name]

    def versions(self) -> dict:
        publisher = [self.keys["publisher"]]
        body = pattern_bytes("weights", 200_000)
        plain = make_version("detect", "v1", 1, {"default": {"model.bin": body}}, publisher, created=NOW,
                             chunk_bytes=65_536)
        rich = make_version(
            "vision/detect", "2030-01-b", 7,
            {
                "cuda": {"engine/plan.bin": body[:70_000], "labels.txt": b"cat\ndog\n", "empty": b""},
                "default": {"labels.txt": b"cat\ndog\n", "weights/größe.bin": body[:65_536] + body[:65_536] + b"tail"},
            },
            publisher + [self.keys["publisher-b"]], created=NOW + 5, parent=plain.digest,
            lineage=(("code", "git:0123456789abcdef"), ("data", ""), ("note", "fine-tuned – größer")),
            gates=(("accuracy", "0.93"),), chunk_bytes=65_536,
        )
        empty = make_version("speech", "empty", 1, {"default": {"nothing": b""}}, publisher, created=0)
        return {"manifest-plain": plain, "manifest-rich": rich, "manifest-empty-file": empty}

    def head(self) -> Head:
        return Head(self.cluster.cluster_id, 1, "detect", "stable", 1, 1, pattern_bytes("version", 32), NOW, NOW + DAY)

    def rich_head(self) -> Head:
        rings = (Ring("site=a,role=canary", 10, 600), Ring("", 1_000, 0))
        pins = (Pin("site=b", pattern_bytes("pin b", 32)), Pin("x" * 256, pattern_bytes("pin x", 32)))
        return replace(self.head(), root_version=2, model="vision/detect", channel="canary", epoch=2, counter=2**40,
                       halt_share=50, flip_at=NOW + 60, base=pattern_bytes("base", 32), expected=7, rings=rings,
                       released=1, pins=pins)

    def deny(self) -> Deny:
        return Deny(self.cluster.cluster_id, 1, NODE, DENIED, 1, 1, NOW, node=pattern_bytes("node", 16))


class DocumentVectors:
    """Collects entries, each checked by this implementation as it is entered."""

    def __init__(self):
        self.scene = Scene()
        self.documents, self.layouts, self.refused, self.refused_layouts = [], [], [], []
        self.successions, self.unions = [], []

    def check(self, kind: int, data: bytes, root: str | None):
        if kind == ROOT:
            return open_first_root(data, Envelope.decode(data, ROOT).digest)
        return open_document(data, self.scene.root_named(root), kind)

    def accept(self, name: str, envelope: Envelope, root: str | None = None, attempt=None) -> None:
        data = envelope.encode()
        kind = envelope.kind
        attempt = attempt or (lambda bytes_: self.check(kind, bytes_, root))
        _, body = attempt(data)
        assert body.encode() == envelope.body and Envelope.decode(data).encode() == data
        decode = type(body).decode
        offsets = sampled(len(data)) if len(data) < 20_000 else sampled(len(data), 32, 997)
        inside = range(min(len(envelope.body), 4_000))
        entry = {
            "name": name, "kind": KIND_NAMES[kind], "domain": domain(kind), "root": root, "fields": readable(body),
            "signedBy": [key.hex() for key in sorted(envelope.signatures)], "digest": envelope.digest.hex(),
            "body": envelope.body.hex(), "bytes": data.hex(),
            "corruptAt": [at for at in offsets if flips_refused(data, at, attempt)],
            "parseCorruptAt": [at for at in inside if flips_refused(envelope.body, at, decode)],
        }
        self.documents.append(entry)

    def refuse(self, name: str, reason: str, kind: int, data, root: str | None = "root-1") -> None:
        data = data if isinstance(data, bytes) else data.encode()
        root = None if kind == ROOT else root
        try:
            self.check(kind, data, root)
        except Refused as refused:
            assert refused.reason == reason, f"{name}: {refused}"
        else:
            raise AssertionError(f"{name} was not refused")
        self.refused.append({
            "name": name, "kind": KIND_NAMES[kind], "root": root, "reason": reason,
            "blamesSender": reason not in BLAMELESS, "bytes": data.hex(),
        })

    def build(self) -> dict:
        self.add_roots()
        self.add_manifests()
        self.add_heads()
        self.add_denials()
        self.add_refused_envelopes()
        self.add_refused_roots()
        self.add_refused_manifests()
        self.add_refused_heads()
        self.add_refused_denials()
        self.add_layouts()
        self.add_successions()
        return {
            "format": 1, "keys": self.key_table(), "documents": self.documents, "refused": self.refused,
            "layouts": self.layouts, "refusedLayouts": self.refused_layouts, "successions": self.successions,
            "unions": self.unions,
        }

    def key_table(self) -> list:
        return [
            {"name": name, "pem": key.pem.decode(), "spki": key.spki.hex(), "keyID": key.key_id.hex(),
             "nodeID": key.node_id.hex()}
            for name, key in self.scene.keys.items()
        ]

    # Accepted documents.

    def add_roots(self) -> None:
        scene = self.scene
        self.accept("root-1", scene.root_1_envelope,
                    attempt=lambda data: open_first_root(data, scene.root_1_envelope.digest))
        self.accept("root-2", scene.root_2_envelope,
                    attempt=lambda data: open_first_root(data, scene.root_2_envelope.digest))

    def add_manifests(self) -> None:
        for name, version in self.scene.versions().items():
            self.accept(name, version.envelope, "root-2" if name == "manifest-rich" else "root-1")
        plain = self.scene.versions()["manifest-plain"].manifest
        longest = replace(
            plain, model="/".join(["m" * 64, "n" * 63]), tag="t" * 64, publish_number=2**63, created=2**40,
            algorithm=BY_CONTENT, chunk_sizes=(1, 65_537, 4_194_304),
            variants=(replace(plain.variants[0], files=(
                replace(plain.variants[0].files[0], path="/".join(["p" * 32] * 30 + ["q" * 16, "r" * 17])),
                replace(plain.variants[0].files[0], path="s" * 255),
            )),),
            lineage=(("k" * 64, "v" * 4_096),), gates=(("g" * 64, "w" * 256),),
        )
        assert len(longest.variants[0].files[0].path) == 1_024 and len(longest.model) == 128
        self.accept("manifest-longest-names", longest.envelope(self.scene.keys["publisher"]), "root-1")

    def add_heads(self) -> None:
        keys, head = self.scene.keys, self.scene.head()
        self.accept("head-plain", head.envelope(keys["operator"]), "root-1")
        self.accept("head-rich", self.scene.rich_head().envelope(keys["operator-b"]), "root-2")
        both = self.scene.rich_head().envelope(keys["operator"], keys["operator-b"])
        self.accept("head-two-signatures", both, "root-2")
        self.accept("head-with-a-stranger's-signature", head.envelope(keys["operator"], keys["stranger"]), "root-1")
        old = replace(head, epoch=1, counter=9).envelope(keys["operator"])
        self.accept("head-signed-under-an-older-root", old, "root-2")
        stale = replace(head, issued=1, expires=2).envelope(keys["operator"])
        self.accept("head-expired-is-still-followed", stale, "root-1")

    def add_denials(self) -> None:
        keys, deny = self.scene.keys, self.scene.deny()
        self.accept("deny-node", deny.envelope(keys["operator"]), "root-1")
        lifted = replace(deny, state=LIFTED, counter=2)
        self.accept("deny-node-lifted", lifted.envelope(keys["operator"]), "root-1")
        version = replace(deny, subject_kind=VERSION, node=None, model="vision/detect",
                          version=pattern_bytes("denied", 32))
        self.accept("deny-version", version.envelope(keys["operator-b"]), "root-2")
        channel = replace(deny, subject_kind=CHANNEL, node=None, model="detect", channel="canary")
        self.accept("deny-channel", channel.envelope(keys["operator"]), "root-1")

    # Refused documents. Each is signed by the right keys unless the fault is in the envelope.

    def add_refused_envelopes(self) -> None:
        keys = self.scene.keys
        envelope = self.scene.head().envelope(keys["operator"])
        good = envelope.encode()
        body_end = 9 + len(envelope.body)
        self.refuse("empty", "truncated", HEAD, b"")
        self.refuse("magic", "badMagic", HEAD, b"SHLd" + good[4:])
        self.refuse("kind-0", "badKind", HEAD, good[:4] + b"\0" + good[5:])
        self.refuse("kind-5", "badKind", HEAD, good[:4] + b"\5" + good[5:])
        self.refuse("another-kind-than-expected", "badKind", HEAD, good[:4] + b"\4" + good[5:])
        self.refuse("one-byte-less", "truncated", HEAD, good[:-1])
        self.refuse("one-byte-more", "trailing", HEAD, good + b"\0")
        self.refuse("head-body-length-over-its-bound", "tooLarge", HEAD, good[:5] + (4_097).to_bytes(4, "big"))
        self.refuse("manifest-body-length-over-its-bound", "tooLarge", MANIFEST,
                    b"SHLD\2" + (4_194_305).to_bytes(4, "big"))
        self.refuse("root-body-length-over-its-bound", "tooLarge", ROOT, b"SHLD\1" + (65_537).to_bytes(4, "big"))
        self.refuse("deny-body-length-over-its-bound", "tooLarge", DENY, b"SHLD\4" + (4_097).to_bytes(4, "big"))
        self.refuse("body-length-of-all-ones", "tooLarge", HEAD, good[:5] + b"\xff" * 4 + good[9:])
        self.refuse("no-signature", "outOfRange", HEAD, good[:body_end] + b"\0")
        signature = envelope.signatures[keys["operator"].key_id]
        entry = keys["operator"].key_id + bytes([len(signature)]) + signature
        self.refuse("a-signature-twice", "notAscending", HEAD, good[:body_end] + b"\2" + entry * 2)
        pair = sorted(envelope.signed(keys["stranger"]).signatures.items(), reverse=True)
        entries = b"".join(key + bytes([len(made)]) + made for key, made in pair)
        self.refuse("signatures-descending", "notAscending", HEAD, good[:body_end] + b"\2" + entries)
        many = envelope.signed(*(Key.named(f"vectors many {number}") for number in range(16)))
        self.refuse("seventeen-signatures", "outOfRange", HEAD, many)
        self.add_refused_signatures(envelope, signature)

    def add_refused_signatures(self, envelope: Envelope, signature: bytes) -> None:
        keys = self.scene.keys
        key_id = keys["operator"].key_id
        while len(signature) != 70:  # both integers without a leading zero, so that one can be added
            head = Head.decode(envelope.body)
            envelope = replace(head, issued=head.issued + 1, expires=head.expires + 1).envelope(keys["operator"])
            signature = envelope.signatures[key_id]

        def with_signature(value: bytes) -> Envelope:
            return Envelope(HEAD, envelope.body, {key_id: value})

        loose = bytearray(signature)
        loose[1] += 1
        loose[3] += 1
        loose[4:4] = b"\0"
        self.refuse("der-integer-not-minimal", "badDER", HEAD, with_signature(bytes(loose)))
        long_form = b"\x30\x81" + signature[1:]
        self.refuse("der-length-in-the-long-form", "badDER", HEAD, with_signature(long_form))
        self.refuse("der-with-a-byte-after-it", "badDER", HEAD, with_signature(signature + b"\0"))
        self.refuse("signature-of-seven-bytes", "outOfRange", HEAD, with_signature(bytes.fromhex("30050201010200")))
        self.refuse("signature-of-73-bytes", "outOfRange", HEAD, with_signature(b"\x30\x47" + bytes(71)))
        wrong = envelope.signed(keys["stranger"]).signatures[keys["stranger"].key_id]
        self.refuse("listed-key-wrong-signature", "badSignature", HEAD, with_signature(wrong))
        mixed = Envelope(HEAD, envelope.body, {key_id: signature, keys["publisher"].key_id: wrong})
        self.refuse("enough-signatures-and-one-wrong-of-a-listed-key", "badSignature", HEAD, mixed)
        other_domain = Envelope(DENY, envelope.body).signed(keys["operator"])
        self.refuse("signed-in-another-domain", "badSignature", HEAD, with_signature(other_domain.signatures[key_id]))
        bare = keys["operator"].sign(envelope.body)
        self.refuse("signed-without-a-domain", "badSignature", HEAD, with_signature(bare))
        self.refuse("signed-by-a-stranger-only", "notEntitled", HEAD, self.scene.head().envelope(keys["stranger"]))
        self.refuse("head-signed-by-a-publisher", "notEntitled", HEAD, self.scene.head().envelope(keys["publisher"]))
        detect = self.scene.head().envelope(keys["operator-b"])
        self.refuse("head-pattern-does-not-match", "notEntitled", HEAD, detect, "root-2")

    def add_refused_roots(self) -> None:
        keys, root = self.scene.keys, self.scene.root_1

        def refuse(name: str, reason: str, **changes) -> None:
            self.refuse(f"root-{name}", reason, ROOT, replace(root, **changes).envelope(keys["root"]))

        refuse("version-0", "outOfRange", version=0)
        refuse("epoch-0", "outOfRange", epoch=0)
        refuse("cluster-name-empty", "badName", cluster_name="")
        refuse("cluster-name-with-a-slash", "badName", cluster_name="a/b")
        refuse("cluster-name-of-65-letters", "badName", cluster_name="a" * 65)
        refuse("no-ca", "outOfRange", ca_certificates=())
        refuse("five-cas", "outOfRange", ca_certificates=tuple(bytes([48, number]) for number in range(5)))
        refuse("ca-twice", "notAscending", ca_certificates=root.ca_certificates * 2)
        refuse("ca-of-2049-bytes", "outOfRange", ca_certificates=(bytes(2_049),))
        refuse("no-keys", "outOfRange", keys=())
        refuse("keys-descending", "notAscending", keys=root.keys[::-1])
        refuse("key-twice", "notAscending", keys=(root.keys[0], *root.keys))
        first = root.keys[0]
        for name, key in {
            "rights-0": replace(first, rights=0), "rights-16": replace(first, rights=first.rights | 16),
            "no-patterns": replace(first, patterns=()), "seventeen-patterns": replace(
                first, patterns=tuple(f"m{number:02}" for number in range(17))),
        }.items():
            refuse(name, "outOfRange", keys=(key, *root.keys[1:]))
        for name, patterns in {"patterns-descending": ("b", "a"), "pattern-twice": ("a", "a")}.items():
            refuse(name, "notAscending", keys=(replace(first, patterns=patterns), *root.keys[1:]))
        for name, text in {
            "empty": "", "two-stars": "**", "star-inside": "a/*/b", "star-after-letters": "ab*",
            "only-slash-star": "/*", "131-bytes": "m" * 64 + "/" + "n" * 64 + "/*",
        }.items():
            refuse(f"pattern-{name}", "badName", keys=(replace(first, patterns=(text,)), *root.keys[1:]))
        off_curve = first.spki[:-1] + bytes([first.spki[-1] ^ 1])
        refuse("key-not-on-the-curve", "badKey", keys=(replace(first, spki=off_curve), *root.keys[1:]))
        compressed = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + b"\2" + first.spki[27:59]
        refuse("key-compressed", "outOfRange", keys=(replace(first, spki=compressed), *root.keys[1:]))
        refuse("threshold-0", "outOfRange", thresholds=(1, 0, 1, 1))
        refuse("threshold-33", "outOfRange", thresholds=(1, 1, 1, 33))
        refuse("root-threshold-above-its-keys", "outOfRange", thresholds=(2, 1, 1, 1))
        body = root.encode()
        self.refuse("root-format-2", "upgrade", ROOT, Envelope(ROOT, b"\0\2" + body[2:]).signed(keys["root"]))
        self.refuse("root-format-0", "outOfRange", ROOT, Envelope(ROOT, b"\0\0" + body[2:]).signed(keys["root"]))
        self.refuse("root-trailing-byte", "trailing", ROOT, Envelope(ROOT, body + b"\0").signed(keys["root"]))
        self.refuse("root-not-signed-by-its-root-key", "notEntitled", ROOT, root.envelope(keys["publisher"]))

    def add_refused_manifests(self) -> None:
        publisher = self.scene.keys["publisher"]
        manifest = self.scene.versions()["manifest-plain"].manifest
        variant = manifest.variants[0]
        file = variant.files[0]

        def refuse(name: str, reason: str, root: str = "root-1", keys=(publisher,), **changes) -> None:
            self.refuse(f"manifest-{name}", reason, MANIFEST, replace(manifest, **changes).envelope(*keys), root)

        def paths(name: str, reason: str, *texts: str) -> None:
            files = tuple(replace(file, path=text) for text in texts)
            refuse(name, reason, variants=(replace(variant, files=files),))

        models = ("", "/a", "a/", "a//b", "a b", ".a", "-a", "versions", "a/current", "ä", "m" * 65,
                  "m" * 64 + "/" + "n" * 64)
        for number, text in enumerate(models):
            refuse(f"model-bad-{number}", "badName", model=text)
        for number, text in enumerate(("", "a/b", "deadbeef", "0123456789abcdef", "a\0", "t" * 65, "DEADbeef")):
            refuse(f"tag-bad-{number}", "badName", tag=text)
        refuse("publish-number-0", "outOfRange", publish_number=0)
        refuse("algorithm-0", "outOfRange", algorithm=0)
        refuse("algorithm-3", "outOfRange", algorithm=3)
        sizes = {"unequal": (65_536, 65_536, 131_072), "no-power-of-two": (65_537,) * 3, "below": (8_192,) * 3,
                 "above": (8_388_608,) * 3}
        for name, value in sizes.items():
            refuse(f"chunk-sizes-{name}", "outOfRange", chunk_sizes=value)
        content = {"smallest-0": (0, 1, 1), "average-below": (2, 1, 2), "largest-below": (1, 2, 1),
                   "largest-above": (1, 1, 4_194_305)}
        for name, value in content.items():
            refuse(f"content-sizes-{name}", "outOfRange", algorithm=BY_CONTENT, chunk_sizes=value)
        refuse("layout-bytes-over-the-bound", "outOfRange", layout_bytes=50_331_649)
        refuse("chunks-over-the-bound", "outOfRange", layout_chunks=262_145)
        refuse("content-chunks-over-the-bound", "outOfRange", algorithm=BY_CONTENT, layout_chunks=1_048_577)
        refuse("created-over-the-bound", "outOfRange", created=2**53)
        halves = tuple(replace(file, path=text, bytes=2**62) for text in "ab")
        refuse("files-of-2^63-bytes-together", "outOfRange", variants=(replace(variant, files=halves),))
        refuse("no-variants", "outOfRange", variants=())
        refuse("variants-33", "outOfRange", variants=tuple(replace(variant, name=f"v{n:02}") for n in range(33)))
        refuse("variants-descending", "notAscending", variants=(replace(variant, name="b"), replace(variant, name="a")))
        refuse("variant-name", "badName", variants=(replace(variant, name="a/b"),))
        refuse("variant-without-files", "outOfRange", variants=(replace(variant, files=()),))
        bad_paths = ("", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\\b", "a\x1fb", "a\0", "a\x7f", "c" * 256,
                     "/".join("a" * 33), "/".join(["p" * 255] * 4 + ["pp"]))
        for number, text in enumerate(bad_paths):
            paths(f"path-bad-{number}", "badName", text)
        paths("paths-descending", "notAscending", "b", "a")
        paths("path-twice", "notAscending", "a", "a")
        paths("path-a-folder-of-another", "pathClash", "a", "a-b", "a/b")
        paths("path-a-folder-of-another-but-for-case", "pathClash", "A", "a/b")
        paths("paths-differ-in-case", "pathClash", "A/b", "a/B")
        refuse("lineage-descending", "notAscending", lineage=(("b", ""), ("a", "")))
        refuse("lineage-65", "outOfRange", lineage=tuple((f"k{n:02}", "") for n in range(65)))
        refuse("lineage-key-empty", "outOfRange", lineage=(("", "x"),))
        refuse("lineage-key-65", "outOfRange", lineage=(("k" * 65, "x"),))
        refuse("lineage-value-4097", "outOfRange", lineage=(("k", "v" * 4_097),))
        refuse("gates-17", "outOfRange", gates=tuple((f"g{n:02}", "") for n in range(17)))
        refuse("gate-value-257", "outOfRange", gates=(("g", "v" * 257),))
        refuse("gate-twice", "notAscending", gates=(("g", "1"), ("g", "2")))
        self.add_refused_manifest_bytes(manifest, publisher)
        refuse("signed-by-an-operator", "notEntitled", keys=(self.scene.keys["operator"],))
        self.add_unentitled_manifests(refuse)

    def add_unentitled_manifests(self, refuse) -> None:
        keys = self.scene.keys
        refuse("one-of-two-signatures", "notEntitled", "root-2")
        pair = (keys["publisher"], keys["publisher-b"])
        refuse("pattern-folder-does-not-match-itself", "notEntitled", "root-2", pair, model="vision")
        refuse("pattern-folder-does-not-match-a-longer-name", "notEntitled", "root-2", pair, model="visionary/a")
        pair = (keys["publisher"], keys["publisher-c"])
        refuse("pattern-does-not-match-below", "notEntitled", "root-2", pair, model="speech/a")

    def add_refused_manifest_bytes(self, manifest: Manifest, publisher: Key) -> None:
        body = manifest.encode()

        def refuse(name: str, reason: str, changed: bytes) -> None:
            self.refuse(f"manifest-{name}", reason, MANIFEST, Envelope(MANIFEST, changed).signed(publisher))

        refuse("format-2", "upgrade", b"\0\2" + body[2:])
        refuse("format-2-and-nothing-else-known", "upgrade", b"\0\2\xff")
        refuse("format-0", "outOfRange", b"\0\0" + body[2:])
        refuse("empty-body", "truncated", b"")
        refuse("trailing-byte", "trailing", body + b"\0")
        refuse("one-byte-less", "truncated", body[:-1])
        at = body.index(b"model.bin")
        refuse("path-not-utf8", "notUTF8", body[:at] + b"\xc3(del.bin" + body[at + 9 :])
        refuse("path-overlong-utf8", "notUTF8", body[:at] + b"\xc0\xafdel.bin" + body[at + 9 :])
        refuse("path-surrogate", "notUTF8", body[:at] + b"\xed\xa0\x80el.bin" + body[at + 9 :])
        refuse("parent-2", "outOfRange", body[:-4] + b"\2" + body[-3:])

    def add_refused_heads(self) -> None:
        keys, head = self.scene.keys, self.scene.head()

        def refuse(name: str, reason: str, root: str = "root-1", **changes) -> None:
            self.refuse(f"head-{name}", reason, HEAD, replace(head, **changes).envelope(keys["operator"]), root)

        refuse("other-cluster", "otherCluster", cluster_id=bytes(16))
        refuse("newer-root", "newerRoot", root_version=2)
        refuse("epoch-above-the-root's", "outOfRange", epoch=2)
        refuse("model", "badName", model="a/versions")
        refuse("channel", "badName", channel="a/b")
        refuse("counter-0", "outOfRange", counter=0)
        refuse("epoch-0", "outOfRange", epoch=0)
        refuse("root-version-0", "outOfRange", root_version=0)
        refuse("halt-share-1001", "outOfRange", halt_share=1_001)
        refuse("flip-at-over-the-bound", "outOfRange", flip_at=2**53)
        refuse("expires-when-issued", "outOfRange", expires=head.issued)
        refuse("expires-before-issued", "outOfRange", expires=head.issued - 1)
        refuse("rings-17", "outOfRange", rings=(Ring("", 0, 0),) * 17)
        refuse("ring-selector-257", "outOfRange", rings=(Ring("s" * 257, 0, 0),))
        refuse("ring-share-1001", "outOfRange", rings=(Ring("", 1_001, 0),))
        refuse("released-more-than-rings", "outOfRange", rings=(Ring("", 1_000, 0),), released=2)
        refuse("expected-without-rings", "outOfRange", expected=1)
        refuse("pins-33", "outOfRange", pins=tuple(Pin(f"s{n:02}", bytes(32)) for n in range(33)))
        refuse("pin-selector-empty", "outOfRange", pins=(Pin("", bytes(32)),))
        refuse("pin-selector-257", "outOfRange", pins=(Pin("s" * 257, bytes(32)),))
        refuse("pins-descending", "notAscending", pins=(Pin("b", bytes(32)), Pin("a", bytes(32))))
        refuse("pin-twice", "notAscending", pins=(Pin("a", bytes(32)), Pin("a", bytes(31) + b"\1")))
        body = head.encode()
        for name, reason, changed in (("trailing-byte", "trailing", body + b"\0"),
                                      ("one-byte-less", "truncated", body[:-1]),
                                      ("format-0", "outOfRange", b"\0\0" + body[2:]),
                                      ("format-2", "upgrade", b"\0\2" + body[2:])):
            self.refuse(f"head-{name}", reason, HEAD, Envelope(HEAD, changed).signed(keys["operator"]))

    def add_refused_denials(self) -> None:
        keys, deny = self.scene.keys, self.scene.deny()

        def refuse(name: str, reason: str, root: str = "root-1", key: str = "operator", **changes) -> None:
            self.refuse(f"deny-{name}", reason, DENY, replace(deny, **changes).envelope(keys[key]), root)

        refuse("other-cluster", "otherCluster", cluster_id=bytes(16))
        refuse("newer-root", "newerRoot", root_version=9)
        refuse("epoch-above-the-root's", "outOfRange", epoch=2)
        refuse("epoch-0", "outOfRange", epoch=0)
        refuse("counter-0", "outOfRange", counter=0)
        refuse("root-version-0", "outOfRange", root_version=0)
        refuse("state-0", "outOfRange", state=0)
        refuse("state-3", "outOfRange", state=3)
        refuse("node-by-a-key-without-the-star", "notEntitled", "root-2", "operator-b")
        refuse("channel-name", "badName", subject_kind=CHANNEL, model="detect", channel=".x")
        refuse("version-model", "badName", subject_kind=VERSION, model="/", version=bytes(32))
        body = deny.encode()
        for name, reason, changed in (("subject-0", "outOfRange", body[:22] + b"\0" + body[23:]),
                                      ("subject-4", "outOfRange", body[:22] + b"\4" + body[23:]),
                                      ("trailing-byte", "trailing", body + b"\0"),
                                      ("one-byte-less", "truncated", body[:-1])):
            self.refuse(f"deny-{name}", reason, DENY, Envelope(DENY, changed).signed(keys["operator"]))

    # Layouts, roots that follow, signatures that come together.

    def add_layouts(self) -> None:
        versions = self.scene.versions()
        for name, version in versions.items():
            data = version.layout.encode()
            manifest = version.manifest
            inside = range(len(data))

            def attempt(changed, manifest=manifest):
                Layout.decode(changed).check(manifest)

            attempt(data)
            self.layouts.append({
                "name": name.replace("manifest", "layout"), "manifest": name, "domain": LAYOUT_DOMAIN,
                "fields": readable(version.layout), "digest": version.layout.digest.hex(), "bytes": data.hex(),
                "corruptAt": [at for at in inside if flips_refused(data, at, attempt)],
                "parseCorruptAt": [at for at in inside if flips_refused(data, at, Layout.decode)],
            })
        self.add_refused_layouts(versions["manifest-rich"])

    def add_refused_layouts(self, version) -> None:
        layout, data = version.layout, version.layout.encode()
        first = layout.chunks[0]

        def refuse(name: str, reason: str, changed) -> None:
            changed = changed if isinstance(changed, bytes) else changed.encode()
            # A manifest that names these very bytes, so that the digest is not what fails.
            manifest = replace(version.manifest, layout_digest=digest_of(LAYOUT_DOMAIN, changed),
                               layout_bytes=len(changed), layout_chunks=int.from_bytes(changed[2:6], "big"))
            try:
                Layout.decode(changed).check(manifest)
            except Refused as refused:
                assert refused.reason == reason, f"{name}: {refused}"
            else:
                raise AssertionError(f"{name} was not refused")
            files = [{"path": file.path, "bytes": file.bytes} for file in manifest.files]
            self.refused_layouts.append({"name": f"layout-{name}", "reason": reason, "files": files,
                                         "bytes": changed.hex()})

        refuse("empty-bytes", "truncated", b"")
        refuse("format-2", "upgrade", b"\0\2" + data[2:])
        refuse("trailing-byte", "trailing", data + b"\0")
        refuse("one-byte-less", "truncated", data[:-1])
        refuse("count-of-chunks-huge", "outOfRange", data[:2] + b"\xff" * 4 + data[6:])
        many = data[:2] + (262_144).to_bytes(4, "big") + data[6:]
        refuse("count-of-chunks-beyond-the-bytes", "truncated", many)
        none = replace(first, length=0)
        refuse("chunk-of-no-bytes", "outOfRange", replace(layout, chunks=(none, *layout.chunks[1:])))
        large = replace(first, length=4_194_305)
        refuse("chunk-too-large", "outOfRange", replace(layout, chunks=(large, *layout.chunks[1:])))
        twice = (*layout.chunks[:-1], first)
        refuse("digest-twice", "duplicateChunk", replace(layout, chunks=twice))
        extra = (*layout.chunks, replace(first, sha256=bytes(32)))
        refuse("chunk-not-used", "notCanonical", replace(layout, chunks=extra))
        refuse("index-beyond-the-table", "notCanonical", replace(layout, files=(*layout.files[:-1], (0, 0, 99))))
        swapped = tuple(tuple({0: 1, 1: 0}.get(index, index) for index in indices) for indices in layout.files)
        table = (layout.chunks[1], layout.chunks[0], *layout.chunks[2:])
        refuse("first-uses-not-ascending", "notCanonical", Layout(table, swapped))
        turned = (swapped[0], swapped[1][::-1], *swapped[2:])
        refuse("a-short-chunk-before-a-file's-last", "layoutMismatch", Layout(table, turned))
        shorter = replace(first, length=first.length - 1)
        refuse("lengths-do-not-add-up", "layoutMismatch", replace(layout, chunks=(shorter, *layout.chunks[1:])))
        refuse("a-file-more", "layoutMismatch", replace(layout, files=(*layout.files, ())))
        refuse("a-file-less", "notCanonical", replace(layout, files=layout.files[:-1]))

    def add_successions(self) -> None:
        scene, keys = self.scene, self.scene.keys
        both = (keys["root"], keys["root-b"])

        def enter(name: str, envelope: Envelope, reason: str | None, current: str = "root-1") -> None:
            try:
                open_next_root(envelope.encode(), scene.root_named(current))
                got = None
            except Refused as refused:
                got = refused.reason
            assert got == reason, f"{name}: {got}"
            self.successions.append({"name": name, "current": current, "reason": reason,
                                     "bytes": envelope.encode().hex()})

        enter("signed-by-both", scene.root_2_envelope, None)
        stranger = scene.root_2_envelope.signed(keys["stranger"])
        enter("signed-by-both-and-a-stranger", stranger, None)
        wrong = Envelope(ROOT, stranger.body, stranger.signatures
                         | {keys["stranger"].key_id: keys["stranger"].sign(b"else")})
        enter("a-stranger's-wrong-signature-counts-for-nothing", wrong, None)
        enter("not-signed-to-the-old-threshold", scene.root_2.envelope(keys["root-b"]), "notEntitled")
        enter("not-signed-to-the-new-threshold", scene.root_2.envelope(keys["root"]), "notEntitled")
        enter("the-same-again", scene.root_1_envelope, "older")
        enter("older", scene.root_1_envelope, "older", "root-2")
        enter("one-left-out", replace(scene.root_2, version=3).envelope(*both), "newerRoot")
        enter("other-cluster", replace(scene.root_2, cluster_id=bytes(16)).envelope(*both), "otherCluster")
        lower = replace(scene.root_2, version=3, epoch=1).envelope(*both)
        enter("epoch-falls", lower, "outOfRange", "root-2")
        wrong = scene.root_2.envelope(*both)
        wrong = Envelope(ROOT, wrong.body, wrong.signatures | {keys["root"].key_id: keys["root"].sign(b"else")})
        enter("wrong-signature-of-the-old-key", wrong, "badSignature")
        wrong = Envelope(ROOT, wrong.body, scene.root_2_envelope.signatures
                         | {keys["root-b"].key_id: keys["root-b"].sign(b"else")})
        enter("wrong-signature-of-the-new-key", wrong, "badSignature")
        head = scene.rich_head()
        one, two = head.envelope(keys["operator"]), head.envelope(keys["operator-b"])
        self.unions.append({"name": "head-union", "kind": "head", "root": "root-2", "first": one.encode().hex(),
                            "second": two.encode().hex(), "union": one.merged(two, scene.root_2).encode().hex()})


__all__ = ["DocumentVectors", "Scene", "pattern_bytes", "flips_refused", "NOW"]
