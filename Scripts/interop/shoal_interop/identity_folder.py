"""A node's identity in a folder, and a whole cluster's keys in another. Written durably: synced, then renamed."""

import os
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from .keys import Key
from .maker import Cluster, Identity
from .documents import Root
from .envelope import Envelope

KEY, CERTIFICATE, ROOT = "node.key.pem", "node.crt.pem", "root.shoal"


def write_durably(path: pathlib.Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def pem_of(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def der_of(data: bytes) -> bytes:
    """A certificate in DER, whether it was given in DER or in PEM."""
    if not data.startswith(b"-----"):
        return data
    return x509.load_pem_x509_certificate(data).public_bytes(serialization.Encoding.DER)


def save_identity(identity: Identity, folder) -> None:
    folder = pathlib.Path(folder)
    write_durably(folder / KEY, identity.key.pem)
    write_durably(folder / CERTIFICATE, pem_of(identity.certificate))
    write_durably(folder / ROOT, identity.root_envelope)


def load_identity(folder) -> Identity:
    """Raises FileNotFoundError if the node has not joined."""
    folder = pathlib.Path(folder)
    certificate = der_of((folder / CERTIFICATE).read_bytes())
    name = x509.load_der_x509_certificate(certificate).subject.rfc4514_string().removeprefix("CN=")
    return Identity(Key.from_pem((folder / KEY).read_bytes()), certificate, (folder / ROOT).read_bytes(), name)


CLUSTER_KEYS = {"root": "root_key", "ca": "ca_key", "publisher": "publish_key", "operator": "operator_key"}


def save_cluster(cluster: Cluster, folder) -> None:
    folder = pathlib.Path(folder)
    for name, attribute in CLUSTER_KEYS.items():
        write_durably(folder / f"{name}.key.pem", getattr(cluster, attribute).pem)
    write_durably(folder / "ca.crt.pem", pem_of(cluster.ca_certificate))
    write_durably(folder / ROOT, cluster.root_envelope.encode())


def load_cluster(folder) -> Cluster:
    """A cluster whose keys lie in a folder, as `save_cluster` wrote them or as another tool gave them. A key that is
    missing is replaced by a random one, with which nothing that the root accepts can be signed."""
    folder = pathlib.Path(folder)
    envelope = Envelope.decode((folder / ROOT).read_bytes())
    root = Root.decode(envelope.body)
    cluster = Cluster(root.cluster_name)
    for name, attribute in CLUSTER_KEYS.items():
        path = folder / f"{name}.key.pem"
        if path.exists():
            setattr(cluster, attribute, Key.from_pem(path.read_bytes()))
    cluster.cluster_id, cluster.root, cluster.root_envelopes = root.cluster_id, root, [envelope]
    path = folder / "ca.crt.pem"
    cluster.ca_certificate = der_of(path.read_bytes()) if path.exists() else root.ca_certificates[0]
    return cluster
