"""Labels that cannot be changed where they are (in a file), and a copy of them in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import Progress
from napari_battery.widgets.layers import add_volume, volume_from_layer
from napari_battery.widgets.session import Session

__all__ = ["copy_to_memory", "use_copy", "why_not_changed"]

_BLOCK_BYTES = 64 * 2**20


def why_not_changed(layer: Any) -> str:
    """Why labels cannot be corrected where they are, in a sentence; "" where they can.

    A file is never written into, so labels mapped from one count as in the file.
    """
    if getattr(layer, "multiscale", False):
        return f"“{layer.name}” is a pyramid of several resolutions."
    data = layer.data
    if not isinstance(data, np.ndarray):
        return f"“{layer.name}” is read from its file piece by piece."
    owner: Any = data
    while owner is not None:
        if isinstance(owner, np.memmap):
            return f"“{layer.name}” lies in a file, which is never changed."
        owner = getattr(owner, "base", None)
    return "" if data.flags.writeable else f"“{layer.name}” is read-only."


def copy_to_memory(layer_data: Any, name: str, progress: Progress) -> NDArray[Any]:
    """Labels as a plain array in memory, read in blocks.

    Raises
    ------
    InputError
        If there is not enough memory.
    Cancelled
        If the person stopped it.
    """
    import psutil

    shape, dtype = tuple(layer_data.shape), np.dtype(layer_data.dtype)
    need, free = int(np.prod(shape)) * dtype.itemsize, psutil.virtual_memory().available
    if need > free:
        raise InputError(
            f"“{name}” needs {need / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free. "
            "Crop it first, in Prepare stack."
        )
    copy = np.empty(shape, dtype.newbyteorder("="))
    step = max(1, _BLOCK_BYTES // max(1, need // max(1, shape[0])))
    starts = range(0, shape[0], step)
    progress.begin(len(starts), f"Copying {name}")
    for start in starts:
        copy[start : start + step] = np.asarray(layer_data[start : start + step])
        progress.advance()
    return copy


def use_copy(session: Session, layer: Any, copy: NDArray[Any]) -> Any:
    """Put a copy in the place of a layer's data; beside it where that is a pyramid.

    Returns
    -------
    Labels
        The layer that has the copy now. Tables of the same layer go on fitting it.
    """
    if not layer.multiscale:
        session.history(layer).replace_data(copy)
        return layer
    whole = volume_from_layer(layer)
    named = whole.like(copy, f"{layer.name} (in memory)", metadata=whole.metadata)
    layer.visible = False
    return add_volume(session.viewer, named, labels=True)
