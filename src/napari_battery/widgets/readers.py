"""What napari calls to open and to save files; the work is done in `napari_battery.io`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_battery.errors import InputError
from napari_battery.io import list_datasets, read_volume, readable, write_volume
from napari_battery.provenance import provenance
from napari_battery.volume import Volume
from napari_battery.widgets.layers import layer_kwargs, volume_from_layer

__all__ = ["get_reader", "write_image_layer", "write_labels_layer"]

LayerData = tuple[Any, ...]
Reader = Callable[[str | Sequence[str]], list[LayerData]]

NOTHING: list[LayerData] = [(None,)]
"""napari's word for "opened, but there is no layer to add"."""
_LABEL_KINDS = ("labels", "phases", "region")
_RAW = (".raw", ".bin")
_PLACE: tuple[str, ...] = ("name", "scale", "translate", "rotate", "shear", "affine", "units")
_PLACE += ("axis_labels", "metadata", "multiscale")


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """The function that opens `path`, or None where it is not for this plugin.

    Several paths are slices of one stack, one file each.
    """
    if isinstance(path, str):
        ours = readable(path) or Path(path).suffix.lower() in _RAW
    else:
        ours = bool(path) and all(Path(p).suffix.lower() in (".tif", ".tiff", ".png") for p in path)
    return _read if ours else None


def write_image_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an Image layer to .tif or .ome.zarr; scale and units become the voxel size."""
    from napari.layers import Image

    if meta.get("rgb"):
        raise InputError(f"“{meta.get('name', 'image')}” is a colour (RGB) image; not written.")
    # limits are given so that napari does not read the image to find some
    layer = Image(data, contrast_limits=(0, 1), **_placing(meta))
    return _write(path, volume_from_layer(layer), "image")


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer to .tif or .ome.zarr; it opens as labels again."""
    from napari.layers import Labels

    return _write(path, volume_from_layer(Labels(data, **_placing(meta))), "labels")


def _placing(meta: dict[str, Any]) -> dict[str, Any]:
    return {key: meta[key] for key in _PLACE if key in meta}


def _write(path: str, volume: Volume, kind: str) -> list[str]:
    known = volume.metadata.get("kind")
    kind = known if kind == "labels" and known in _LABEL_KINDS else kind
    volume = replace(volume, metadata={**volume.metadata, "kind": kind})
    made = volume.metadata.get("made") or provenance("save", None, [volume])
    write_volume(path, volume, made)
    return [path]


def _read(path: str | Sequence[str]) -> list[LayerData]:
    if not isinstance(path, str):
        volume = _read_slices([Path(p) for p in path])
    elif Path(path).suffix.lower() in _RAW:
        if (settings := _ask_raw(Path(path))) is None:
            return NOTHING
        volume = read_volume(path, raw=settings)
    else:
        dataset = None
        if _is_hdf5(path) and (window := _window()) is not None:
            datasets = list_datasets(path)
            if len(datasets) > 1 and (dataset := _ask_dataset(path, datasets, window)) is None:
                return NOTHING
        volume = read_volume(path, dataset=dataset)  # lists the datasets if it needs one
    _tell(volume)
    return [_layer_data(volume)]


def _layer_data(volume: Volume) -> LayerData:
    is_labels = volume.metadata.get("kind") in _LABEL_KINDS and volume.dtype.kind in "biu"
    if is_labels:
        return _paintable(volume.data), layer_kwargs(volume), "labels"
    return volume.data, layer_kwargs(volume), "image"


def _paintable(data: Any) -> Any:
    """Labels that can be edited on screen; the file stays as it is until they are saved."""
    if not isinstance(data, np.memmap) or data.filename is None:
        return data
    # copy on write: only what is painted takes memory
    return np.memmap(data.filename, data.dtype, "c", data.offset, data.shape)


def _read_slices(files: list[Path]) -> Volume:
    from napari_battery.io.slices import natural_key, open_slices

    files = sorted(files, key=lambda f: natural_key(f.name))
    return open_slices(files[0].parent, files)


def _is_hdf5(path: str) -> bool:
    return Path(path).suffix.lower() in (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".nexus")


def _window() -> Any:
    """The window to ask in; None in scripts, where nobody would answer."""
    from qtpy.QtCore import QThread
    from qtpy.QtWidgets import QApplication

    app = QApplication.instance()
    if not isinstance(app, QApplication) or QThread.currentThread() != app.thread():
        return None
    return next((w for w in app.topLevelWidgets() if w.isVisible()), None)


def _ask_raw(path: Path) -> Any:
    if (window := _window()) is None:
        raise InputError(
            f"{path} is a raw file: its shape and type must be given "
            "(napari_battery.io.read_volume with RawSettings)."
        )
    from napari_battery.widgets.raw_form import ask_raw_settings

    return ask_raw_settings(path, window)


def _ask_dataset(
    path: str, datasets: list[tuple[str, tuple[int, ...], np.dtype[Any]]], window: Any
) -> str | None:
    """The dataset the person picks; None if they cancel."""
    from qtpy.QtWidgets import QInputDialog

    lines = [f"{n}   ({' × '.join(map(str, s))}, {d})" for n, s, d in datasets]
    largest = max(range(len(datasets)), key=lambda i: int(np.prod(datasets[i][1])))
    line, agreed = QInputDialog.getItem(
        window, f"Open {Path(path).name}", "Which dataset is to be opened?", lines, largest, False
    )
    return datasets[lines.index(line)][0] if agreed else None


def _tell(volume: Volume) -> None:
    """Show what the person should know about the file, where there is a window."""
    if _window() is None:
        return
    from napari.utils.notifications import show_info, show_warning

    for note in volume.metadata.get("notes", ()):
        show_warning(f"{volume.name}: {note}")
    if volume.voxel_size_um is None:
        show_info(
            f"“{volume.name}” opened in voxels: its voxel size is {volume.voxel_size_source}. "
            "Set it in Plugins ▸ Prepare stack."
        )
