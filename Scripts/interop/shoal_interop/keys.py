"""Keys and certificates: ECDSA on P-256, ids (documents.md, section 2) and certificates (join.md, section 4)."""

import datetime
import hashlib
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .elements import Refused, part

SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
CLUSTER_NAME_BYTES_IN_CA = 61  # a common name has at most 64
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass(frozen=True)
class Key:
    """A private key. Signing is deterministic (RFC 6979), so that vectors come out the same each time."""

    private: ec.EllipticCurvePrivateKey

    @staticmethod
    def generate() -> "Key":
        return Key(ec.generate_private_key(ec.SECP256R1()))

    @staticmethod
    def named(name: str) -> "Key":
        """A key that everybody can compute from its name. For vectors and tests only."""
        number = int.from_bytes(sha256(b"shoal test key " + name.encode()), "big") % (ORDER - 1) + 1
        return Key(ec.derive_private_key(number, ec.SECP256R1()))

    @staticmethod
    def from_pem(pem: bytes) -> "Key":
        return Key(serialization.load_pem_private_key(pem, None))

    @cached_property
    def pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @cached_property
    def spki(self) -> bytes:
        return spki_of(self.private.public_key())

    @property
    def key_id(self) -> bytes:
        return sha256(self.spki)

    @property
    def node_id(self) -> bytes:
        return self.key_id[:16]

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def spki_of(public) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_spki(spki: bytes) -> ec.EllipticCurvePublicKey:
    """The public key of a SubjectPublicKeyInfo: named curve P-256, an uncompressed point that lies on it."""
    if len(spki) != 91 or not spki.startswith(SPKI_PREFIX) or spki[26] != 4:
        raise Refused("badKey", "not a P-256 key with a named curve and an uncompressed point")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), spki[26:])
    except ValueError:
        raise Refused("badKey", "the point is not on the curve") from None


def verify(spki: bytes, signature: bytes, message: bytes) -> bool:
    try:
        read_spki(spki).verify(signature, message, ec.ECDSA(hashes.SHA256()))
        return True
    except InvalidSignature:
        return False


def require_minimal_der(signature: bytes) -> None:
    """An ECDSA signature is a SEQUENCE of two positive INTEGERs, each length short and each integer minimal."""
    def integer(at: int) -> int:
        if signature[at : at + 1] != b"\x02" or at + 2 > len(signature):
            raise Refused("badDER", "no INTEGER")
        count = signature[at + 1]
        value = signature[at + 2 : at + 2 + count]
        if not 1 <= count <= 33 or len(value) != count or value[0] & 0x80:
            raise Refused("badDER", "an INTEGER of a wrong length or sign")
        if count > 1 and value[0] == 0 and not value[1] & 0x80:
            raise Refused("badDER", "an INTEGER that is not minimal")
        return at + 2 + count

    if len(signature) < 8 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        raise Refused("badDER", "no SEQUENCE of the signature's length")
    if integer(integer(2)) != len(signature):
        raise Refused("badDER", "bytes after the second INTEGER")


def uri(cluster_id: bytes, node_id: bytes) -> str:
    return f"shoal://{cluster_id.hex()}/node/{node_id.hex()}"


def _builder(subject: str, issuer: str, public, not_before: int, seconds: int, serial: int | None):
    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    start = datetime.datetime.fromtimestamp(not_before, datetime.timezone.utc)
    return (
        x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(public)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start).not_valid_after(start + datetime.timedelta(seconds=seconds))
    )


def _usage(sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=sign_certificates, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )


def make_ca(key: Key, cluster_name: str, not_before: int, years: int = 20, serial: int | None = None) -> bytes:
    """A CA certificate in DER. Its name has a space, so no node can bear it."""
    public = key.private.public_key()
    name = cluster_name[:CLUSTER_NAME_BYTES_IN_CA] + " CA"
    builder = _builder(name, name, public, not_before, years * 365 * 86_400, serial)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    return _signed(builder, key)


@dataclass(frozen=True)
class NodeCertificate:
    """What a node's certificate says; `uris` can be set to anything, for tests."""

    name: str
    spki: bytes
    uris: tuple
    not_before: int
    seconds: int = 90 * 86_400 + 3_600
    serial: int | None = None

    def issue(self, ca_certificate: bytes, ca_key: Key) -> bytes:
        """The certificate in DER, signed by the CA."""
        ca = x509.load_der_x509_certificate(ca_certificate)
        issuer = ca.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        builder = _builder(self.name, issuer, read_spki(self.spki), self.not_before, self.seconds, self.serial)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(False), critical=True)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        own = x509.SubjectKeyIdentifier.from_public_key(read_spki(self.spki))
        builder = builder.add_extension(own, critical=False)
        identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        builder = builder.add_extension(authority, critical=False)
        if self.uris:
            names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(text) for text in self.uris])
            builder = builder.add_extension(names, critical=False)
        return _signed(builder, ca_key)


def _signed(builder: x509.CertificateBuilder, key: Key) -> bytes:
    signed = builder.sign(key.private, hashes.SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class PeerIdentity:
    """What a verified node certificate proves."""

    cluster_id: bytes
    node_id: bytes
    name: str
    spki: bytes


def read_node_certificate(der: bytes) -> PeerIdentity:
    """Name, cluster and node id of a node's certificate, the id being computed from the key and compared.

    The chain and the dates are TLS's to check (or `check_issued`'s).
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        spki = spki_of(certificate.public_key())
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise Refused("badCertificate", str(error)) from None
    read_spki(spki)
    if len(names) != 1 or constraints.ca or len(list(alternative)) != 1:
        raise Refused("badCertificate", "one common name, one alternative name, and no CA, are needed")
    node_id = sha256(spki)[:16]
    first = list(alternative)[0]
    text = first.value if isinstance(first, x509.UniformResourceIdentifier) else ""
    cluster = text[len("shoal://") : len("shoal://") + 32]
    if len(cluster) != 32 or any(letter not in "0123456789abcdef" for letter in cluster):
        raise Refused("badCertificate", f"the URI {text!r} names no cluster")
    if text != uri(bytes.fromhex(cluster), node_id):
        raise Refused("badCertificate", f"the URI {text!r} is not that of the key")
    return PeerIdentity(bytes.fromhex(cluster), node_id, part(str(names[0].value), "node name"), spki)


def check_issued(der: bytes, ca_der: bytes, now: int) -> None:
    """That `ca_der` signed the certificate and that it is valid now (where no TLS handshake has checked it)."""
    certificate, ca = x509.load_der_x509_certificate(der), x509.load_der_x509_certificate(ca_der)
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise Refused("badCertificate", f"not issued by this CA: {error}") from None
    if not certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp():
        raise Refused("badCertificate", "outside its dates")


def spki_of_certificate(der: bytes) -> bytes:
    return spki_of(x509.load_der_x509_certificate(der).public_key())
