"""Ready-made loaders: one for each runtime, all used in the same way.

    client = OnnxLoader().client("/var/lib/shoal/handoff/handoff.sock", "acme/detector")
    client.start()

    with client.holder.use() as held:
        answer = held.model.run({"images": images})

========================  ============================================  =====================================
loader                    a version's folder holds                      a model in the hands of a request
========================  ============================================  =====================================
``OnnxLoader``            ``model.onnx``, or the only ``.onnx``         ``run({name: array}) -> {name: array}``
``OpenVinoLoader``        ``model.xml`` or the only one, else ``.onnx`` the same
``CallableLoader(load)``  whatever ``load(path)`` reads                 what ``load`` returned
========================  ============================================  =====================================

Each loads, warms up, runs calibrations on one thread that gives way to requests, and lets go. A runtime is imported
once its loader is made; ``MissingRuntimeError`` says what to install. For anything more, derive from ``ModelLoader``.
"""

from .arrays import ArrayLoader, ArrayModel, Port
from .base import MissingRuntimeError, ModelLoader
from .callables import CallableLoader
from .onnx_runtime import OnnxLoader, OnnxModel
from .open_vino import OpenVinoLoader, OpenVinoModel

__all__ = [
    "ArrayLoader",
    "ArrayModel",
    "CallableLoader",
    "MissingRuntimeError",
    "ModelLoader",
    "OnnxLoader",
    "OnnxModel",
    "OpenVinoLoader",
    "OpenVinoModel",
    "Port",
]
