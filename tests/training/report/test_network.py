"""The network's stages: few enough to draw, and none of its parameters lost."""

from __future__ import annotations

from training.report.network import diagram, stages


def layer(kind: str, *shape: int, parameters: int = 0) -> dict[str, object]:
    return {"name": kind, "type": kind, "shape": list(shape), "parameters": parameters, "inputs": []}


def test_layers_of_one_shape_are_one_stage() -> None:
    found = stages([
        layer("InputLayer", 28, 28, 1), layer("Normalization", 28, 28, 1, parameters=3),
        layer("Conv2D", 28, 28, 32, parameters=288), layer("BatchNormalization", 28, 28, 32, parameters=128),
        layer("Conv2D", 28, 28, 32, parameters=9216), layer("Add", 28, 28, 32), layer("MaxPooling2D", 14, 14, 32),
        layer("Flatten", 6272), layer("Dense", 10, parameters=62730), layer("Softmax", 10),
    ])  # fmt: skip
    assert [(stage.title, stage.channels) for stage in found] == [
        ("28 \u00d7 28", 1), ("28 \u00d7 28", 32), ("14 \u00d7 14", 32), ("vector", 6272), ("vector", 10),
    ]  # fmt: skip
    assert found[1].layers == "2 \u00d7 convolution, batch norm, residual sum"
    assert [stage.residual for stage in found] == [False, True, False, False, False]
    assert sum(stage.parameters for stage in found) == 3 + 288 + 128 + 9216 + 62730
    assert diagram(found).count("<rect") == 5


def test_a_gate_is_part_of_the_stage_that_it_weighs() -> None:
    found = stages([
        layer("Conv2D", 8, 8, 40, parameters=9), layer("GlobalAveragePooling2D", 1, 1, 40),
        layer("Dense", 1, 1, 5, parameters=205), layer("Dense", 1, 1, 40, parameters=240), layer("Multiply", 8, 8, 40),
        layer("AveragePooling2D", 1, 1, 40), layer("Conv2D", 1, 1, 64), layer("Flatten", 64),
    ])  # fmt: skip
    assert [(stage.title, stage.channels) for stage in found] == [
        ("8 \u00d7 8", 40), ("1 \u00d7 1", 40), ("1 \u00d7 1", 64), ("vector", 64),
    ]  # fmt: skip
    assert found[0].layers == "convolution, 2 \u00d7 dense, global average, gating"
    assert found[0].parameters == 9 + 205 + 240


def test_a_long_network_is_joined_into_what_can_be_drawn() -> None:
    long = [layer("InputLayer", 224, 224, 3)]
    for block in range(60):
        side = 224 >> (block // 10)
        long += [layer("Conv2D", side, side, 6 * block + 6, parameters=7), layer("Conv2D", side, side, block + 1)]
    long += [layer("Dense", 10, parameters=5)]
    found = stages(long)
    assert len(found) <= 10
    assert sum(stage.parameters for stage in found) == 60 * 7 + 5
