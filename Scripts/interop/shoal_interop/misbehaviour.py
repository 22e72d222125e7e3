"""What an agent of ours can be told to do wrong, one thing at a time."""

from enum import Enum

from .maker import Cluster, Identity


class Misbehaviour(Enum):
    """The value is the name on the command line; the comment says what an honest agent answers."""

    NONE = "none"
    FLIPPED_CHUNK = "flipped-chunk"  # one bit of a chunk: BAD, badChunk
    WRONG_INDEX = "wrong-index"  # another chunk's bytes: BAD, badChunk (unsolicited if it is longer)
    FRAME_LENGTH = "frame-length"  # a frame of 4 GiB: tooLarge
    DATA_BEYOND_CHUNK = "data-beyond-chunk"  # a byte after the chunk's end: unsolicited
    DATA_WRONG_OFFSET = "data-wrong-offset"  # DATA with a gap: unsolicited
    PART_TOTAL = "part-total"  # a manifest that says it has 4 GiB: tooLarge
    PART_ORDER = "part-order"  # the second PART first: outOfOrder
    UNSOLICITED_DATA = "unsolicited-data"  # DATA for a request that nobody made: unsolicited
    UNSOLICITED_PONG = "unsolicited-pong"  # unsolicited
    SILENCE_IN_CHUNK = "silence-in-chunk"  # half a chunk, then nothing: CANCEL, another source; stalled
    SILENCE = "silence"  # nothing at all after HELLO, not even PONG: silent
    NO_HELLO = "no-hello"  # nothing at all after the handshake: slow
    DRIP_BYTES = "drip-bytes"  # a frame byte by byte, one a second: slow
    DRIP_DATA = "drip-data"  # DATA of one byte, one a second: CANCEL, another source
    UNKNOWN_VERSION = "unknown-version"  # HAVE for a version that was not opened: unknownVersion
    REQUEST_UNKNOWN_VERSION = "request-unknown-version"  # REQUEST likewise: unknownVersion
    HAVE_BEYOND_LAYOUT = "have-beyond-layout"  # a chunk that the version does not have: malformed
    MANY_ADDRESSES = "many-addresses"  # ten thousand in PEERS: tooManyAddresses
    CHANGED_MANIFEST = "changed-manifest"  # badDocument
    CHANGED_LAYOUT = "changed-layout"  # badDocument
    CHANGED_HEAD = "changed-head"  # badDocument
    HELLO_TWICE = "hello-twice"  # outOfOrder
    LEVELLED_TWICE = "levelled-twice"  # outOfOrder
    OTHER_LANE = "other-lane"  # unsupported
    UNKNOWN_FRAME = "unknown-frame"  # type 0x7E: unsupported
    IGNORED_FRAME = "ignored-frame"  # type 0xEE: nothing happens
    TLS_1_2 = "tls-1.2"  # no handshake
    NO_CERTIFICATE = "no-certificate"  # no handshake
    OTHER_ALPN = "other-alpn"  # no handshake
    FOREIGN_CA = "foreign-ca"  # no handshake
    EXPIRED = "expired"  # no handshake
    NOT_YET_VALID = "not-yet-valid"  # no handshake
    WRONG_URI = "wrong-uri"  # no handshake, or closed
    TWO_URIS = "two-uris"  # no handshake, or closed
    OTHER_CLUSTER = "other-cluster"  # otherCluster

    def identity(self, cluster: Cluster, name: str = "bad") -> Identity:
        """The identity that goes with the misbehaviour: a good one, unless the certificate is what is wrong."""
        makers = {
            Misbehaviour.FOREIGN_CA: cluster.foreign, Misbehaviour.EXPIRED: cluster.expired,
            Misbehaviour.NOT_YET_VALID: cluster.not_yet_valid, Misbehaviour.WRONG_URI: cluster.wrong_uri,
            Misbehaviour.TWO_URIS: cluster.two_uris, Misbehaviour.OTHER_CLUSTER: cluster.other_cluster,
        }
        return makers.get(self, cluster.identity)(name)

    @property
    def breaks_handshake(self) -> bool:
        return self in {
            Misbehaviour.TLS_1_2, Misbehaviour.NO_CERTIFICATE, Misbehaviour.OTHER_ALPN, Misbehaviour.FOREIGN_CA,
            Misbehaviour.EXPIRED, Misbehaviour.NOT_YET_VALID, Misbehaviour.WRONG_URI, Misbehaviour.TWO_URIS,
        }
