"""The operator's commands on an object store, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

from contract.release import Release
from serving.stores.bucket import Bucket
from serving.stores.opening import open_store
from tests.serving import saved_models
from tests.serving.conftest import Cli, MakeModel


def test_versions_are_published_listed_checked_and_pruned_in_a_store(
    s3_url: str, make_model: MakeModel, cli: Cli, repository: Path
) -> None:
    for number in range(1, 4):
        done = cli("--store", s3_url, "publish", "digits", make_model(f"model{number}", number / 10), "--offline")
        assert done.returncode == 0, done.stderr
        assert f"is copied to {s3_url}/digits/{number}." in done.stdout
    again = cli("publish", "digits", make_model("again", 0.3), "--offline", "--store", s3_url)
    assert again.stdout == "digits 3 is already stable.\n"

    # What serves stands in the repository, which says where the versions lie.
    assert Release.read(repository).models["digits"].labels == {"stable": 3}
    assert f'base_path: "{s3_url}/digits"' in (repository / "models.config").read_text()
    assert not (repository / "digits").exists()

    listed = json.loads(cli("list", "--json", MODEL_STORE=s3_url).stdout)
    assert listed["repository"] == s3_url
    assert [(row["version"], row["accuracy"], row["labels"]) for row in listed["models"]["digits"]] == [
        (3, 0.3, ["stable"]),
        (2, 0.2, []),
        (1, 0.1, []),
    ]

    assert cli("verify", "digits", "2", "--store", s3_url).returncode == 0
    pruned = cli("prune", "digits", "--keep", "0", "--store", s3_url)
    assert pruned.stdout == "digits: deleted: 1; kept: 2 (previous), 3 (stable).\n"
    assert open_store(s3_url).versions("digits") == [2, 3]


def test_a_version_that_is_not_whole_is_listed_as_such_and_never_pinned(
    s3_url: str, make_model: MakeModel, cli: Cli, repository: Path
) -> None:
    source = make_model()
    open_store(s3_url).add("digits", source)
    Bucket(s3_url).delete(["digits/1/manifest.json"])
    open_store(s3_url).add("digits", source)

    done = cli("--store", s3_url, "publish", "digits", "--version", "1", "--offline")
    assert done.returncode == 1
    assert f"Expected a version of digits in {s3_url}: 2. Received: 1" in done.stderr
    assert Release.read(repository) == Release()
    assert "not whole: an upload under way, or one that was cut short" in cli("list", "--store", s3_url).stdout
    assert cli("verify", "digits", "1", "--store", s3_url).returncode == 1


def test_a_store_that_is_not_there_is_one_sentence_and_status_1(s3_url: str, cli: Cli) -> None:
    gone = cli("--store", s3_url.replace("vitrine-", "another-"), "verify", "digits")
    unknown = cli("--store", "nonsense://bucket", "list")

    assert (gone.returncode, unknown.returncode) == (1, 1)
    assert gone.stderr.startswith("error: ")
    assert unknown.stderr.count("\n") == 1
    assert "Protocol not known: nonsense" in unknown.stderr


def test_a_folder_may_be_the_store_too(tmp_path: Path, cli: Cli, repository: Path) -> None:
    saved_models.write(tmp_path / "elsewhere" / "digits" / "1", saved_models.card())

    for store in ("elsewhere", str(tmp_path / "elsewhere"), f"file://{tmp_path}/elsewhere"):
        assert cli("publish", "digits", "--offline", "--store", store).returncode == 0
    assert f"{tmp_path}/elsewhere/digits" in (repository / "models.config").read_text()
