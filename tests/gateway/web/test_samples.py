"""Pictures to try a model with, from the model repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contract.versions import samples_folder
from gateway.errors import UnknownSample
from gateway.web.samples import find, samples
from tests.gateway.client import Client
from tests.gateway.conftest import MakeClient, png
from tests.gateway.posting import post


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Version 2 of digits carries two samples; beside the repository lies a file that is nobody's business."""
    folder = samples_folder(tmp_path / "models" / "digits" / "2")
    folder.mkdir(parents=True)
    (folder / "0-none.png").write_bytes(png(0))
    (folder / "1-very-light.png").write_bytes(png(250, 80))
    (tmp_path / "secret.png").write_bytes(png(0))
    return tmp_path / "models"


@pytest.fixture
def client(make_client: MakeClient, repository: Path) -> Client:
    return make_client(MODEL_REPOSITORY=str(repository))


def test_a_sample_is_called_by_its_file(repository: Path) -> None:
    assert [(one.title, one.tiny) for one in samples(repository, "digits", 2)] == [
        ("none", True),
        ("very light", False),
    ]


@pytest.mark.parametrize(("model", "version"), [("digits", 1), ("nobody", 1), ("..", 2), ("a/b", 1)])
def test_a_version_may_have_none(repository: Path, model: str, version: int) -> None:
    assert samples(repository, model, version) == []
    assert samples(None, model, version) == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "digits",
        "digits/2/2",
        "digits/2/x",
        "digits/1",
        "../2/0",
        "digits/²/0",
        "digits//0",
        f"digits/{'9' * 5000}/0",
        f"digits/{'9' * 19}",
        f"{'d' * 5000}/2/0",
    ],
)
def test_a_key_that_is_no_samples_is_refused(repository: Path, key: str) -> None:
    with pytest.raises(UnknownSample, match="Expected a sample"):
        find(repository, key)


def test_the_page_offers_the_samples_of_the_version_that_answers(client: Client) -> None:
    page = client.get("/").text
    assert re.findall(r'name="sample" value="([^"]+)"', page) == ["digits/2/0", "digits/2/1", "digits/2"]
    (first, _) = re.findall(r'data-address="([^"]+)"', page)
    picture = client.get(first)
    assert (picture.headers["Content-Type"], picture.content) == ("image/png", png(0))
    assert 'name="sample"' not in client.get("/?model=digits&version=1").text


@pytest.mark.parametrize(("sample", "labels"), [("digits/2/1", ["9"]), ("digits/2", ["0", "9"])])
def test_a_sample_is_classified_by_one_button_without_javascript(
    client: Client, sample: str, labels: list[str]
) -> None:
    page = post(client, ("", b""), path="/", sample=sample).text
    assert re.findall(r"<h3[^>]*>(\d)", page) == labels


@pytest.mark.parametrize("path", ["/samples/digits/2/2", "/samples/digits/1/0", "/samples/..%2F..%2Fsecret/2/0"])
def test_nothing_but_samples_is_at_a_samples_address(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404
