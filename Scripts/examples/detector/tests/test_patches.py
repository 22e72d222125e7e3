"""The two exported models: what they find, and that they are the same each time."""

from __future__ import annotations

import importlib.util
import tempfile
import unittest
from pathlib import Path
from typing import Any

from scene import MISSING, PATCHES

if not MISSING:
    import numpy

    import yolo
    from export_models import export
    from patches import RECIPES
    from scene import picture
    from shoal_runtime.loaders import ArrayLoader, OnnxLoader, OpenVinoLoader


@unittest.skipIf(MISSING, MISSING)
class PatchesTests(unittest.TestCase):
    folder: Path
    folders: "dict[str, Path]"

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.folders = export(cls.folder)

    def find(self, size: str, pixels: Any, loader: "ArrayLoader[Any] | None" = None) -> "list[Any]":
        """What a size finds: label, score and box."""
        loader = loader or OnnxLoader(check=yolo.require_interface)
        model = loader.load(str(self.folders[size]))
        images, placement = yolo.letterbox(pixels)
        output = model.run({"images": images})["output0"]
        self.assertEqual((output.shape, output.dtype.name), ((1, 7, 8400), "float32"))
        names = yolo.class_names(model)
        return [(names[found.index], found.score, found.box) for found in yolo.detections(output, placement)]

    def assert_finds(self, found: "list[Any]", patches: "list[Any]", pixels_off_max: float) -> None:
        self.assertEqual(len(found), len(patches), found)
        for patch, (label, _, box) in zip(sorted(patches), sorted(found)):
            self.assertEqual(label, patch[0])
            self.assertLessEqual(numpy.abs(numpy.subtract(box, patch[1])).max(), pixels_off_max, (box, patch))

    def test_each_patch_is_found_once_by_both_and_s_knows_its_edges_better(self) -> None:
        self.assert_finds(self.find("n", picture()), PATCHES, pixels_off_max=25)
        self.assert_finds(self.find("s", picture()), PATCHES, pixels_off_max=1.5)
        for size, recipe in RECIPES.items():
            self.assertEqual({score for _, score, _ in self.find(size, picture())}, {recipe.score})

    def test_s_finds_what_is_too_large_for_n(self) -> None:
        large = [("green", (10, 10, 560, 450))]
        self.assert_finds(self.find("s", picture(large)), large, pixels_off_max=1.5)
        self.assertEqual(self.find("n", picture(large)), [])

    def test_patches_at_the_edges_end_there(self) -> None:
        corners = [("red", (0, 0, 60, 60)), ("blue", (540, 0, 600, 60)), ("green", (0, 420, 60, 480)),
                   ("red", (540, 420, 600, 480))]
        self.assert_finds(self.find("s", picture(corners)), corners, pixels_off_max=1.5)

    def test_nothing_is_found_where_nothing_is(self) -> None:
        for pixels in (picture([]), numpy.full((480, 600, 3), 255, numpy.uint8)):
            self.assertEqual(self.find("n", pixels) + self.find("s", pixels), [])

    def test_an_export_has_the_same_bytes_each_time(self) -> None:
        again = export(self.folder / "again")
        for size, folder in self.folders.items():
            self.assertEqual((folder / "model.onnx").read_bytes(), (again[size] / "model.onnx").read_bytes())
        sizes = [(folder / "model.onnx").stat().st_size for folder in self.folders.values()]
        self.assertLess(sizes[0], sizes[1])

    @unittest.skipUnless(importlib.util.find_spec("openvino"), "needs openvino")
    def test_openvino_finds_the_same(self) -> None:
        for size in RECIPES:
            loader = OpenVinoLoader(check=yolo.require_interface)
            for one, other in zip(self.find(size, picture(), loader), self.find(size, picture())):
                self.assertEqual(one[0], other[0])
                numpy.testing.assert_allclose(one[2], other[2], atol=0.05)


if __name__ == "__main__":
    unittest.main()
