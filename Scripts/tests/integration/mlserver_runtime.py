"""A runtime for MLServer without a model: what it answers is computed from the bytes of a version's file."""

import os
from pathlib import Path

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from mlserver.utils import get_model_uri

from dummy_runtime_content import BROKEN, DEADLY, embedding


class Words(MLModel):
    """The model of the tests: a text in, the version's tag and eight numbers out."""

    async def load(self) -> bool:
        path = Path(await get_model_uri(self.settings))
        self.content = path.read_bytes()
        self.tag = (path.parent / "tag").read_text()
        if self.content.startswith(BROKEN):
            raise ValueError("it is broken on purpose")
        if self.content.startswith(DEADLY):
            os._exit(9)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        text = payload.inputs[0].data[0]
        numbers = embedding(self.content, text)
        return InferenceResponse(model_name=self.name, outputs=[
            ResponseOutput(name="version", shape=[1], datatype="BYTES", data=[self.tag]),
            ResponseOutput(name="embedding", shape=[1, len(numbers)], datatype="FP64", data=numbers),
        ])
