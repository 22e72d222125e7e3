"""TLS contexts of `shoal/1` (wire.md, section 1). Python's `ssl` cannot order TLS 1.3's suites: AES-256 goes first."""

import os
import ssl
import tempfile

from .identity_folder import pem_of
from .maker import Identity
from .misbehaviour import Misbehaviour

ALPN = "shoal/1"


def context(identity: Identity, server: bool, misbehaviour: Misbehaviour = Misbehaviour.NONE) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    for certificate in identity.root.ca_certificates:
        made.load_verify_locations(cadata=certificate)
    if misbehaviour is Misbehaviour.TLS_1_2:
        made.maximum_version = made.minimum_version = ssl.TLSVersion.TLSv1_2
    else:
        made.minimum_version = ssl.TLSVersion.TLSv1_3
    if server:
        made.num_tickets = 0
    made.options |= ssl.OP_NO_COMPRESSION
    made.set_alpn_protocols(["shoal/2" if misbehaviour is Misbehaviour.OTHER_ALPN else ALPN])
    if misbehaviour is not Misbehaviour.NO_CERTIFICATE or server:
        load_chain(made, identity)
    return made


def load_chain(made: ssl.SSLContext, identity: Identity) -> None:
    """`ssl` reads keys from files only: one that none but us can read, and only for this moment."""
    descriptor, path = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(identity.key.pem + pem_of(identity.certificate))
        made.load_cert_chain(path)
    finally:
        os.unlink(path)


class Channel:
    """TLS over memory: bytes from the socket go in, bytes for it come out. One thread only."""

    def __init__(self, made: ssl.SSLContext, server: bool):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = made.wrap_bio(self.incoming, self.outgoing, server_side=server)

    def handshake(self) -> bool:
        """Whether it is complete. Raises ssl.SSLError."""
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def feed(self, data: bytes) -> None:
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def read(self) -> tuple:
        """(plain bytes, whether the peer ended the stream)."""
        plain = bytearray()
        while True:
            try:
                piece = self.tls.read(65_536)
            except ssl.SSLWantReadError:
                return bytes(plain), False
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return bytes(plain), True
            if not piece:
                return bytes(plain), True
            plain += piece

    def write(self, plain: bytes) -> None:
        if plain:
            self.tls.write(plain)

    def close(self) -> None:
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
