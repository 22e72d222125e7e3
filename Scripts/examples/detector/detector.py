#!/usr/bin/env python3
"""Object detection over HTTP with YOLOv8's interface, switched from version to version by a Shoal agent.

``POST /detect`` with a PNG or a JPEG, or with ``?width=W&height=H`` and raw RGB bytes as application/octet-stream,
answers ``{"version": tag, "digest": hex, "boxes": [{"label", "score", "box": [left, top, right, bottom]}]}``.
``GET /version`` says what is served, ``GET /healthz`` whether anything is. The first line on stdout is the address.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from typing import Any, Callable

import images
import yolo
from shoal_runtime import HandoffClient, NoModelError, service
from shoal_runtime.http_front import Answer, HTTPFront, HTTPRefusal, Upload
from shoal_runtime.loaders import ArrayLoader, MissingRuntimeError, OnnxLoader, OpenVinoLoader

BODY_BYTES_MAX = 16 << 20
LOADERS: dict[str, Callable[..., ArrayLoader[Any]]] = {"onnx": OnnxLoader, "openvino": OpenVinoLoader}


class Detector:
    """Answers requests, each on the version that is active when its turn comes."""

    def __init__(self, client: HandoffClient[Any], concurrency: int) -> None:
        self._client = client
        # More runs at once than there are cores only make each of them slower.
        self._turns = threading.BoundedSemaphore(concurrency)

    def detect(self, upload: Upload) -> Answer:
        """``POST /detect``"""
        inputs, placement = yolo.letterbox(images.picture_of(upload))
        try:
            with self._turns, self._client.holder.use() as held:
                found = yolo.detections(held.model.run({"images": inputs})["output0"], placement)
                names = yolo.class_names(held.model)
        except NoModelError as error:
            raise HTTPRefusal(503, str(error)) from None
        boxes = [_described(detection, names) for detection in found]
        return 200, {"version": held.version, "digest": held.digest, "boxes": boxes}


def _described(detection: yolo.Detection, names: dict[int, str]) -> dict[str, Any]:
    return {
        "label": names.get(detection.index, str(detection.index)),
        "score": round(detection.score, 4),
        "box": [round(edge, 2) for edge in detection.box],
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    service.add_arguments(parser)
    parser.add_argument("--runtime", choices=sorted(LOADERS), default="onnx", help="what runs the model (default onnx)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of one inference (default 1)")
    return parser.parse_args()


def main() -> int:
    """Runs until SIGTERM or SIGINT."""
    options = _arguments()
    service.log_to_stderr()
    try:
        loader = LOADERS[options.runtime](threads=options.threads, check=yolo.require_interface)
        client = loader.client(options.socket, options.model, instance=options.instance)
        detector = Detector(client, os.cpu_count() or 1)
        uploads = {"/detect": detector.detect}
        front = HTTPFront(options.http, service.status_routes(client), uploads, BODY_BYTES_MAX)
    except (MissingRuntimeError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    service.run(client, front)
    return 0


if __name__ == "__main__":
    sys.exit(main())
