"""Finds a model's file in the folder of a version."""

from __future__ import annotations

import os
from typing import List, Sequence

from ..protocol import LoadError


def find_model(folder: str, suffixes: Sequence[str], name: str = "") -> str:
    """The path of the model's file.

    That is the file ``name`` if one is given. Otherwise the first suffix of which there is a file decides: it is the
    one called ``model``, or the only one. ``LoadError`` with the code ``unsupported_format`` if there is none, or if
    there are several.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError as error:
        raise LoadError(f"{folder}: {error.strerror or error}") from None
    if name:
        return os.path.join(folder, _only([entry for entry in names if entry == name], folder, name))
    for suffix in suffixes:
        found = [entry for entry in names if entry.endswith(suffix)]
        if found:
            preferred = f"model{suffix}"
            return os.path.join(folder, preferred if preferred in found else _only(found, folder, f"*{suffix}"))
    raise LoadError(f"{folder} holds no {' or '.join(f'*{suffix}' for suffix in suffixes)}", code="unsupported_format")


def _only(found: List[str], folder: str, wanted: str) -> str:
    if len(found) != 1:
        what = f"{len(found)} files {wanted}: name the model's" if found else f"no file {wanted}"
        raise LoadError(f"{folder} holds {what}", code="unsupported_format")
    return found[0]
