"""Plain words for what goes wrong with files, and checks that all formats share."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_battery.errors import InputError

__all__ = ["check_dtype", "check_shape", "human_size", "plain_words", "spatial_axes"]


@contextmanager
def plain_words(path: Path, doing: str = "read") -> Iterator[None]:
    """Turn the operating system's errors into an `InputError` that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        missing = Path(error.filename) if error.filename else path
        raise InputError(f"There is no file or folder {missing}.") from error
    except PermissionError as error:
        raise InputError(
            f"No permission to {doing} {path}: ask its owner, or copy it to a folder of yours."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"The disk is full: {path} was not written, and what stood there before "
                "is untouched. Make room or choose another disk."
            ) from error
        raise InputError(f"Cannot {doing} {path}: {error}.") from error


def human_size(n_bytes: float) -> str:
    """A number of bytes for people: "186 bytes", "20.0 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{int(n_bytes)} bytes"


def check_shape(path: Path, shape: tuple[int, ...]) -> None:
    """Refuse arrays without a single voxel."""
    if math.prod(shape) == 0:
        raise InputError(f"{path} holds no voxels (shape {tuple(shape)}).")


def check_dtype(path: Path, dtype: Any) -> None:
    """Refuse types that are no grey levels or labels (complex, text, records)."""
    if np.dtype(dtype).kind not in "biuf":
        raise InputError(
            f"{path} holds values of type {dtype}; whole or decimal numbers are needed."
        )


def spatial_axes(
    path: Path, shape: tuple[int, ...], axes: str, *, keep_z: bool = False
) -> tuple[int, ...]:
    """Positions of the axes that stay when axes of length one are dropped.

    Parameters
    ----------
    path : Path
        For the message.
    shape : tuple of int
        Of the array in the file.
    axes : str
        One letter per axis: z, y, x, t(ime), c(hannel), s(amples of a colour);
        anything else is a plain stack axis.
    keep_z : bool
        Whether a z axis of length one stays.

    Returns
    -------
    tuple of int
        Two or three positions, in order.

    Raises
    ------
    InputError
        For colour, several channels, a time series, or too many axes.
    """
    axes = axes.lower()
    check_shape(path, shape)
    if "s" in axes and shape[axes.index("s")] > 1:
        raise InputError(
            f"{path} is a colour (RGB) image of shape {shape}; save it as grey levels first "
            "(in Fiji: Image ▸ Type ▸ 8-bit)."
        )
    if "c" in axes and shape[axes.index("c")] > 1:
        raise InputError(
            f"{path} holds {shape[axes.index('c')]} channels (shape {shape}); save the one to "
            "be analysed as a file of its own (in Fiji: Image ▸ Color ▸ Split Channels), or, if "
            "these are slices, say so in the file (Image ▸ Properties)."
        )
    if "t" in axes and shape[axes.index("t")] > 1:
        raise InputError(
            f"{path} is a time series of {shape[axes.index('t')]} images (shape {shape}); save "
            "each time as a file of its own. If these are slices, say so in the file (in Fiji: "
            "Image ▸ Properties, slices instead of frames)."
        )
    keep = [i for i, a in enumerate(axes) if a in "yx" or (shape[i] > 1 and a not in "tcs")]
    if len(keep) == 2 and keep_z and "z" in axes:
        keep = sorted({*keep, axes.index("z")})
    if len(keep) not in (2, 3):
        raise InputError(
            f"{path} has {len(shape)} axes (shape {shape}); an image of 2 or a stack of 3 axes "
            "is needed."
        )
    return tuple(keep)
