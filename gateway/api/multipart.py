"""multipart/form-data as it arrives: each picture is handed on as soon as its last byte is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from gateway.api.options import IMAGES, check_name, clean_filename
from gateway.classify.answer import Upload
from gateway.errors import BadBody, NoImage, TooManyParts

_MAX_FIELD_BYTES = 4096
# Room for the options beside the files, and for a few files too many, which get an answer that counts them.
_SPARE_PARTS = 100


class OptionsChanged(Exception):
    """A field came after a picture that is at work already."""


class Form:
    """A form being read.

    Attributes:
        uploads: The pictures so far, in their order.
        fields: The other fields so far, name and text.
    """

    def __init__(self, chunks: AsyncIterator[bytes], content_type: str, *, max_files: int) -> None:
        """Raises BadBody if the content type names no boundary."""
        boundary = parse_options_header(content_type)[1].get("boundary", "")
        if not boundary:
            raise BadBody("Expected a boundary in the Content-Type multipart/form-data. Received: none")
        self.uploads: list[Upload] = []
        self.fields: list[tuple[str, str]] = []
        self._chunks = chunks
        self._fresh: list[Upload] = []
        self._segment: MultipartSegment | None = None
        self._parts: list[bytes] = []
        try:
            # Headers byte by byte: a name that is no UTF-8 is a picture's name still, not a broken request.
            self._parser = PushMultipartParser(
                boundary, max_segment_count=2 * max_files + _SPARE_PARTS, header_charset="latin-1"
            )
        except MultipartError as error:
            raise BadBody(f"Expected a boundary of multipart/form-data. Received: {error}") from None

    async def read_fields(self) -> None:
        """Reads up to the first picture, and as much beyond as came along with it."""
        while not self._fresh and await self._read():
            pass

    async def arriving(self) -> AsyncIterator[Sequence[Upload]]:
        """The pictures, in their order, as they arrive.

        Raises:
            OptionsChanged: A field came after a picture that is at work already; `rest` reads what follows.
            BadBody, TooManyParts, NoImage: By what came.
        """
        known = len(self.fields)
        more = True
        while more:
            if self._fresh:
                fresh, self._fresh = self._fresh, []
                yield fresh
            more = await self._read()
            if len(self.fields) > known:
                raise OptionsChanged("An option came after a picture")
        if not self.uploads:
            raise NoImage(f"Expected at least one picture in the multipart field '{IMAGES}'. Received: {self._came()}")
        if self._fresh:
            yield self._fresh

    async def rest(self) -> Sequence[Upload]:
        """All pictures, after the whole body was read. Raises BadBody, TooManyParts."""
        while await self._read():
            pass
        return self.uploads

    async def _read(self) -> bool:
        """Reads one chunk; False at the end of the body."""
        chunk = await anext(self._chunks, None)
        try:
            for event in self._parser.parse(chunk or b""):
                self._on_event(event)
        except ParserLimitReached as error:
            raise TooManyParts(f"Expected a form of few and small parts. Received: {error}") from None
        except MultipartError as error:
            raise BadBody(f"Expected multipart/form-data. Received: a body that breaks its rules ({error})") from None
        return chunk is not None

    def _on_event(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        if isinstance(event, MultipartSegment):
            # Before its content comes: what is not wanted need not be uploaded to the end.
            check_name(_utf8(event.name or ""), file=event.filename is not None)
            self._segment = event
        elif event is not None:
            self._parts.append(bytes(event))
        elif self._segment is not None:
            parts, self._parts = self._parts, []
            self._on_part(self._segment, parts[0] if len(parts) == 1 else b"".join(parts))

    def _on_part(self, segment: MultipartSegment, data: bytes) -> None:
        if segment.filename is None:
            self._on_field(segment.name or "", data)
        # A form that is sent with nothing chosen holds one nameless, empty file.
        elif segment.filename:
            upload = Upload(clean_filename(_utf8(segment.filename)), data)
            self.uploads.append(upload)
            self._fresh.append(upload)

    def _on_field(self, name: str, data: bytes) -> None:
        if len(data) > _MAX_FIELD_BYTES:
            raise TooManyParts(f"Expected at most {_MAX_FIELD_BYTES:,} bytes in {name}. Received: {len(data):,}")
        self.fields.append((name, data.decode("utf-8", "replace")))

    def _came(self) -> str:
        return ", ".join(sorted({name for name, _ in self.fields})[:5]) or "nothing"


def _utf8(text: str) -> str:
    """A header's text, read as latin-1, as what it most likely is."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")
