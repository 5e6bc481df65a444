"""Opening an OME-Zarr (0.4 or 0.5, Zarr format 2 or 3) without loading it.

A chunk that is not there reads as the fill value, without an error: an interrupted copy
looks like empty space. Some programs, on the other hand, leave out chunks that are all
fill value on purpose. What our writer wrote has every chunk and says so. For other files
the chunks beside an absent one decide: where grey levels or labels run right up to the
seam, the absent chunk was lost and the file is refused; where they have ended before it,
it is taken as empty, with a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.header import FORMAT, with_header
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.io.problems import check_dtype, spatial_axes
from napari_battery.io.zarr_voxels import axis_letters, place
from napari_battery.volume import Volume

__all__ = ["open_zarr"]

_MOST_SEAMS = 64
"""Seams that are looked at; each costs one chunk."""
_RUNS_ON = 0.1
"""Part of a seam that differs from the fill value above which the image runs on across
it. What really ends before an empty chunk hardly ever ends on its very border."""


def open_zarr(path: Path, dataset: str | None) -> Volume:
    """Open the full-resolution level of an OME-Zarr image, or a single Zarr array.

    Parameters
    ----------
    path : Path
        The folder.
    dataset : str or None
        Image or array inside it, where it holds several.

    Raises
    ------
    InputError
        If it is damaged or incomplete, holds several images and none is named, or is no
        image or stack of grey levels.
    """
    import zarr

    folder = path if dataset is None else path / _inside(path, dataset)
    node = _node(path, folder)
    attributes = dict(node.attrs)
    ours = attributes.get("napari_battery")
    ours = ours if isinstance(ours, dict) else {}
    if ours.get("complete") is False:
        raise InputError(f"{path} is incomplete: writing it was interrupted. Write it again.")
    image: dict[str, Any] | None = None
    if isinstance(node, zarr.Array):
        array, location = node, folder
    else:
        described = attributes.get("ome", attributes)
        images = described.get("multiscales") if isinstance(described, dict) else None
        if not images:
            return open_zarr(path, _only_child(path, folder, node, dataset))
        image = images[0]
        inside = _inside(path, image["datasets"][0]["path"])
        array, location = _array(path, node, inside), folder / inside

    shape = tuple(array.shape)
    check_dtype(path, array.dtype)
    letters = axis_letters(path, image, len(shape))
    kept = spatial_axes(path, shape, letters, keep_z=True)
    note = _check_chunks(path, location, array, surely=bool(ours.get("complete")))
    voxel_size, source, origin = place(image, kept)
    volume = Volume(
        data=_lazy(path, location, array, kept),
        voxel_size_um=voxel_size,
        origin_um=origin,
        name=path.name,
        voxel_size_source=source,
        path=path,
        metadata={
            "format": _format_name(array, attributes, image),
            "compression": _compression(array),
            **({"notes": [note]} if note else {}),
            **({"dataset": dataset} if dataset else {}),
        },
    )
    return with_header(volume, ours if ours.get("format") == FORMAT else None)


def _inside(path: Path, name: str) -> str:
    """A path inside the folder; one that leads out of it is refused."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name:
        raise InputError(f"{path} refers to “{name}” outside of itself; that is not opened.")
    return name


def _node(path: Path, folder: Path) -> Any:
    import zarr

    if not folder.is_dir():
        raise InputError(f"{path} has no image or array “{folder.relative_to(path)}”.")
    try:
        return zarr.open(folder, mode="r")
    except OSError:
        raise
    except Exception as error:  # zarr raises whatever its parsing ran into
        raise InputError(f"{path} is no Zarr, or its metadata is damaged: {error}.") from error


def _array(path: Path, group: Any, name: str) -> Any:
    import zarr

    try:
        array = group[name]
    except Exception as error:
        raise InputError(
            f"{path} is incomplete: its metadata names the array “{name}”, which is missing. "
            "Copy or export it again."
        ) from error
    if not isinstance(array, zarr.Array):
        raise InputError(f"{path}: “{name}” is a group, not an array.")
    return array


def _only_child(path: Path, folder: Path, group: Any, dataset: str | None) -> str:
    """The one image or array in a group without an image of its own."""
    import zarr

    found = []
    for name, child in group.members():
        described = dict(child.attrs).get("ome", dict(child.attrs))
        if isinstance(child, zarr.Array) or "multiscales" in described:
            found.append(name if dataset is None else f"{dataset}/{name}")
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"{folder} holds no image.")
    listed = ", ".join(f"“{name}”" for name in sorted(found)[:8])
    raise InputError(
        f"{folder} holds {len(found)} images: {listed}. Say which one is to be opened."
    )


