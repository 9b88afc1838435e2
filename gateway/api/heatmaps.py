"""A heatmap as a picture to lay over the one that was uploaded."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_HEAT = (255, 72, 0)


def heatmap_uri(heatmap: NDArray[np.float32]) -> str:
    """The heatmap [h, w] of 0..1 as a data: URI of a PNG of one warm colour whose alpha is the heat, 0 to 255."""
    alpha = np.clip(np.rint(np.nan_to_num(heatmap) * 255), 0, 255).astype(np.uint8)
    layer = np.empty((*alpha.shape, 4), np.uint8)
    layer[..., :3] = _HEAT
    layer[..., 3] = alpha
    file = io.BytesIO()
    Image.fromarray(layer).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
