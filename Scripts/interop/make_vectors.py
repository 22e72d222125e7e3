#!/usr/bin/env python3
"""Writes Protocol/vectors/*.json. `--check` writes nothing and says whether they are up to date."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from shoal_interop.vectors_cutting import CuttingVectors  # noqa: E402
from shoal_interop.vectors_documents import DocumentVectors  # noqa: E402
from shoal_interop.vectors_token import TokenVectors  # noqa: E402
from shoal_interop.vectors_wire import WireVectors  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Protocol" / "vectors"
MAKERS = {
    "cutting.json": CuttingVectors, "documents.json": DocumentVectors, "token.json": TokenVectors,
    "wire.json": WireVectors,
}


def compact(value, depth: int = 0) -> str:
    """JSON with one line per list of numbers, so that a difference is readable."""
    if isinstance(value, dict):
        inside = [f'{" " * (depth + 1)}{json.dumps(key)}: {compact(entry, depth + 1)}' for key, entry in value.items()]
        return "{\n" + ",\n".join(inside) + "\n" + " " * depth + "}" if inside else "{}"
    if isinstance(value, list) and any(isinstance(entry, (dict, list)) for entry in value):
        inside = [" " * (depth + 1) + compact(entry, depth + 1) for entry in value]
        return "[\n" + ",\n".join(inside) + "\n" + " " * depth + "]"
    return json.dumps(value, ensure_ascii=False)


def main() -> int:
    stale = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, maker in MAKERS.items():
        text = compact(maker().build()) + "\n"
        path = FOLDER / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    for name in stale:
        print(f"{name} is not up to date: run Scripts/interop/make_vectors.py and read the difference", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
