"""Forms as they arrive, in chunks of any size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.multipart import Form, OptionsChanged
from gateway.errors import BadBody, BadOption, GatewayError, NoImage, TooManyParts
from tests.loops import run

TYPE = "multipart/form-data; boundary=cut"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """One part of a form, with its delimiter before it."""
    named = f'; filename="{filename}"' if filename is not None else ""
    return f'--cut\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


END = b"--cut--\r\n"


async def arriving(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def read(*chunks: bytes, max_files: int = 8, content_type: str = TYPE) -> tuple[list[list[str]], Form]:
    """The names of the pictures in the groups in which they arrive, and the form."""

    async def go() -> tuple[list[list[str]], Form]:
        form = Form(arriving(chunks), content_type, max_files=max_files)
        await form.read_fields()
        return [[upload.filename for upload in group] async for group in form.arriving()], form

    return run(go())


BODY = part("model", b"digits") + part("images", b"A" * 50, "a.png") + part("images", b"\r\n--cu", "b.png") + END


@given(st.lists(st.integers(1, len(BODY) - 1), max_size=12))
def test_a_form_reads_the_same_however_it_is_cut_into_chunks(cuts: list[int]) -> None:
    edges = [0, *sorted(set(cuts)), len(BODY)]
    groups, form = read(*(BODY[start:stop] for start, stop in pairwise(edges)))
    assert [name for group in groups for name in group] == ["a.png", "b.png"]
    assert [upload.data for upload in form.uploads] == [b"A" * 50, b"\r\n--cu"]
    assert form.fields == [("model", "digits")]


@pytest.mark.parametrize(
    ("name", "told"),
    [("ü.png".encode(), "ü.png"), (b"\xfc.png", "\ufffd.png"), (b"\xff\xfe\x00\x01a", "\ufffd\ufffda")],
)
def test_a_filename_of_any_bytes_is_a_pictures_name(name: bytes, told: str) -> None:
    body = part("images", b"1", "a.png").replace(b"a.png", name) + part("images", b"2", "b.png") + END
    assert read(body)[0] == [[told, "b.png"]]


def test_a_picture_is_handed_on_before_the_next_one_is_there() -> None:
    one, two = part("images", b"1", "1.png"), part("images", b"2", "2.png")
    # The end of a part is told by the delimiter behind it.
    assert read(one + b"--cut\r\n", two.removeprefix(b"--cut\r\n") + END)[0] == [["1.png"], ["2.png"]]
    assert read(one + two + END)[0] == [["1.png", "2.png"]]


def test_fields_that_came_along_with_the_first_picture_count() -> None:
    groups, form = read(part("images", b"1", "1.png") + part("top_k", b"3") + END)
    assert (groups, form.fields) == ([["1.png"]], [("top_k", "3")])


def test_a_field_behind_a_picture_that_is_at_work_is_told_and_the_rest_can_be_read() -> None:
    chunks = [part("images", b"1", "1.png") + b"--cut\r\n", part("top_k", b"3").removeprefix(b"--cut\r\n"), END]

    async def go() -> tuple[Form, list[str]]:
        form = Form(arriving(chunks), TYPE, max_files=8)
        await form.read_fields()
        with pytest.raises(OptionsChanged):
            _ = [group async for group in form.arriving()]
        return form, [upload.filename for upload in await form.rest()]

    form, names = run(go())
    assert (form.fields, names) == ([("top_k", "3")], ["1.png"])


def test_control_characters_in_a_name_are_dropped() -> None:
    assert read(part("images", b"1", "a\x1b[2Jb.png") + END)[0] == [["a[2Jb.png"]]


@pytest.mark.parametrize(
    ("body", "content_type", "kind", "says"),
    [
        (b"", "multipart/form-data", BadBody, "boundary"),
        (b"", "multipart/form-data; boundary=", BadBody, "boundary"),
        (b"no form at all", TYPE, BadBody, "breaks its rules"),
        (part("images", b"1", "1.png"), TYPE, BadBody, "breaks its rules"),
        (part("top_k", b"3") + END, TYPE, NoImage, "Received: top_k"),
        (END, TYPE, NoImage, "Received: nothing"),
        (part("images", b"", "") + END, TYPE, NoImage, "Received: nothing"),
        (part("imges", b"1", "1.png") + END, TYPE, BadOption, "'imges'"),
        (part("topk", b"1") + END, TYPE, BadOption, "top_k"),
        (part("model", b"x" * 5000) + END, TYPE, TooManyParts, "4,096"),
        (part("images", b"1", "1.png") * 200 + END, TYPE, TooManyParts, "few and small parts"),
        (b"--cut\r\n" + b"X: " + b"y" * 9000 + b"\r\n\r\n" + END, TYPE, TooManyParts, "few and small parts"),
    ],
)
def test_what_is_wrong_with_a_form_is_said(body: bytes, content_type: str, kind: type[GatewayError], says: str) -> None:
    with pytest.raises(kind, match=says):
        read(body, content_type=content_type)
