"""Pictures that are there twice: the very same pixels, or so alike that they must be one photograph.

Thumbnails are compared as vectors of length 1, each channel freed of its mean, so that size, compression, brightness
and contrast hardly count. In a set of any size they are whitened first (main axes of all thumbnails, each scaled to
the same variance): what all pictures of the set have in common, such as the outline of a T-shirt, then counts little,
and what is peculiar to one counts much. How near is near depends on the set too: much nearer than
neighbours usually are.

Pairs are found by locality-sensitive hashing with random hyperplanes (Charikar, "Similarity estimation techniques from
rounding algorithms", 2002): of pairs at the limit about 97 % are found, of nearer ones more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# Never farther apart than this: a correlation of 0.95. Never asked to be nearer than a correlation of 0.99.
_FARTHEST, _NEAREST = 0.316, 0.141
_SHARE_OF_USUAL = 0.4
# Of 255: a picture with less contrast than this has nothing that could be compared.
_LEAST_CONTRAST = 3.0
_AXES = 64
_WHITENED_FROM = 512
_SAMPLE = 4096
_PROBES = 256
_TABLES = 16
_IN_BUCKET = 4
_NEIGHBOURS = 8
_AT_ONCE = 16384

_Floats = NDArray[np.float32]
_Indices = NDArray[np.int64]


def exact_groups(hashes: NDArray[np.uint64]) -> list[_Indices]:
    """The indices of pictures that share their hash, a group each, ascending.

    Args:
        hashes: uint64 [N].
    """
    _, group = np.unique(hashes, return_inverse=True)
    return _groups(np.arange(len(hashes)), group)


def near_groups(hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8]) -> list[_Indices]:
    """The indices of pictures that differ but look the same, a group each, ascending. Of equal ones, only the first.

    Args:
        hashes: uint64 [N].
        thumbnails: uint8 [N, h, w, C].
    """
    _, first = np.unique(hashes, return_index=True)
    first = np.sort(first)
    different = np.concatenate([chunk[_contrast(thumbnails[chunk]) >= _LEAST_CONTRAST] for chunk in _chunks(first)])
    if len(different) < 2:
        return []
    points = _points(thumbnails, different)
    pairs = _near_pairs(points, _limit(points))
    return [different[group] for group in _components(pairs, len(points))]


def _vectors(thumbnails: NDArray[np.uint8]) -> _Floats:
    """float32 [N, h*w*C], each channel without its mean."""
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    return values.reshape(len(values), -1)


def _contrast(thumbnails: NDArray[np.uint8]) -> _Floats:
    spread: _Floats = np.sqrt((_vectors(thumbnails) ** 2).mean(axis=1))
    return spread


def _unit(vectors: _Floats) -> _Floats:
    scaled: _Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return scaled


def _points(thumbnails: NDArray[np.uint8], indices: _Indices) -> _Floats:
    """float32 [N, axes], of length 1; whitened if there are enough pictures to know the axes by."""
    if len(indices) < _WHITENED_FROM:
        return _unit(_vectors(thumbnails[indices]))
    some = _unit(_vectors(thumbnails[indices[:: max(1, len(indices) // _SAMPLE)]]))
    mean = some.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov((some - mean).T))
    main = slice(-_AXES, None)
    whiten = (axes[:, main] / np.sqrt(np.maximum(variances[main], 1e-9))).astype(np.float32)
    return np.concatenate([_unit((_unit(_vectors(thumbnails[chunk])) - mean) @ whiten) for chunk in _chunks(indices)])


def _limit(points: _Floats) -> float:
    """The distance below which two pictures are one: a share of that to the nearest other one, for most of the set."""
    probes = np.linspace(0, len(points) - 1, min(_PROBES, len(points))).astype(np.int64)
    similar = points[probes] @ points.T
    similar[np.arange(len(probes)), probes] = -1
    usual = float(np.median(_distance(similar.max(axis=1))))
    return min(_FARTHEST, max(_NEAREST, _SHARE_OF_USUAL * usual))


def _distance(similarity: _Floats) -> _Floats:
    """Between points of length 1, by their inner product."""
    distance: _Floats = np.sqrt(np.maximum(2 - 2 * similarity, 0))
    return distance


def _near_pairs(points: _Floats, limit: float) -> _Indices:
    """int64 [M, 2]: indices of points nearer to each other than `limit`."""
    found = [np.empty((0, 2), np.int64)]
    for pairs in _candidates(points):
        for chunk in _chunks(pairs):
            similarity = np.einsum("nd,nd->n", points[chunk[:, 0]], points[chunk[:, 1]])
            found.append(chunk[_distance(similarity) < limit])
    return np.concatenate(found)


def _candidates(points: _Floats) -> Iterator[_Indices]:
    """Pairs int64 [M, 2] that fall on the same sides of random planes, each with its next few in the same bucket."""
    count, axes = points.shape
    bits = max(0, int(np.ceil(np.log2(count / _IN_BUCKET))))
    rng = np.random.default_rng(0)
    for _ in range(_TABLES):
        sides = points @ rng.standard_normal((axes, bits), np.float32) > 0
        bucket = sides @ (1 << np.arange(bits))
        # Along one more direction, so that in a crowded bucket too the nearest come together.
        order = np.lexsort((points @ rng.standard_normal(axes, np.float32), bucket))
        bucket = bucket[order]
        for step in range(1, min(_NEIGHBOURS + 1, count)):
            same = np.flatnonzero(bucket[step:] == bucket[:-step])
            yield np.stack([order[same], order[same + step]], axis=1)


def _components(pairs: _Indices, count: int) -> list[_Indices]:
    """What hangs together by pairs of 0..count-1."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    members = np.unique(pairs)
    return _groups(members, component[members])


def _groups(members: _Indices, group: NDArray[np.integer]) -> list[_Indices]:
    """Ascending `members` that share their group's number, together; only groups of at least two."""
    order = np.argsort(group, kind="stable")
    groups = np.split(members[order], np.flatnonzero(np.diff(group[order])) + 1)
    return sorted((found for found in groups if len(found) > 1), key=lambda found: int(found[0]))


def _chunks(values: _Indices) -> list[_Indices]:
    return [values[start : start + _AT_ONCE] for start in range(0, max(1, len(values)), _AT_ONCE)]
