from __future__ import annotations

import os
import tempfile
import unittest
from unittest import mock

import fake_agent  # noqa: F401  (finds the package)
from shoal_runtime.wordpiece import WordPiece, words

TOKENS = "[PAD] [UNK] [CLS] [SEP] hello world ##s un ##aff ##able , ! 東 京 cafe 1 ##2".split()


class WordPieceTests(unittest.TestCase):
    def setUp(self) -> None:
        self.pieces = WordPiece({token: number for number, token in enumerate(TOKENS)})

    def tokens(self, text: str) -> "list[str]":
        return [TOKENS[number] for number in self.pieces.encode(text)]

    def test_words_and_punctuation_are_split_and_lowered(self) -> None:
        self.assertEqual(self.tokens("Hello, WORLD!"), ["[CLS]", "hello", ",", "world", "!", "[SEP]"])

    def test_the_longest_piece_comes_first(self) -> None:
        self.assertEqual(self.tokens("unaffable worlds 12"), "[CLS] un ##aff ##able world ##s 1 ##2 [SEP]".split())

    def test_a_word_with_an_unknown_piece_is_unknown_as_a_whole(self) -> None:
        self.assertEqual(self.tokens("worldly x" + "y" * 200), ["[CLS]", "[UNK]", "[UNK]", "[SEP]"])

    def test_accents_control_characters_and_blanks(self) -> None:
        self.assertEqual(self.tokens("Ca\u0301f\u00e9\u00a0hel\u0000lo\u200b"), ["[CLS]", "cafe", "hello", "[SEP]"])

    def test_ideographs_stand_alone(self) -> None:
        self.assertEqual(self.tokens("東京hello"), ["[CLS]", "東", "京", "hello", "[SEP]"])

    def test_symbols_of_ascii_count_as_punctuation(self) -> None:
        self.assertEqual(list(words("a$b+c `d` €5")), ["a", "$", "b", "+", "c", "`", "d", "`", "€5"])

    def test_empty_and_long_texts(self) -> None:
        self.assertEqual(self.tokens(""), ["[CLS]", "[SEP]"])
        ids = self.pieces.encode("hello " * 1000)
        self.assertEqual((len(ids), ids[-1]), (256, TOKENS.index("[SEP]")))

    def test_a_vocabulary_is_read_from_a_file_and_must_be_one(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "vocab.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(TOKENS) + "\n")
            self.assertEqual(WordPiece.from_file(path).encode("world"), [2, 5, 3])
            with open(path, "w", encoding="utf-8") as file:
                file.write("hello\n")
            with self.assertRaises(ValueError):
                WordPiece.from_file(path)

    def test_a_vocabulary_that_is_too_long_is_refused_wherever_it_would_be_cut(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "vocab.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(TOKENS) + "\n")
            whole = len("\n".join(TOKENS))
            # At the end of a line, what was read looks like a whole file.
            for count in (len("\n".join(TOKENS[:-1])), whole - 1):
                with mock.patch("shoal_runtime.wordpiece.VOCABULARY_CHARACTERS_MAX", count):
                    with self.assertRaisesRegex(ValueError, "characters"):
                        WordPiece.from_file(path)
            with mock.patch("shoal_runtime.wordpiece.VOCABULARY_MAX", len(TOKENS) - 1):
                with self.assertRaisesRegex(ValueError, "tokens"):
                    WordPiece.from_file(path)

    def test_a_vocabulary_of_several_blocks_is_read_whole(self) -> None:
        tokens = [*TOKENS, *(f"token{number}" for number in range(5_000))]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "vocab.txt")
            for end in ("", "\n"):
                with open(path, "w", encoding="utf-8") as file:
                    file.write("\n".join(tokens) + end)
                read = WordPiece.from_file(path)
                wanted = [2, *range(len(TOKENS), len(tokens)), 3]
                self.assertEqual(read.encode(" ".join(tokens[len(TOKENS):]), tokens_max=10_000), wanted)

    def test_a_token_that_is_too_long_is_refused_wherever_it_lies(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "vocab.txt")
            for before, count, end in (("", 100_000, ""), ("", 9_000, "\n"), ("y\n" * 4_000, 9_000, "\n")):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(before + "x" * count + end + "\n".join(TOKENS))
                with self.assertRaisesRegex(ValueError, "a token of more than"):
                    WordPiece.from_file(path)


if __name__ == "__main__":
    unittest.main()