def _lazy(path: Path, location: Path, array: Any, kept: tuple[int, ...]) -> LazyArray:
    n_axes = array.ndim

    def key_of(window: Window) -> tuple[slice | int, ...]:
        key: list[slice | int] = [0] * n_axes
        for axis, bounds in zip(kept, window, strict=True):
            key[axis] = bounds
        return tuple(key)

    def read(window: Window) -> NDArray[Any]:
        try:
            return np.asarray(array[key_of(window)])
        except Exception as error:  # codecs raise whatever they like
            name = _broken_chunk(array, location, key_of(window))
            raise InputError(
                f"{path} is damaged: {name} cannot be read ({error}). Copy or export it again."
            ) from error

    return LazyArray(
        tuple(array.shape[i] for i in kept),
        array.dtype,
        read,
        tuple(array.chunks[i] for i in kept),
    )


def _stored_shape(array: Any) -> tuple[int, ...]:
    """Shape of what one file holds: a shard where there are shards, else a chunk."""
    return tuple(array.shards or array.chunks)


def _chunk_file(array: Any, location: Path, corner: tuple[int, ...]) -> Path:
    return location / str(array.metadata.encode_chunk_key(corner))


def _broken_chunk(array: Any, location: Path, key: tuple[slice | int, ...]) -> str:
    """Name of the first chunk under the key that cannot be read."""
    sides = _stored_shape(array)
    ranges = [
        range(k.start // side, -(-k.stop // side)) if isinstance(k, slice) else range(1)
        for k, side in zip(key, sides, strict=True)
    ]
    for corner in product(*ranges):
        window = tuple(slice(c * s, (c + 1) * s) for c, s in zip(corner, sides, strict=True))
        try:
            array[window]
        except Exception:  # the same errors as in reading
            return f"chunk {_chunk_file(array, location, corner).relative_to(location)}"
    return "a chunk"


def _check_chunks(path: Path, location: Path, array: Any, *, surely: bool) -> str | None:
    """Refuse an array with lost chunks; a note where chunks are absent but empty."""
    sides = _stored_shape(array)
    grid = [range(-(-n // side)) for n, side in zip(array.shape, sides, strict=True)]
    corners = list(product(*grid))
    absent = {c for c in corners if not _chunk_file(array, location, c).exists()}
    if not absent:
        return None
    example = _chunk_file(array, location, min(absent)).relative_to(location)
    lost = (
        f"{path} is incomplete: {len(absent)} of its {len(corners)} chunks are missing, such as "
        f"{example}. Copy or export it again."
    )
    if surely or len(absent) == len(corners):
        raise InputError(lost)
    seams = list(_seams(absent, grid, array.shape, sides))
    for window in seams[:: -(-len(seams) // _MOST_SEAMS)]:
        face = np.asarray(array[window])
        fill = array.fill_value
        filled = np.isnan(face) if fill != fill else face == fill
        if 1 - filled.mean() > _RUNS_ON:
            raise InputError(lost)
    return (
        f"{len(absent)} of {len(corners)} chunks are not stored; they are taken as empty "
        f"({array.fill_value}), since the chunks beside them end empty too."
    )


def _seams(
    absent: set[tuple[int, ...]],
    grid: list[range],
    shape: tuple[int, ...],
    sides: tuple[int, ...],
) -> Iterator[tuple[slice, ...]]:
    """One-voxel layers of stored chunks that touch an absent one."""
    for corner in sorted(absent):
        for axis, step in product(range(len(shape)), (-1, 1)):
            at = corner[axis] + step
            beside = (*corner[:axis], at, *corner[axis + 1 :])
            if at not in grid[axis] or beside in absent:
                continue
            window = [
                slice(c * s, min((c + 1) * s, n))
                for c, s, n in zip(beside, sides, shape, strict=True)
            ]
            layer = window[axis].stop - 1 if step < 0 else window[axis].start
            window[axis] = slice(layer, layer + 1)
            yield tuple(window)


def _format_name(array: Any, attributes: dict[str, Any], image: dict[str, Any] | None) -> str:
    if image is None:
        return f"Zarr (format {array.metadata.zarr_format})"
    described = attributes.get("ome", image)
    return f"OME-Zarr {described.get('version', '')}".strip()


def _compression(array: Any) -> str:
    names = [_codec_name(c) for c in array.compressors]
    return ", ".join(names) or "none"


def _codec_name(codec: Any) -> str:
    name = getattr(codec, "codec_id", None) or type(codec).__name__.removesuffix("Codec").lower()
    inner = getattr(codec, "cname", None)
    inner = getattr(inner, "value", inner)
    return f"{name} {inner}" if inner else str(name)
