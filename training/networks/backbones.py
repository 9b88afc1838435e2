"""Networks that learnt on ImageNet, from keras.applications, with a new classifier on top."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import Any, Literal

from training.errors import WeightsMissing
from training.networks.parts import KerasModel, KerasTensor, Pixels, classifier, features, pixel_input

_DROPOUT = 0.2
# Below this, five halvings leave too little of a picture.
_SMALLEST = 96
# ImageNet's mean colour, red, green, blue, as Caffe's models subtract it.
_CAFFE_MEAN = (123.68, 116.779, 103.939)
_WEIGHTS_FILE = re.compile(r"https?://\S+/([\w.\-]+\.(?:h5|keras))")


@dataclass(frozen=True)
class Backbone:
    """A network of keras.applications.

    Attributes:
        function: Its name there.
        expects: What it takes for pixels: ``raw`` 0..255, ``unit`` -1..1, or ``caffe`` blue-green-red less the mean.
        size: Height and width of the pictures that it learnt on.
        arguments: Further ones of that function.
    """

    function: str
    expects: Literal["raw", "unit", "caffe"]
    size: int = 224
    arguments: dict[str, Any] = field(default_factory=dict)

    def __call__(self, pixels: Pixels) -> KerasModel:
        """The backbone with ImageNet's weights under a classifier of random weights.

        Raises:
            WeightsMissing: They are not in KERAS_HOME and cannot be downloaded.
        """
        from keras import layers

        inputs, x = pixel_input(pixels.shape)
        x = self._prepared(x)
        maps = self._with_weights(x)
        return classifier(inputs, layers.Dropout(_DROPOUT)(features(maps)), pixels)

    def _prepared(self, x: KerasTensor) -> KerasTensor:
        from keras import layers

        if min(x.shape[1:3]) < _SMALLEST:
            x = layers.Resizing(_SMALLEST, _SMALLEST)(x)
        if x.shape[-1] == 1:
            x = layers.Concatenate()([x, x, x])
        if self.expects == "unit":
            return layers.Rescaling(1 / 127.5, offset=-1.0)(x)
        if self.expects == "caffe":
            return layers.Normalization(mean=_CAFFE_MEAN, variance=(1.0, 1.0, 1.0))(x)[..., ::-1]
        return x

    def _with_weights(self, x: KerasTensor) -> KerasTensor:
        import keras

        build = getattr(keras.applications, self.function)
        try:
            with warnings.catch_warnings():
                # MobileNetV2 says that its weights were learnt at another size: so they were, and they serve.
                warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
                return build(include_top=False, weights="imagenet", input_tensor=x, **self.arguments).output
        # Keras raises a bare Exception for a failed download, and what h5py raises for a broken file.
        except Exception as error:
            found = _WEIGHTS_FILE.search(str(error))
            raise WeightsMissing(
                f"The ImageNet weights of {self.function} could not be read or downloaded ({error}). Connect to the "
                f"network, or put {found[1] if found else 'their file'} into models/ of the folder that KERAS_HOME "
                "names (~/.keras if it names none)"
            ) from error


BACKBONES = {
    "MobileNetV2": Backbone("MobileNetV2", "unit"),
    "MobileNetV2-0.35": Backbone("MobileNetV2", "unit", arguments={"alpha": 0.35}),
    "MobileNetV3Small": Backbone("MobileNetV3Small", "raw"),
    "MobileNetV3Large": Backbone("MobileNetV3Large", "raw"),
    "EfficientNetV2B0": Backbone("EfficientNetV2B0", "raw"),
    "EfficientNetV2S": Backbone("EfficientNetV2S", "raw", size=384),
    "ConvNeXtTiny": Backbone("ConvNeXtTiny", "raw"),
    "ResNet50": Backbone("ResNet50", "caffe"),
    "ResNet50V2": Backbone("ResNet50V2", "unit"),
    "VGG16": Backbone("VGG16", "caffe"),
    "InceptionV3": Backbone("InceptionV3", "unit", size=299),
    "Xception": Backbone("Xception", "unit", size=299),
}
