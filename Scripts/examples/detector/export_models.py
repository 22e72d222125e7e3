#!/usr/bin/env python3
"""Writes the detector's two sizes as ONNX files, ready to be published: OUTPUT/n/model.onnx and OUTPUT/s/model.onnx.

They are made by hand (see patches.py) and stand in for two sizes of YOLOv8, whose interface they have.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from patches import RECIPES, build


def export(output: Path) -> dict[str, Path]:
    """Writes both sizes; the folder of each."""
    folders = {}
    for name, recipe in RECIPES.items():
        folders[name] = output / name
        folders[name].mkdir(parents=True, exist_ok=True)
        (folders[name] / "model.onnx").write_bytes(build(recipe).SerializeToString(deterministic=True))
    return folders


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("output", type=Path, help="the folder to write to")
    for name, folder in export(parser.parse_args().output).items():
        print(f"{name}: {folder / 'model.onnx'} ({(folder / 'model.onnx').stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
