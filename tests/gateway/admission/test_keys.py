"""API keys: read from a file, read again when it changes, and told to nobody."""

from __future__ import annotations

import hashlib
import logging
import os
from base64 import b64encode
from pathlib import Path

import pytest

from gateway.admission.credentials import authenticated
from gateway.admission.keys import ApiKeys
from gateway.errors import Unauthorized, outcome_of
from gateway.settings.row import SettingsError

KEY = "correct-horse:battery-staple"
OTHER = "another-key-of-some-length"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(f"# who may ask\n\nalice:{KEY}\nbob:sha256:{hashlib.sha256(OTHER.encode()).hexdigest()}\n")
    return path


def replace(path: Path, text: str) -> None:
    """As an operator should: the old file or the new, never half of one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def test_a_key_has_a_name_whether_it_stands_there_or_its_digest(file: Path) -> None:
    keys = ApiKeys(file)
    assert (keys.name_of(KEY), keys.name_of(OTHER)) == ("alice", "bob")


def test_what_is_nobodys_key_has_no_name(file: Path) -> None:
    keys = ApiKeys(file)
    digest = hashlib.sha256(OTHER.encode()).hexdigest()
    for wrong in ("", KEY[:-1], KEY + " ", f"alice:{KEY}", digest, f"sha256:{digest}", "\udcff", "\x00", "x" * 100_000):
        assert keys.name_of(wrong) is None


def test_a_name_may_have_two_keys_while_one_is_replaced(file: Path) -> None:
    replace(file, f"alice:{KEY}\nalice:{OTHER}\n")
    keys = ApiKeys(file)
    assert keys.name_of(KEY) == keys.name_of(OTHER) == "alice"


def test_a_changed_file_is_in_force_at_the_next_request(file: Path) -> None:
    keys = ApiKeys(file)
    replace(file, f"carol:{OTHER}\n")
    assert (keys.name_of(KEY), keys.name_of(OTHER)) == (None, "carol")


@pytest.mark.parametrize("broken", ["", "# nobody\n", "alice\n", "alice:short\n", f"alice:{KEY}\nbob:sha256:12\n"])
def test_a_broken_file_leaves_the_last_good_keys_in_force_and_says_so_once(
    file: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys = ApiKeys(file)
    replace(file, broken)
    with caplog.at_level(logging.ERROR):
        assert [keys.name_of(KEY) for _ in range(3)] == ["alice"] * 3
    assert len(caplog.records) == 1
    assert KEY not in caplog.text
    replace(file, f"dave:{KEY}\n")
    assert keys.name_of(KEY) == "dave"


def test_a_file_that_is_gone_or_not_to_be_read_leaves_the_last_good_keys_in_force(file: Path) -> None:
    keys = ApiKeys(file)
    file.unlink()
    assert keys.name_of(KEY) == "alice"
    file.write_bytes(b"\xff\xfe")
    assert keys.name_of(KEY) == "alice"
    os.truncate(file, 0)
    assert keys.name_of(KEY) == "alice"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("alice:short\n", "line 1: expected name:key"),
        (f"# x\n:{KEY}\n", "line 2: expected name:key"),
        (f"al ice:{KEY}\n", "line 1: expected name:key"),
        (f"alice:{KEY} {KEY}\n", "line 1: expected name:key"),
        ("alice:sha256:zz\n", "line 1: expected 64 hexadecimal digits"),
        (f"alice:{KEY}\nbob:{KEY}\n", "line 2: expected a key of its own"),
        ("", "expected at least one line"),
    ],
)
def test_at_start_a_broken_file_is_an_error_with_its_line_and_without_its_keys(
    file: Path, text: str, wanted: str
) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=f"^VITRINE_API_KEYS_FILE: {wanted}") as raised:
        ApiKeys(file)
    assert KEY not in str(raised.value)
    assert "zz" not in str(raised.value)


def basic(name: str, key: str) -> str:
    """What a browser sends."""
    return "Basic " + b64encode(f"{name}:{key}".encode()).decode()


def test_a_key_may_come_in_either_header_and_as_a_browser_sends_it(file: Path) -> None:
    keys = ApiKeys(file)
    assert authenticated(keys, None, KEY) == "alice"
    assert authenticated(keys, f"Bearer {KEY}", None) == "alice"
    assert authenticated(keys, f"bearer  {OTHER}", None) == "bob"
    assert authenticated(keys, basic("alice", KEY), None) == "alice"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", f"Digest {KEY}", "Basic !!!", "Basic /w==", basic("bob", KEY), basic("", KEY)],
)
def test_anything_else_is_refused_without_repeating_it(file: Path, authorization: str | None) -> None:
    with pytest.raises(Unauthorized) as raised:
        authenticated(ApiKeys(file), authorization, None)
    assert KEY not in str(raised.value)
    assert "wrong" not in str(raised.value)
    outcome = outcome_of(raised.value)
    assert outcome is not None
    assert (outcome.status, outcome.code) == (401, "unauthorized")
