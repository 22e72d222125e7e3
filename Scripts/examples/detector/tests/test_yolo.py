"""Letterbox, the reading of the output, suppression, the interface."""

from __future__ import annotations

import unittest
from types import SimpleNamespace
from typing import Any

from scene import MISSING

if not MISSING:
    import numpy

    import yolo
    from shoal_runtime import LoadError
    from shoal_runtime.loaders import Port


def output_of(*candidates: "tuple[float, ...]") -> Any:
    """An output with these candidates: centre x and y, width, height, and a score for each of two classes."""
    output = numpy.zeros((1, 6, 8400), numpy.float32)
    for place, candidate in enumerate(candidates):
        output[0, :, place * 100] = candidate
    return output


@unittest.skipIf(MISSING, MISSING)
class LetterboxTests(unittest.TestCase):
    def test_a_wide_picture_is_scaled_to_the_width_and_centred(self) -> None:
        picture = numpy.full((240, 1280, 3), (255, 0, 51), numpy.uint8)
        images, placement = yolo.letterbox(picture)
        self.assertEqual((images.shape, images.dtype.name), ((1, 3, 640, 640), "float32"))
        self.assertEqual((placement.scale, placement.offset, placement.picture), ((0.5, 0.5), (0, 260), (1280, 240)))
        numpy.testing.assert_allclose(images[0, :, 260, 0], [1, 0, 0.2], atol=1e-6)
        numpy.testing.assert_allclose(images[0, :, 379, 639], [1, 0, 0.2], atol=1e-6)
        for row in (0, 259, 380, 639):
            numpy.testing.assert_allclose(images[0, :, row, 320], 114 / 255, atol=1e-6)

    def test_a_picture_of_the_right_size_is_not_touched(self) -> None:
        picture = numpy.arange(640 * 640 * 3, dtype=numpy.uint32).astype(numpy.uint8).reshape(640, 640, 3)
        images, placement = yolo.letterbox(picture)
        numpy.testing.assert_allclose(images[0].transpose(1, 2, 0) * 255, picture, atol=1e-3)
        self.assertEqual((placement.scale, placement.offset), ((1.0, 1.0), (0, 0)))

    def test_the_smallest_and_the_thinnest_pictures_have_a_place(self) -> None:
        for shape in [(1, 1, 3), (1, 5000, 3), (5000, 1, 3)]:
            images, _ = yolo.letterbox(numpy.zeros(shape, numpy.uint8))
            self.assertEqual(images.shape, (1, 3, 640, 640))


@unittest.skipIf(MISSING, MISSING)
class DetectionTests(unittest.TestCase):
    def placement(self) -> "yolo.Placement":
        return yolo.Placement(scale=(0.5, 0.5), offset=(0, 260), picture=(1280, 240))

    def test_boxes_come_back_in_pixels_of_the_picture_and_within_it(self) -> None:
        found = yolo.detections(
            output_of((100, 300, 20, 40, 0.1, 0.9), (0, 260, 50, 10, 0.8, 0.0)), self.placement()
        )
        self.assertEqual([detection.index for detection in found], [1, 0])
        self.assertEqual([detection.box for detection in found], [(180, 40, 220, 120), (0, 0, 50, 10)])
        self.assertAlmostEqual(found[0].score, 0.9, places=6)

    def test_unsure_candidates_are_left_out(self) -> None:
        self.assertEqual(yolo.detections(output_of((100, 300, 20, 40, 0.24, 0.0)), self.placement()), [])
        self.assertEqual(len(yolo.detections(output_of((100, 300, 20, 40, 0.26, 0.0)), self.placement())), 1)

    def test_of_boxes_that_overlap_the_surest_of_each_class_stays(self) -> None:
        found = yolo.detections(
            output_of(
                (100, 300, 40, 40, 0.6, 0.0), (102, 300, 40, 40, 0.9, 0.0), (101, 300, 40, 40, 0.0, 0.5),
                (160, 300, 40, 40, 0.7, 0.0),
            ),
            self.placement(),
        )
        self.assertEqual([round(detection.score, 1) for detection in found], [0.9, 0.7, 0.5])

    def test_intersection_over_union(self) -> None:
        boxes = numpy.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [5, 5, 5, 5]], numpy.float32)
        numpy.testing.assert_allclose(yolo.overlap(boxes[0], boxes), [1, 1 / 3, 0, 0], atol=1e-6)
        numpy.testing.assert_array_equal(yolo.overlap(boxes[3], boxes), [0, 0, 0, 0])


@unittest.skipIf(MISSING, MISSING)
class InterfaceTests(unittest.TestCase):
    def model(self, images: Any, output: Any, **more: Any) -> Any:
        return SimpleNamespace(
            inputs=(Port("images", "float32", images),), outputs=(Port("output0", "float32", output),), **more
        )

    def test_yolov8_fits_with_fixed_and_with_open_dimensions(self) -> None:
        yolo.require_interface(self.model((1, 3, 640, 640), (1, 84, 8400)))
        yolo.require_interface(self.model((None, 3, None, None), (None, 84, None)))

    def test_anything_else_is_refused_with_what_it_has(self) -> None:
        others = [
            self.model((1, 3, 320, 320), (1, 84, 2100)),
            self.model((1, 3, 640, 640), (1, 8400)),
            self.model(None, (1, 84, 8400)),
        ]
        others.append(self.model((1, 3, 640, 640), (1, 84, 8400)))
        others[-1].inputs = (Port("images", "uint8", (1, 3, 640, 640)),)
        others.append(self.model((1, 3, 640, 640), (1, 84, 8400)))
        others[-1].outputs *= 2
        for model in others:
            with self.assertRaises(LoadError) as caught:
                yolo.require_interface(model)
            self.assertEqual(caught.exception.code, "unsupported_format")

    def test_names_are_read_from_the_metadata_if_they_are_there(self) -> None:
        for text, names in [("{0: 'cat', 1: 'dog'}", {0: "cat", 1: "dog"}), ("__import__('os')", {}), ("[1]", {})]:
            self.assertEqual(yolo.class_names(self.model(None, None, metadata={"names": text})), names)
        self.assertEqual(yolo.class_names(self.model(None, None, metadata={})), {})


if __name__ == "__main__":
    unittest.main()
