"""The model as one file: it loads again with the same answers, or there is no file."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from contract.card import ModelCard
from contract.versions import PublishError
from training.cli import main
from training.export.keras_file import write_keras_file
from training.networks.views import with_views
from training.predict import predict

from ..conftest import Training
from .conftest import Copy


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_file_has_the_answers_of_the_run_and_a_card_beside_it(
    ending: str, trained: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "new" / f"digits.{ending}"
    arguments = ["export", str(trained.run.folder), "--format", ending, "--output", str(path)]
    assert main(arguments) == 0
    assert capfd.readouterr().out.startswith(f"Wrote {path} from ")
    assert not caplog.records
    images = np.load(trained.run.test_images)
    expected = predict(keras.models.load_model(trained.run.model, compile=False), images)
    assert np.abs(predict(keras.models.load_model(path, compile=False), images) - expected).max() < 1e-5
    card = ModelCard.from_json((tmp_path / "new" / "digits.card.json").read_text())
    assert card == trained.run.read_card()
    assert {file.name for file in path.parent.iterdir()} == {path.name, "digits.card.json"}


def test_a_network_that_the_older_format_cannot_hold_is_refused(
    trained: Training, copy_run: Copy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copy_run()
    with_views(keras.models.load_model(run.model, compile=False), 2).save(run.model)
    path = tmp_path / "new" / "digits.h5"
    assert main(["export", str(run.folder), "--format", "h5", "--output", str(path)]) == 1
    assert "older format cannot hold this network (Unknown layer: 'Flip'): --format keras" in capsys.readouterr().err
    assert not list(path.parent.iterdir())
    assert main(["export", str(run.folder), "--format", "keras", "--output", str(path.with_suffix(".keras"))]) == 0


def test_a_file_that_is_there_is_kept_unless_forced(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits.h5").write_text("mine")
    assert main(["export", str(trained.run.folder), "--format", "h5"]) == 1
    assert "digits.h5, which exists; --force replaces it" in capsys.readouterr().err
    assert (tmp_path / "digits.h5").read_text() == "mine"
    assert main(["export", str(trained.run.folder), "--format", "h5", "--force"]) == 0
    assert (tmp_path / "digits.h5").stat().st_size > 1000


def test_a_file_with_other_answers_is_not_left_behind(
    trained: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = keras.models.load_model

    def loads_otherwise(path: Path, **options: object) -> object:
        model = load(path, **options)
        if path.suffix == ".h5":
            model.get_layer("logits").bias.assign([9.0] * 5 + [0.0] * 5)
        return model

    monkeypatch.setattr(keras.models, "load_model", loads_otherwise)
    with pytest.raises(PublishError, match="Nothing was written"):
        write_keras_file(trained.run, tmp_path / "digits.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "onnx"], "choose from 'savedmodel', 'keras', 'h5'"),
        (["--output", "a.keras"], "expected --format keras or h5 with it; a SavedModel goes to --repository"),
        (["--format", "h5", "--output", "a.keras"], "expected a name that ends in .h5. Received: a.keras"),
        (["--format", "keras", "--dry-run"], "argument --dry-run: not with --format keras"),
        (["--format", "keras", "--repository", "x"], "argument --repository: not with --format keras"),
        (["--margin", "1%"], "argument --margin: expected a number from 0 to 1, such as 0.01. Received: '1%'"),
    ],
)
def test_options_that_do_not_go_together_are_named_with_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["export", "latest", *arguments])
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err
