"""Joining by token: the newcomer's side and, on a port of its own, the issuer's (join.md).

pyOpenSSL does TLS here, because the `ssl` module of Python 3.11 gives no exporter.
"""

import ipaddress
import pathlib
import select
import socket
import threading
import time
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

from . import joining_messages as messages
from .elements import Refused, part
from .identity_folder import der_of, pem_of, save_identity, write_durably
from .join_token import Token
from .joining_messages import CODE_NAMES, NEXT_STEPS, Grant, JoinRequest, Refusal, RootPart, join_hmac
from .keys import Key, NodeCertificate, check_issued, read_node_certificate, sha256, spki_of, spki_of_certificate, uri
from .maker import HOUR, Cluster, Identity
from .trust import open_first_root

ALPN = b"shoal-join/1"
EXPORTER = b"EXPORTER-shoal-join-1"
SECONDS = 5
SOCKETS_MAX, SOCKETS_PER_ADDRESS_MAX, TOKENS_MAX = 16, 4, 1_024
PEERS = "peers.txt"


class JoinFailed(Exception):
    """`code` is the REFUSAL's, or None if a check here failed. The text says what to do."""

    def __init__(self, text: str, code: int | None = None):
        super().__init__(text)
        self.code = code


class Stream:
    """TLS over a socket with one deadline for everything."""

    def __init__(self, context: SSL.Context, sock: socket.socket, server: bool, seconds: float = SECONDS):
        self.end = time.monotonic() + seconds
        sock.setblocking(False)
        self.sock, self.tls = sock, SSL.Connection(context, sock)
        self.tls.set_accept_state() if server else self.tls.set_connect_state()
        self.buffer = b""

    def _retry(self, call, *arguments):
        while True:
            try:
                return call(*arguments)
            except (SSL.WantReadError, SSL.WantWriteError) as wanted:
                left = self.end - time.monotonic()
                if left <= 0:
                    raise TimeoutError("five seconds are over") from None
                reading = isinstance(wanted, SSL.WantReadError)
                select.select([self.sock] if reading else [], [] if reading else [self.sock], [], left)

    def handshake(self) -> None:
        self._retry(self.tls.do_handshake)

    def exporter(self) -> bytes:
        return self.tls.export_keying_material(EXPORTER, 32)

    def send(self, data: bytes) -> None:
        while data:
            data = data[self._retry(self.tls.send, data) :]

    def receive(self):
        """The next message. Raises Refused, ConnectionError or TimeoutError."""
        while (total := messages.message_bytes(self.buffer)) is None or len(self.buffer) < total:
            try:
                self.buffer += self._retry(self.tls.recv, 8_192)
            except (SSL.ZeroReturnError, SSL.SysCallError):
                raise ConnectionError("the connection was closed") from None
        data, self.buffer = self.buffer[:total], self.buffer[total:]
        return messages.decode_one(data)

    def close(self) -> None:
        try:
            self.tls.shutdown()
            self.sock.shutdown(socket.SHUT_WR)
            while select.select([self.sock], [], [], 0.2)[0] and self.sock.recv(8_192):
                continue
        except (SSL.Error, OSError):
            pass
        self.sock.close()


def tls_context(server: bool) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD if server else SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


# The newcomer.

def make_request(key: Key, name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    from cryptography.hazmat.primitives.serialization import Encoding
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key.private, hashes.SHA256()).public_bytes(Encoding.DER)


