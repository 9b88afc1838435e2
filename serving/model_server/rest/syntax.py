"""JSON as RapidJSON reads it, which TensorFlow Serving uses: the same errors at the same offsets.

Python's parser is many times faster, and accepts the same documents but for rarities. This one is for what it refuses,
and for what only looks alike: ``Inf`` and ``-NaN``, half of a surrogate pair, numbers beyond a double. It reads rows of
plain numbers at once, and of everything else only so much that nobody can keep it busy for long.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any, NoReturn

from serving.model_server.errors import InvalidArgument

_SPACE = re.compile(rb"[ \n\r\t]*")
_DIGITS = re.compile(rb"[0-9]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_ESCAPES = {b'"': b'"', b"\\": b"\\", b"/": b"/", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_NAMES = {b"n": (b"null", None), b"t": (b"true", True), b"f": (b"false", False)}
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_NUMBERS = re.compile(rb"(?:" + _NUMBER + rb"[ \n\r\t]*,[ \n\r\t]*){2,1000}+")
_LARGEST = sys.float_info.max
_DEEPEST = 200
# Seconds of work.
_MOST_VALUES = 2**19

_INVALID_VALUE = "Invalid value."
_TOO_BIG = "Number too big to be stored in double."


class Repeating(dict[str, Any]):
    """An object in which a name occurs again: the first member of each name, as TensorFlow Serving finds them.

    Attributes:
        last: The last of each name, as it stores them where it goes through all.
    """

    def __init__(self, members: list[tuple[str, Any]]) -> None:
        super().__init__()
        for name, value in members:
            self.setdefault(name, value)
        self.last = dict(members)


def object_of(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these members."""
    found = dict(members)
    return found if len(found) == len(members) else Repeating(members)


def parse(body: bytes) -> Any:
    """The document.

    Raises:
        InvalidArgument: It is none.
    """
    if not body:
        raise InvalidArgument("JSON Parse error: The document is empty")
    return _Reader(body).document()


