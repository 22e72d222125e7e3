"""Serve a model that a Shoal agent switches from version to version, without losing a request.

With a runtime that ``shoal_runtime.loaders`` knows, a server is five lines; see there. With any other it needs two
things::

    from shoal_runtime import HandoffClient, LoadRequest

    def load(request: LoadRequest) -> MyModel:       # called on a thread of its own
        return MyModel(request.path)

    client = HandoffClient("/var/lib/shoal/handoff/handoff.sock", "acme/yolo", load)
    client.start()

    with client.holder.use() as held:                # in each request; never waits for a load or a switch
        answer = held.model.run(question)            # held.digest and held.version say which version answered

With ``runner``, a function that runs one sample on a model, versions can be calibrated before they serve.

Only the standard library is used, but for calibrations and arrays, which need numpy. ``Protocol/handoff.md`` describes
what goes over the socket.
"""

from .calibration import CalibrationError, Runner, Sample, read_tensors, write_tensors
from .client import HandoffClient, LoadRequest
from .holder import ConflictError, Held, ModelHolder, NoModelError, NotResidentError
from .protocol import HandoffError, LoadError

__all__ = [
    "CalibrationError",
    "ConflictError",
    "HandoffClient",
    "HandoffError",
    "Held",
    "LoadError",
    "LoadRequest",
    "ModelHolder",
    "NoModelError",
    "NotResidentError",
    "Runner",
    "Sample",
    "read_tensors",
    "write_tensors",
]

__version__ = "0.1.0"