@dataclass
class Newcomer:
    """A node that joins. `tamper` (for tests) may change the request before it is sent."""

    name: str
    key: Key
    tamper: object = None

    def join(self, text: str, address: tuple, folder=None) -> Identity:
        """Joins through the agent at the address; with a folder, everything is written there before this returns.
        Raises Refused (the token), JoinFailed, OSError."""
        token = Token.parse(text)
        part(self.name, "node name")
        context = tls_context(server=False)
        context.set_verify(SSL.VERIFY_NONE)  # there is nothing to trust yet but the token's pins: `_check_issuer`
        context.set_alpn_protos([ALPN])
        stream = Stream(context, socket.create_connection(address[:2], timeout=SECONDS), server=False)
        try:
            stream.handshake()
            if stream.tls.get_alpn_proto_negotiated() != ALPN:
                raise JoinFailed("that agent issues no certificates: use the address of the one that made the token")
            ca = self._check_issuer(token, stream.tls.get_peer_cert_chain() or [])
            identity = self._exchange(stream, token, ca)
        except SSL.Error as error:
            raise JoinFailed(f"no handshake with {address[0]}:{address[1]} ({error}): does that agent issue?") from None
        except Refused as refused:
            raise JoinFailed(f"the issuer broke the protocol: {refused}") from None
        finally:
            stream.close()
        if folder is not None:
            save_identity(identity, folder)
            write_durably(pathlib.Path(folder) / PEERS, f"{address[0]} {address[1]}\n".encode())
        return identity

    @staticmethod
    def _check_issuer(token: Token, chain: list) -> bytes:
        """The pinned CA's certificate, after the chain and the leaf's node id are checked."""
        ders = [crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain]
        pinned = [der for der in ders[1:] if sha256(spki_of_certificate(der)) == token.ca_pin]
        if not pinned:
            raise JoinFailed("the agent there is not of the cluster that the token is for (its CA is another)")
        try:
            check_issued(ders[0], pinned[0], int(time.time()))
            leaf = read_node_certificate(ders[0])
        except Refused as refused:
            raise JoinFailed(f"the agent there has no good certificate: {refused}") from None
        if leaf.node_id != token.issuer or leaf.cluster_id != token.cluster_id:
            raise JoinFailed("the agent there is not the one that made the token")
        return pinned[0]

    def _exchange(self, stream: Stream, token: Token, ca: bytes) -> Identity:
        request = JoinRequest.make(token, self.name, make_request(self.key, self.name), stream.exporter())
        stream.send((self.tamper(request) if self.tamper else request).encode())
        answer = stream.receive()
        if isinstance(answer, Refusal):
            step = NEXT_STEPS.get(answer.code, NEXT_STEPS[messages.UNAVAILABLE])
            name = CODE_NAMES.get(answer.code, answer.code)
            raise JoinFailed(f"{name}: {answer.text} ({step})", answer.code)
        if not isinstance(answer, Grant):
            raise Refused("badKind", "neither GRANT nor REFUSAL")
        envelope = self._receive_root(stream, answer)
        _, root = open_first_root(envelope, token.root_pin)
        if root.cluster_id != token.cluster_id or ca not in root.ca_certificates:
            raise JoinFailed("the root names another cluster or CA than the token")
        granted = read_node_certificate(answer.certificate)
        check_issued(answer.certificate, ca, int(time.time()))
        if (granted.spki, granted.name, granted.cluster_id) != (self.key.spki, self.name, token.cluster_id):
            raise JoinFailed("the certificate is for another key, name or cluster")
        return Identity(self.key, answer.certificate, envelope, self.name)

    @staticmethod
    def _receive_root(stream: Stream, grant: Grant) -> bytes:
        root = b""
        for _ in range(grant.root_parts):
            message = stream.receive()
            if not isinstance(message, RootPart):
                raise Refused("badKind", "ROOT was to come")
            root += message.bytes
            if len(root) > grant.root_bytes:
                raise Refused("tooLarge", "more of the root than was said")
        if len(root) != grant.root_bytes:
            raise Refused("truncated", "less of the root than was said")
        return root


# The issuer.

@dataclass
class TokenRecord:
    token: Token
    expiry: float
    spent_for: bytes | None = None


