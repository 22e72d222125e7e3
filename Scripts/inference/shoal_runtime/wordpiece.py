"""The WordPiece tokens of an uncased BERT, from its ``vocab.txt``."""

from __future__ import annotations

import unicodedata
from typing import Dict, Iterator, List, TextIO, Tuple

from .priority import let_requests_in

TOKENS_MAX = 256
"""Tokens of one text, ``[CLS]`` and ``[SEP]`` included; the rest of the text is left out."""

WORD_CHARACTERS_MAX = 100
"""A longer word is unknown."""

VOCABULARY_MAX = 1_000_000
VOCABULARY_CHARACTERS_MAX = 64 << 20
BLOCK_CHARACTERS = 8 << 10
"""A fifth of a millisecond's work, but where the dictionary grows. No token has more."""


class WordPiece:
    """Splits text into words, and words into the longest pieces that the vocabulary has."""

    def __init__(self, vocabulary: Dict[str, int]) -> None:
        self._ids = vocabulary
        missing = [token for token in ("[UNK]", "[CLS]", "[SEP]") if token not in vocabulary]
        if missing:
            raise ValueError(f"the vocabulary lacks {', '.join(missing)}")
        self._unknown, self._start, self._end = (vocabulary[token] for token in ("[UNK]", "[CLS]", "[SEP]"))

    @classmethod
    def from_file(cls, path: str) -> "WordPiece":
        """Reads one token a line; the number of the line, from 0, is its id."""
        vocabulary: Dict[str, int] = {}
        with open(path, encoding="utf-8") as file:
            for count, tokens in _blocks_of_lines(file):
                vocabulary.update(zip(tokens, range(count, count + len(tokens))))
                if count + len(tokens) > VOCABULARY_MAX:
                    raise ValueError(f"{path} has more than {VOCABULARY_MAX} tokens")
                # Each block is a step of the interpreter's own, which no request interrupts.
                let_requests_in()
        return cls(vocabulary)

    def encode(self, text: str, tokens_max: int = TOKENS_MAX) -> List[int]:
        """The ids of a text between ``[CLS]`` and ``[SEP]``, at most ``tokens_max``."""
        ids = [self._start]
        for word in words(text):
            if len(ids) >= tokens_max - 1:
                break
            ids.extend(self._pieces(word))
        return ids[: tokens_max - 1] + [self._end]

    def _pieces(self, word: str) -> List[int]:
        if len(word) > WORD_CHARACTERS_MAX:
            return [self._unknown]
        pieces: List[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                found = self._ids.get(prefix + word[start:end])
                if found is not None:
                    pieces.append(found)
                    start = end
                    break
            else:
                return [self._unknown]
        return pieces


def _blocks_of_lines(file: TextIO) -> Iterator[Tuple[int, List[str]]]:
    """The lines of a file, some at a time, and how many came before them."""
    count = character_count = 0
    begun = ""
    while block := file.read(BLOCK_CHARACTERS):
        character_count += len(block)
        if character_count > VOCABULARY_CHARACTERS_MAX:
            raise ValueError(f"{file.name} has more than {VOCABULARY_CHARACTERS_MAX} characters")
        *lines, begun = (begun + block).split("\n")
        if max(map(len, (begun, *lines[:1]))) > BLOCK_CHARACTERS:
            raise ValueError(f"{file.name} has a token of more than {BLOCK_CHARACTERS} characters")
        yield count, lines
        count += len(lines)
    if begun:
        yield count, [begun]


def words(text: str) -> Iterator[str]:
    """Words and single punctuation marks, in lower case and without accents."""
    word: List[str] = []
    for character in _plain(text):
        alone = _is_punctuation(character) or _is_ideograph(character)
        if alone or character.isspace():
            if word:
                yield "".join(word)
                word = []
            if alone:
                yield character
        else:
            word.append(character)
    if word:
        yield "".join(word)


def _plain(text: str) -> Iterator[str]:
    for character in unicodedata.normalize("NFD", "".join(map(str.lower, _clean(text)))):
        if unicodedata.category(character) != "Mn":
            yield character


# Unassigned characters stay: an older Unicode table must not change the words.
_CONTROL = {"Cc", "Cf", "Co", "Cs"}


def _clean(text: str) -> str:
    """Without control characters; every kind of blank is a space."""
    kept: List[str] = []
    for character in text:
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            kept.append(" ")
        elif character != "\ufffd" and unicodedata.category(character) not in _CONTROL:
            kept.append(character)
    return "".join(kept)


def _is_punctuation(character: str) -> bool:
    # All of ASCII that is no letter or digit counts, also what Unicode calls a symbol: $, +, <, ^, `, |, ~.
    if "!" <= character <= "~" and not character.isalnum():
        return True
    return unicodedata.category(character).startswith("P")


_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def _is_ideograph(character: str) -> bool:
    code = ord(character)
    return any(first <= code <= last for first, last in _IDEOGRAPHS)
