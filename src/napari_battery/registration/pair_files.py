"""A pair of scans in a folder: both images, and how well they agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_battery.errors import InputError
from napari_battery.files import atomic_path, check_replaceable, write_json
from napari_battery.io.read import read_volume
from napari_battery.io.write import write_volume
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.registration.pairs import AlignedPair

__all__ = ["FORMAT", "read_pair", "write_pair"]

FORMAT = "napari-battery-pair/1"
_LOW, _HIGH, _FIGURES = "low.tif", "high.tif", "pair.json"
_BESIDE = [f"{name}.provenance.json" for name in (_LOW, _HIGH)]


def write_pair(folder: Path, pair: AlignedPair, progress: Progress = SILENT) -> AlignedPair:
    """Write ``low.tif``, ``high.tif`` and ``pair.json``, all or nothing.

    Parameters
    ----------
    folder : Path
        Made; an earlier pair in it is replaced, anything else is not.
    pair : AlignedPair
    progress : Progress
        Advanced per slab.

    Returns
    -------
    AlignedPair
        Over the written files.

    Raises
    ------
    InputError
        If the folder holds other files, or cannot be written to.
    """
    check_replaceable(folder, [_LOW, _HIGH, _FIGURES, *_BESIDE], _FIGURES)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        made = provenance("pair", None, [pair.low, pair.high], pair.notes)
        made["pair"] = pair.provenance
        for name, volume in ((_LOW, pair.low), (_HIGH, pair.high)):
            write_volume(temporary / name, volume, made, progress)
        write_json(temporary / _FIGURES, _figures(pair))
    return read_pair(folder)


def read_pair(folder: Path) -> AlignedPair:
    """Read a pair that was written here; its images are read as they are asked for.

    Raises
    ------
    InputError
        If the folder holds no pair, or one that another program or version wrote.
    """
    path = folder / _FIGURES
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder} holds no pair ({_FIGURES} is missing): name the folder that "
            "“napari-battery pair” wrote."
        ) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"Cannot read {path}: {error}") from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise InputError(f"{path} is not in the format {FORMAT}; write the pair again.")
    low, high = (read_volume(folder / name) for name in (_LOW, _HIGH))
    try:
        return AlignedPair(
            low,
            high,
            tuple(float(v) for v in told["residual_shift_um"]),
            list(told["residuals"]),
            float(told["correlation"]),
            [str(note) for note in told["notes"]],
            dict(told["provenance"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} lacks or garbles {error}; write the pair again.") from None


def _figures(pair: AlignedPair) -> dict[str, Any]:
    blocks = pair.block_residual_voxels
    return {
        "format": FORMAT,
        "ratios": list(pair.ratios),
        "correlation": pair.correlation,
        "residual_shift_um": list(pair.residual_shift_um),
        "residual_voxels": pair.residual_voxels,
        "block_residual_voxels": None if blocks is None else list(blocks),
        "residuals": pair.residuals,
        "notes": pair.notes,
        "provenance": pair.provenance,
    }