class Issuer:
    """Issues certificates for a cluster: by join tokens on a port of its own, by RENEW through an Agent.

    A real agent does both on one port; here TLS comes from two libraries. All in memory.
    """

    def __init__(self, cluster: Cluster, identity: Identity, listen: tuple | None = None):
        self.cluster, self.identity = cluster, identity
        self.lock = threading.Lock()
        self.tokens: dict = {}
        self.names: dict = {identity.name: identity.node_id}
        self.denied: set = set()
        self.open: list = []
        self.server = socket.create_server(listen, backlog=16) if listen else None
        if self.server:
            threading.Thread(target=self._accept, daemon=True, name="issuer").start()

    @property
    def address(self) -> tuple:
        return self.server.getsockname()[:2]

    def __enter__(self) -> "Issuer":
        return self

    def __exit__(self, *_) -> None:
        if self.server:
            self.server.close()

    def token(self, seconds: float = HOUR) -> Token:
        made = self.cluster.token(self.identity)
        with self.lock:
            assert len(self.tokens) < TOKENS_MAX
            self.tokens[made.id] = TokenRecord(made, time.time() + min(seconds, 24 * HOUR))
        return made

    def issue(self, name: str, spki: bytes) -> bytes:
        node_id = sha256(spki)[:16]
        subject = NodeCertificate(name, spki, (uri(self.cluster.cluster_id, node_id),), int(time.time()) - HOUR)
        return subject.issue(self.cluster.ca_certificate, self.cluster.ca_key)

    def renew(self, peer) -> bytes:
        """For Agent. Raises Refused if the node is denied."""
        if peer.node_id in self.denied:
            raise Refused("denied")
        return self.issue(peer.name, peer.spki)

    def _accept(self) -> None:
        while True:
            try:
                sock, remote = self.server.accept()
            except OSError:
                return
            with self.lock:
                self.open = [entry for entry in self.open if entry[0].fileno() >= 0]
                near = ipaddress.ip_address(remote[0]).is_loopback
                same = [entry for entry in self.open if entry[1] == remote[0]]
                if len(self.open) >= SOCKETS_MAX or (not near and len(same) >= SOCKETS_PER_ADDRESS_MAX):
                    oldest = (same if not near and len(same) >= SOCKETS_PER_ADDRESS_MAX else self.open)[0]
                    oldest[0].shutdown(socket.SHUT_RDWR)
                self.open.append((sock, remote[0]))
            threading.Thread(target=self._serve, args=(sock,), daemon=True, name="join").start()

    def _context(self) -> SSL.Context:
        context = tls_context(server=True)
        context.use_certificate(x509.load_der_x509_certificate(self.identity.certificate))
        context.use_privatekey(self.identity.key.private)
        context.add_extra_chain_cert(x509.load_der_x509_certificate(self.cluster.ca_certificate))

        def choose(_, offered):
            if list(offered) != [ALPN]:
                raise Refused("badKind", f"ALPN {offered}")  # becomes the alert no_application_protocol
            return ALPN

        context.set_alpn_select_callback(choose)
        return context

    def _serve(self, sock: socket.socket) -> None:
        stream = Stream(self._context(), sock, server=True)
        try:
            stream.handshake()
            if stream.tls.get_alpn_proto_negotiated() != ALPN:
                raise Refused("badKind", "no ALPN")
            for answer in self._answer(stream):
                stream.send(answer.encode())
        except (SSL.Error, Refused, OSError):
            pass
        finally:
            stream.close()

    def _answer(self, stream: Stream) -> list:
        request = stream.receive()
        if not isinstance(request, JoinRequest):
            raise Refused("badKind", "REQUEST was to come")
        with self.lock:
            try:
                return self._grant(request, stream.exporter())
            except JoinFailed as failed:
                return [Refusal(failed.code, str(failed))]

    def _grant(self, request: JoinRequest, exporter: bytes) -> list:
        """Raises JoinFailed with the code of the REFUSAL. The order is that of join.md."""
        record = self.tokens.get(request.token_id)
        unknown = "this agent did not make that token"
        if record is None:
            raise JoinFailed(unknown, messages.UNKNOWN)
        expected = join_hmac(record.token.secret, request.token_id, request.name, request.request, exporter)
        if expected != request.hmac:
            raise JoinFailed(unknown, messages.UNKNOWN)
        if time.time() > record.expiry:
            raise JoinFailed("the token has expired", messages.EXPIRED)
        spki = self._requested_key(request.request)
        node_id = sha256(spki)[:16]
        if record.spent_for not in (None, node_id):
            raise JoinFailed("the token let another node in", messages.USED)
        if node_id in self.denied:
            raise JoinFailed("this key is denied", messages.DENIED)
        try:
            part(request.name, "node name")
        except Refused as refused:
            raise JoinFailed(str(refused), messages.BAD_REQUEST) from None
        if self.names.get(request.name, node_id) != node_id:
            raise JoinFailed("the name is taken: `shoal deny` the old node, or another --node", messages.NAME_TAKEN)
        record.spent_for = node_id
        self.names[request.name] = node_id
        root = self.cluster.root_envelope.encode()
        pieces = [RootPart(root[at : at + 4_000]) for at in range(0, len(root), 4_000)]
        return [Grant(self.issue(request.name, spki), len(root), len(pieces)), *pieces]

    @staticmethod
    def _requested_key(request: bytes) -> bytes:
        try:
            made = x509.load_der_x509_csr(request)
            spki = spki_of(made.public_key())
            if made.is_signature_valid and len(spki) == 91:
                return spki
        except (ValueError, TypeError):
            pass
        raise JoinFailed("no PKCS#10 request that is signed with a P-256 key", messages.BAD_REQUEST)


__all__ = ["Newcomer", "Issuer", "JoinFailed", "Stream", "tls_context", "make_request", "der_of", "pem_of"]
