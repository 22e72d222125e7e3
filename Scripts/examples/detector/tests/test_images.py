"""Pictures from the bodies of requests."""

from __future__ import annotations

import unittest
from typing import Any

from scene import MISSING

if not MISSING:
    import numpy

    import images
    from scene import encoded, picture
    from shoal_runtime.http_front import HTTPRefusal, Upload


@unittest.skipIf(MISSING, MISSING)
class PictureTests(unittest.TestCase):
    def test_a_png_and_raw_bytes_give_the_same_pixels_and_a_jpeg_nearly(self) -> None:
        pixels = picture()
        raw = Upload(pixels.tobytes(), "application/octet-stream", {"width": "600", "height": "480"})
        numpy.testing.assert_array_equal(images.picture_of(raw), pixels)
        numpy.testing.assert_array_equal(images.picture_of(Upload(encoded(pixels, "PNG"), "image/png", {})), pixels)
        jpeg = images.picture_of(Upload(encoded(pixels, "JPEG"), "", {}))
        self.assertLess(numpy.abs(jpeg.astype(int) - pixels).mean(), 3)

    def test_grey_and_transparent_pictures_become_rgb(self) -> None:
        for shape in [(4, 6), (4, 6, 4)]:
            body = encoded(numpy.full(shape, 255, numpy.uint8), "PNG")
            self.assertEqual(images.picture_of(Upload(body, "image/png", {})).shape, (4, 6, 3))

    def test_what_is_no_picture_is_refused(self) -> None:
        png = encoded(picture(), "PNG")
        for body in (b"", b"nonsense", png[:100], encoded(picture(), "BMP")):
            self.assert_refused(400, Upload(body, "image/png", {}))

    def test_a_raw_array_must_have_the_size_that_the_query_says(self) -> None:
        for query in [{"width": "2"}, {"width": "2", "height": "3"}, {"width": "0", "height": "2"},
                      {"width": "-2", "height": "2"}, {"width": "x", "height": "2"}, {"width": "9" * 7, "height": "1"}]:
            self.assert_refused(400, Upload(bytes(12), "application/octet-stream", query))

    def test_a_small_file_that_unpacks_to_very_much_is_refused_before_it_does(self) -> None:
        body = encoded(numpy.zeros((5700, 5700), numpy.uint8), "PNG")
        self.assertLess(len(body), 100_000)
        self.assert_refused(413, Upload(body, "image/png", {}))

    def assert_refused(self, status: int, upload: Any) -> None:
        with self.assertRaises(HTTPRefusal) as caught:
            images.picture_of(upload)
        self.assertEqual(caught.exception.status, status)


if __name__ == "__main__":
    unittest.main()
