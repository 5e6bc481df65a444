"""Opening a dataset of an HDF5 or NeXus file without loading it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.io.lazy import LazyArray, Window
from napari_battery.io.problems import check_dtype, check_shape, plain_words
from napari_battery.units import to_um
from napari_battery.volume import Volume

__all__ = ["datasets", "open_hdf5"]


def datasets(path: Path) -> list[tuple[str, tuple[int, ...], np.dtype[Any]]]:
    """Name, shape and type of every numeric dataset that is an image or a stack."""
    import h5py

    found: list[tuple[str, tuple[int, ...], np.dtype[Any]]] = []

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "biuf":
            return
        if len(_kept(item.shape)) in (2, 3) and item.size:
            found.append((name, tuple(item.shape), item.dtype))

    with _opened(path) as file:
        file.visititems(visit)
    return found


def open_hdf5(path: Path, dataset: str | None) -> Volume:
    """Open one dataset; it need not be named where the file holds only one.

    Parameters
    ----------
    path : Path
        The file.
    dataset : str or None
        Path inside the file ("entry/data/data").

    Raises
    ------
    InputError
        If the file is damaged, the dataset is missing, incomplete or no image or stack,
        or there are several and none is named.
    """
    name = _pick(path, datasets(path), dataset)
    with _opened(path) as file:
        item = file.get(name)
        if item is None or not hasattr(item, "shape"):
            raise InputError(f"{path} has no dataset “{name}”; it has {_names(datasets(path))}.")
        shape, dtype = tuple(item.shape), item.dtype
        check_shape(path, shape)
        check_dtype(path, dtype)
        kept = _kept(shape)
        if len(kept) not in (2, 3):
            raise InputError(
                f"The dataset “{name}” of {path} has {len(shape)} axes (shape {shape}); "
                "an image of 2 or a stack of 3 axes is needed."
            )
        _check_complete(path, name, item)
        size, source = _voxel_size(file, item, kept)
        compression = item.compression or "none"
        chunks = tuple(item.chunks[i] for i in kept) if item.chunks else None

    def read(window: Window) -> NDArray[Any]:
        key: list[slice | int] = [0] * len(shape)
        for axis, bounds in zip(kept, window, strict=True):
            key[axis] = bounds
        # opened anew each time: an open handle would lock the file for other programs
        with plain_words(path), _opened(path) as file:
            try:
                return np.asarray(file[name][tuple(key)])
            except OSError as error:
                raise InputError(
                    f"{path} is damaged: slices {window[0].start} to {window[0].stop - 1} of "
                    f"“{name}” cannot be read ({error}). Copy or export it again."
                ) from error

    return Volume(
        data=LazyArray(tuple(shape[i] for i in kept), dtype, read, chunks),
        voxel_size_um=size,
        name=path.stem,
        voxel_size_source=source,
        path=path,
        metadata={"format": "HDF5", "compression": compression, "dataset": name},
    )


def _opened(path: Path) -> Any:
    import h5py

    try:
        return h5py.File(path, "r")
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        if "truncated" in str(error):
            raise InputError(f"{path} is incomplete ({error}). Copy or export it again.") from error
        raise InputError(f"{path} cannot be opened as HDF5: {error}.") from error


def _kept(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes that stay: leading ones of length one are dropped down to three axes."""
    first = 0
    while len(shape) - first > 3 and shape[first] == 1:
        first += 1
    return tuple(range(first, len(shape)))


def _names(found: list[tuple[str, tuple[int, ...], np.dtype[Any]]]) -> str:
    listed = [f"“{n}” ({' × '.join(map(str, s))} {d})" for n, s, d in found[:8]]
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return (", ".join(listed) or "none that is an image or a stack") + more


def _pick(
    path: Path,
    found: list[tuple[str, tuple[int, ...], np.dtype[Any]]],
    dataset: str | None,
) -> str:
    if dataset is not None:
        return dataset
    if len(found) == 1:
        return found[0][0]
    if not found:
        raise InputError(f"{path} holds no dataset that is an image or a stack of numbers.")
    raise InputError(
        f"{path} holds {len(found)} datasets: {_names(found)}. "
        "Say which one is to be opened (--dataset on the command line)."
    )


def _check_complete(path: Path, name: str, item: Any) -> None:
    """Refuse what HDF5 would hand out as fill values: parts that were never written."""
    if item.is_virtual:
        for source in item.virtual_sources():
            beside = path.parent / source.file_name
            if source.file_name != "." and not beside.exists():
                raise InputError(
                    f"“{name}” of {path} is put together from other files, and {beside} is "
                    "missing. Put it back in its place."
                )
        return
    if item.external:
        return
    stored = 1 if item.id.get_storage_size() else 0
    expected = 1
    if item.chunks is not None:
        stored = item.id.get_num_chunks()
        expected = math.prod(-(-n // c) for n, c in zip(item.shape, item.chunks, strict=True))
    if stored < expected:
        raise InputError(
            f"“{name}” of {path} is incomplete: {expected - stored} of its {expected} blocks "
            "were never written. Export it again."
        )


def _voxel_size(
    file: Any, item: Any, kept: tuple[int, ...]
) -> tuple[tuple[float, ...] | None, str]:
    """From ``element_size_um`` (z, y, x; Fiji's and ilastik's) or from NeXus axes."""
    element = item.attrs.get("element_size_um")
    if element is not None:
        values = [float(v) for v in np.ravel(element)]
        if len(values) >= len(kept) and all(math.isfinite(v) and v > 0 for v in values):
            return tuple(values[-len(kept) :]), "HDF5 element_size_um"
    return _nexus_voxel_size(item, kept)


def _nexus_voxel_size(item: Any, kept: tuple[int, ...]) -> tuple[tuple[float, ...] | None, str]:
    """From the evenly spaced coordinates that an NXdata group gives for each axis."""
    unknown = (None, "unknown")
    group = item.parent
    axes = group.attrs.get("axes")
    if axes is None or isinstance(axes, str | bytes) or len(axes) != len(item.shape):
        return unknown
    sizes = []
    for axis in kept:
        name = axes[axis].decode() if isinstance(axes[axis], bytes) else str(axes[axis])
        place = group.get(name)
        if place is None or place.shape != (item.shape[axis],) or place.shape[0] < 2:
            return unknown
        unit = place.attrs.get("units", "")
        um = to_um(1.0, unit.decode() if isinstance(unit, bytes) else str(unit))
        steps = np.diff(np.asarray(place, dtype=float))
        step = float(abs(steps.mean()))
        # coordinates are often kept in 32 bits, hence the thousandth
        if um is None or not step or np.abs(np.abs(steps) - step).max() > 1e-3 * step:
            return unknown
        sizes.append(step * um)
    return tuple(sizes), "NeXus axes"
