"""A network that looks at a picture several times and answers with the mean of its scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from training.networks.parts import KerasModel, KerasTensor, probabilities

Views = Literal[1, 2, 5, 10]
_MIRRORED = (2, 10)
_SHIFTED = (5, 10)
# A shift is of one pixel of so many. Where that is less than half a pixel, as on digits, a whole one harms.
_PIXEL_OF = 32


def without_mirror(views: Views) -> Views:
    """As many as are left where a picture's mirror image may be of another class."""
    return 5 if views in _SHIFTED else 1


def with_views(network: KerasModel, views: Views) -> KerasModel:
    """The trained network with several views of each picture in its graph; the weights are shared.

    The mean over mirrored and shifted views errs less than one look (Krizhevsky et al., 2012, took ten), for so many
    times the work.

    Args:
        network: As `training.networks` builds it.
        views: 1: the picture; 2: its mirror image too; 5: the picture shifted along either diagonal too, by a pixel of
            32; 10: all of those and their mirror images. Pictures of up to 16 pixels are not shifted.

    Returns:
        A network of the same layers, in which ``features`` has all views' maps: [views * N, h, w, F], the picture's
        own first.
    """
    import keras
    from keras import layers, ops

    pixels, maps, scores = (network.get_layer(name).output for name in ("pixels", "features", "logits"))
    looks = [*_looks(pixels, views)]
    if len(looks) == 1:
        return network
    trunk, head = keras.Model(pixels, maps, name="trunk"), keras.Model(maps, scores, name="head")
    seen = trunk(ops.concatenate(looks, axis=0))
    answers = head(layers.Activation("linear", name="features")(seen))
    mean = ops.mean(ops.reshape(answers, (len(looks), -1, scores.shape[-1])), axis=0)
    return keras.Model(network.input, probabilities(layers.Activation("linear", name="logits")(mean)))


def _looks(pixels: KerasTensor, views: Views) -> Iterator[KerasTensor]:
    """Each view, float32 [N, H, W, C], the picture itself first."""
    from keras import ops

    looks = [pixels, *_shifted(pixels)] if views in _SHIFTED else [pixels]
    yield from looks
    if views in _MIRRORED:
        yield from (ops.flip(look, axis=2) for look in looks)


def _shifted(pixels: KerasTensor) -> Iterator[KerasTensor]:
    from keras import ops

    height, width = pixels.shape[1:3]
    down, right = round(height / _PIXEL_OF), round(width / _PIXEL_OF)
    if not (down and right):
        return
    around = ops.pad(pixels, ((0, 0), (down, down), (right, right), (0, 0)), mode="reflect")
    for top in (0, 2 * down):
        for left in (0, 2 * right):
            yield around[:, top : top + height, left : left + width]
