"""The same network written once more in plain numpy, to check the ONNX graph against. Slow; one sentence at a time."""

import math

import numpy as np
from weights import Weights

HEAD_COUNT = 12
LAYER_COUNT = 6
_erf = np.vectorize(math.erf, otypes=[np.float64])


def embedding(weights: Weights, ids: list[int]) -> np.ndarray:
    """The embedding of one sentence without padding, computed in double precision."""
    hidden = weights["embeddings.word_embeddings.weight"][ids].astype(np.float64)
    hidden += weights["embeddings.position_embeddings.weight"][:len(ids)]
    hidden += weights["embeddings.token_type_embeddings.weight"][0]
    hidden = _layer_norm(weights, "embeddings.LayerNorm", hidden)
    for number in range(LAYER_COUNT):
        hidden = _layer(weights, f"encoder.layer.{number}", hidden)
    mean = hidden.mean(axis=0)
    return mean / np.linalg.norm(mean)


def _layer(weights: Weights, name: str, hidden: np.ndarray) -> np.ndarray:
    attended = _dense(weights, f"{name}.attention.output.dense", _attention(weights, f"{name}.attention.self", hidden))
    hidden = _layer_norm(weights, f"{name}.attention.output.LayerNorm", hidden + attended)
    inner = _dense(weights, f"{name}.intermediate.dense", hidden)
    inner = inner * 0.5 * (1 + _erf(inner / math.sqrt(2)))
    return _layer_norm(weights, f"{name}.output.LayerNorm", hidden + _dense(weights, f"{name}.output.dense", inner))


def _attention(weights: Weights, name: str, hidden: np.ndarray) -> np.ndarray:
    parts = [_dense(weights, f"{name}.{part}", hidden) for part in ("query", "key", "value")]
    heads = zip(*(np.split(part, HEAD_COUNT, axis=1) for part in parts), strict=True)
    return np.concatenate([_head(query, key, value) for query, key, value in heads], axis=1)


def _head(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    scores = np.exp(query @ key.T / math.sqrt(query.shape[1]))
    return scores / scores.sum(axis=1, keepdims=True) @ value


def _dense(weights: Weights, name: str, hidden: np.ndarray) -> np.ndarray:
    return hidden @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"]


def _layer_norm(weights: Weights, name: str, hidden: np.ndarray) -> np.ndarray:
    centred = hidden - hidden.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
