"""How a result was made: what every layer's metadata and every file beside it says."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
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


def describe_part(volume: Volume, box: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Describe what a box of a volume was cut from: the file, and the box in its voxels.

    Parameters
    ----------
    volume : Volume
        Of one that was cropped, or cut to what a pair has in common, the history is followed
        back to the scan that was read.
    box : sequence of pairs
        First voxel and one past the last, per axis.

    Returns
    -------
    dict
        As `describe_input`, with ``box``.
    """
    told = {**describe_input(volume), "box": [list(ends) for ends in box]}
    while told["fingerprint"] is None and isinstance(made := told.get("made"), dict):
        cut = _cut_from(made, told["shape"])
        if cut is None:
            break
        starts = [first for first, _ in cut["box"]]
        moved = zip(starts, told["box"], strict=True)
        told = {**cut, "box": [[at + a, at + b] for at, (a, b) in moved]}
    return told


def _cut_from(made: dict[str, Any], shape: Sequence[int]) -> dict[str, Any] | None:
    """The input that something of this shape is a box of, with the box."""
    sources = []
    if made.get("step") == "crop" and made.get("inputs"):
        sources = [{**made["inputs"][0], "box": made.get("box")}]
    elif made.get("step") == "pair":  # of the two scans cut together, the one of this shape
        sources = list((made.get("pair") or {}).values())
    for source in sources:
        box = source.get("box") if isinstance(source, dict) else None
        if box and "fingerprint" in source and [b - a for a, b in box] == list(shape):
            return dict(source)
    return None


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
