"""How a result was made: what every layer's metadata and every file beside it says."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from napari_battery import __version__
from napari_battery.files import fingerprint
from napari_battery.settings import Settings
from napari_battery.volume import Volume

__all__ = ["describe_input", "provenance"]


def describe_input(volume: Volume) -> dict[str, Any]:
    """Name, file, fingerprint, grid, region and earlier history of one input."""
    exists = volume.path is not None and volume.path.exists()
    return {
        "name": volume.name,
        "path": None if volume.path is None else str(volume.path),
        "fingerprint": fingerprint(volume.path) if exists and volume.path else None,
        "shape": list(volume.shape),
        "dtype": str(volume.dtype),
        "voxel_size_um": None if volume.voxel_size_um is None else list(volume.voxel_size_um),
        "voxel_size_source": volume.voxel_size_source,
        "synthetic": bool(volume.metadata.get("synthetic", False)),
        "region": None if volume.region is None else volume.metadata.get("region_made") or "given",
        "made": volume.metadata.get("made"),
    }


def provenance(
    step: str, settings: Settings | None, inputs: Iterable[Volume], notes: Iterable[str] = ()
) -> dict[str, Any]:
    """Everything needed to make a result again.

    Parameters
    ----------
    step : str
        Name of the step, as on the command line ("label", "radial").
    settings : Settings, optional
        The settings it ran with.
    inputs : iterable of Volume
        What it read.
    notes : iterable of str
        What the person should know about this run (resampled inputs, left-out voxels).

    Returns
    -------
    dict
        Fit for JSON.
    """
    return {
        "program": "napari-battery",
        "version": __version__,
        "python": platform.python_version(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "step": step,
        "settings": None if settings is None else settings.model_dump(mode="json"),
        "inputs": [describe_input(volume) for volume in inputs],
        "notes": list(notes),
    }
