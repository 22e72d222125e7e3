"""What each version of the model must answer, computed from its files directly and not by the server under test."""

from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

INPUT_COLUMNS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}


def embeddings(folder: Path, texts: tuple[str, ...]) -> list[list[float]]:
    """One embedding for each text, computed one by one, since an int8 answer depends on its whole batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    return [_embedding(session, tokenizer, text) for text in texts]


def _embedding(session: onnxruntime.InferenceSession, tokenizer: Tokenizer, text: str) -> list[float]:
    encoding = tokenizer.encode(text)
    columns = {name: getattr(encoding, column) for name, column in INPUT_COLUMNS.items()}
    feed = {entry.name: np.array([columns[entry.name]], dtype=np.int64) for entry in session.get_inputs()}
    return session.run(None, feed)[0][0].tolist()