class _Reader:
    """A position in a text, and what stands there."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 3 if text.startswith(b"\xef\xbb\xbf") else 0
        self._depth = 0
        self._values = 0

    def document(self) -> Any:
        self._skip_space()
        if self._ended():
            self._fail("The document is empty.")
        value = self._value()
        self._skip_space()
        if not self._ended():
            self._fail("The document root must not be followed by other values.")
        return value

    def _value(self) -> Any:
        self._values += 1
        if self._values > _MOST_VALUES:
            self._fail("The document has too many values.")
        character = self._peek()
        if character in _NAMES:
            word, meaning = _NAMES[character]
            self._word(word)
            return meaning
        if character == b'"':
            return self._string()
        if character not in (b"[", b"{"):
            return self._number()
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail("The document is nested too deep.")
        value = self._array() if character == b"[" else self._object()
        self._depth -= 1
        return value

    def _array(self) -> list[Any]:
        self._at += 1
        self._skip_space()
        values: list[Any] = []
        if self._take(b"]"):
            return values
        while True:
            while numbers := self._numbers():
                values += numbers
            values.append(self._value())
            self._skip_space()
            if self._take(b"]"):
                return values
            if not self._take(b","):
                self._fail("Missing a comma or ] after an array element.")
            self._skip_space()

    def _object(self) -> dict[str, Any]:
        self._at += 1
        self._skip_space()
        members: list[tuple[str, Any]] = []
        if self._take(b"}"):
            return {}
        while True:
            if self._peek() != b'"':
                self._fail("Missing a name for object member.")
            name = self._string()
            self._skip_space()
            if not self._take(b":"):
                self._fail("Missing a colon after a name of object member.")
            self._skip_space()
            members.append((name, self._value()))
            self._skip_space()
            if self._take(b"}"):
                return object_of(members)
            if not self._take(b","):
                self._fail("Missing a comma or } after an object member.")
            self._skip_space()

    def _string(self) -> str:
        self._at += 1
        pieces = []
        while True:
            pieces.append(self._match(_PLAIN))
            if self._take(b'"'):
                return b"".join(pieces).decode("utf-8", "surrogateescape")
            if self._peek() == b"\\":
                pieces.append(self._escape())
            elif self._ended():
                self._fail("Missing a closing quotation mark in string.")
            else:
                self._fail("Invalid encoding in string.")

    def _escape(self) -> bytes:
        start = self._at
        self._at += 1
        letter = self._peek()
        self._at += 1
        if letter in _ESCAPES:
            return _ESCAPES[letter]
        if letter != b"u":
            self._fail("Invalid escape character in string.", start)
        code = self._hex(start)
        if 0xD800 <= code <= 0xDBFF:
            if not (self._take(b"\\") and self._take(b"u")):
                self._fail("The surrogate pair in string is invalid.", start)
            low = self._hex(start)
            if not 0xDC00 <= low <= 0xDFFF:
                self._fail("The surrogate pair in string is invalid.", start)
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        return chr(code).encode("utf-8", "surrogatepass")

    def _hex(self, start: int) -> int:
        digits = _HEX.match(self._text, self._at)
        if digits is None:
            self._fail("Incorrect hex digit after \\u escape in string.", start)
        self._at += 4
        return int(digits[0], 16)

    def _number(self) -> int | float:
        start = self._at
        negative = self._take(b"-")
        if self._peek() in (b"I", b"N"):
            return -self._constant() if negative else self._constant()
        if not self._take(b"0") and not self._match(_DIGITS):
            self._fail(_INVALID_VALUE)
        whole = True
        if self._take(b"."):
            whole = False
            if not self._match(_DIGITS):
                self._fail("Miss fraction part in number.")
        if self._take(b"e") or self._take(b"E"):
            whole = False
            if not self._take(b"+"):
                self._take(b"-")
            if not self._match(_DIGITS):
                self._fail("Miss exponent in number.")
        number = float(self._text[start : self._at])
        if number in (float("inf"), float("-inf")):
            self._fail(_TOO_BIG, start)
        return int(self._text[start : self._at]) if whole else number

    def _numbers(self) -> list[Any]:
        """A row of plain numbers with a comma behind each; empty if another value, or an odd number, comes next."""
        row = _NUMBERS.match(self._text, self._at)
        if row is None:
            return []
        try:
            numbers: list[Any] = json.loads(b"[%s]" % row[0].rstrip(b", \n\r\t"))
        except ValueError:
            return []
        if max(numbers) > _LARGEST or min(numbers) < -_LARGEST:
            return []
        self._at = row.end()
        return numbers

    def _constant(self) -> float:
        """NaN, Inf or Infinity."""
        if self._peek() == b"N":
            self._word(b"NaN")
            return float("nan")
        self._word(b"Inf")
        if self._peek() == b"i":
            self._word(b"inity")
        return float("inf")

    def _word(self, word: bytes) -> None:
        for position in range(len(word)):
            if not self._take(word[position : position + 1]):
                self._fail(_INVALID_VALUE)

    def _peek(self) -> bytes:
        return self._text[self._at : self._at + 1]

    def _take(self, expected: bytes) -> bool:
        found = self._peek() == expected
        self._at += found
        return found

    def _match(self, pattern: re.Pattern[bytes]) -> bytes:
        match = pattern.match(self._text, self._at)
        found = match[0] if match else b""
        self._at += len(found)
        return found

    def _skip_space(self) -> None:
        self._match(_SPACE)

    def _ended(self) -> bool:
        # In C a zero byte is the end.
        return self._peek() in (b"", b"\0")

    def _fail(self, what: str, offset: int | None = None) -> NoReturn:
        raise InvalidArgument(f"JSON Parse error: {what} at offset: {self._at if offset is None else offset}")
