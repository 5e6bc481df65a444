"""Writing a volume as an OME-Zarr 0.5 (Zarr format 3) with smaller copies of itself.

Every chunk is written, also one of zeros, by one writer, and the mark "complete" is set
last, so that an interrupted copy can be told from a whole one. Chunks carry a checksum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.io.header import header_of
from napari_battery.progress import Progress
from napari_battery.volume import Volume

__all__ = ["write_zarr"]

_CHUNK = 64
_CHUNK_2D = 512
_BLOCK_BYTES = 128 * 2**20
_SMALLEST = 256
"""No smaller copy is made of a level whose longest side is at most this."""


def write_zarr(
    path: Path, volume: Volume, provenance: dict[str, Any] | None, progress: Progress
) -> None:
    """Write an OME-Zarr: the volume itself and ever smaller copies of it.

    Copies of an image are means of 2 × 2 × 2 voxels; copies of labels take every second
    voxel, since a mean of two labels is a third particle.

    Parameters
    ----------
    path : Path
        Folder to make; it is not atomic by itself.
    volume : Volume
        2-D or 3-D; read in blocks of at most 128 MiB.
    provenance : dict or None
        Stored in the attributes.
    progress : Progress
        Advanced per block.
    """
    import zarr

    is_labels = volume.metadata.get("kind") == "labels" or volume.dtype == np.bool_
    shapes = _level_shapes(volume.shape)
    group = zarr.open_group(path, mode="w", zarr_format=3)
    levels = [_create(group, str(i), shape, volume) for i, shape in enumerate(shapes)]
    group.attrs["napari_battery"] = {"complete": False}
    blocks = [list(_blocks(levels[0], _BLOCK_BYTES))]
    # eight voxels are read for each one of a smaller copy
    blocks += [list(_blocks(level, _BLOCK_BYTES // 8)) for level in levels[1:]]
    progress.begin(sum(map(len, blocks)), "Writing")
    for window in blocks[0]:
        levels[0][window] = np.asarray(volume.data[window])
        progress.advance()
    for finer, coarser, windows in zip(levels[:-1], levels[1:], blocks[1:], strict=True):
        factors = _factors(finer.shape)
        for window in windows:
            fine = tuple(
                slice(w.start * f, min(w.stop * f, n))
                for w, f, n in zip(window, factors, finer.shape, strict=True)
            )
            coarser[window] = _halve(np.asarray(finer[fine]), factors, is_labels)
            progress.advance()
    group.attrs.update(_attributes(volume, provenance, shapes, is_labels))


def _create(group: Any, name: str, shape: tuple[int, ...], volume: Volume) -> Any:
    from zarr.codecs import BloscCodec, Crc32cCodec

    side = _CHUNK if len(shape) == 3 else _CHUNK_2D
    shuffle = "shuffle" if volume.dtype.itemsize > 1 else "noshuffle"
    return group.create_array(
        name,
        shape=shape,
        chunks=tuple(min(side, n) for n in shape),
        dtype=volume.dtype,
        compressors=[BloscCodec(cname="lz4", clevel=5, shuffle=shuffle), Crc32cCodec()],
        dimension_names=volume.axes,
        fill_value=0,
        config={"write_empty_chunks": True},
    )


def _factors(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How much smaller the next level is along each axis; thin axes stay."""
    return tuple(2 if n > _CHUNK else 1 for n in shape)


def _level_shapes(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    shapes = [tuple(shape)]
    while max(shapes[-1]) > _SMALLEST:
        last = shapes[-1]
        shapes.append(tuple(-(-n // f) for n, f in zip(last, _factors(last), strict=True)))
    return shapes


def _blocks(array: Any, n_bytes: int) -> Iterator[tuple[slice, ...]]:
    """Windows of whole chunks; full rows, as far as memory allows, since slices lie so."""
    sides = list(array.chunks)
    for axis in reversed(range(array.ndim - 2, array.ndim)):
        others = math.prod(sides) // sides[axis] * array.dtype.itemsize
        fit = n_bytes // others // array.chunks[axis] * array.chunks[axis]
        sides[axis] = min(max(fit, array.chunks[axis]), array.shape[axis])
    starts = [range(0, n, side) for n, side in zip(array.shape, sides, strict=True)]
    for corner in product(*starts):
        yield tuple(
            slice(a, min(a + side, n))
            for a, side, n in zip(corner, sides, array.shape, strict=True)
        )


def _halve(block: NDArray[Any], factors: tuple[int, ...], is_labels: bool) -> NDArray[Any]:
    if is_labels:
        return block[tuple(slice(None, None, f) for f in factors)]
    padding = [(0, -n % f) for n, f in zip(block.shape, factors, strict=True)]
    padded = np.pad(block, padding, mode="edge")
    paired = [m for n, f in zip(padded.shape, factors, strict=True) for m in (n // f, f)]
    precise = np.float64 if block.dtype.itemsize > 4 else np.float32
    means = padded.reshape(paired).mean(axis=tuple(range(1, 2 * block.ndim, 2)), dtype=precise)
    if block.dtype.kind in "iu":
        means = np.rint(means)
    halved: NDArray[Any] = means.astype(block.dtype)
    return halved


def _attributes(
    volume: Volume,
    provenance: dict[str, Any] | None,
    shapes: list[tuple[int, ...]],
    is_labels: bool,
) -> dict[str, Any]:
    size = volume.voxel_size_um
    unit = {} if size is None else {"unit": "micrometer"}
    datasets = []
    scale = np.array(size or (1.0,) * volume.ndim)
    centre = np.array(volume.origin_um)
    for i, shape in enumerate(shapes):
        datasets.append(
            {
                "path": str(i),
                "coordinateTransformations": [
                    {"type": "scale", "scale": scale.tolist()},
                    {"type": "translation", "translation": centre.tolist()},
                ],
            }
        )
        factors = np.array(_factors(shape))
        if not is_labels:  # a mean lies in the middle of its voxels
            centre = centre + scale * (factors - 1) / 2
        scale = scale * factors
    return {
        "ome": {
            "version": "0.5",
            "multiscales": [
                {
                    "name": volume.name,
                    "axes": [{"name": a, "type": "space", **unit} for a in volume.axes],
                    "datasets": datasets,
                    "type": "nearest" if is_labels else "mean",
                }
            ],
        },
        "napari_battery": {**header_of(volume, provenance), "complete": True},
    }
