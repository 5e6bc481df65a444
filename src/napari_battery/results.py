"""A folder that keeps a sitting: layers (or links to their files), tables and settings.

```
results.json          what is here, and how it was made
layers/NAME.tif       layers that stand in no file of their own
analyses/1/…          particles.csv, layers.csv, shells.csv, provenance.json
```
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_battery import __version__
from napari_battery.errors import InputError
from napari_battery.files import atomic_path, check_replaceable, fingerprint, write_json
from napari_battery.progress import SILENT, Progress
from napari_battery.radial import RadialResult, RadialSettings
from napari_battery.tables import read_table, write_table
from napari_battery.volume import Volume

__all__ = ["FORMAT", "SavedAnalysis", "SavedLayer", "Sitting", "open_results", "save_results"]

FORMAT = "napari-battery-results/1"


@dataclass(frozen=True, eq=False)
class SavedLayer:
    """A layer of a sitting.

    Parameters
    ----------
    volume : Volume
        Its data and place.
    kind : str
        "image" or "labels".
    in_file : bool
        Whether ``volume.path`` holds just these data, so that a link is enough.
    display : dict
        How it was shown (``visible``, ``opacity``, ``colormap``, ``contrast_limits``).
    """

    volume: Volume
    kind: str
    in_file: bool = False
    display: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SavedAnalysis:
    """A radial analysis of a sitting; `labels` and `image` count its layers from 0."""

    name: str
    result: RadialResult
    labels: int | None = None
    image: int | None = None
    state: str = ""
    stale: str = ""
    exclude_layers: int = 5


@dataclass(frozen=True, eq=False)
class Sitting:
    """Everything of one sitting.

    Parameters
    ----------
    layers : list of SavedLayer or None
        None where a layer's file is gone; `notes` says which.
    analyses : list of SavedAnalysis
        Tables.
    maps : list of dict
        What each map showed (column, colours, range), as the window describes it.
    notes : list of str
        What could not be brought back as it was.
    landmarks : list of dict
        Pairs of images (``fixed`` and ``moving`` count the layers from 0) and the places
        marked in both, as the window describes them.
    """

    layers: Sequence[SavedLayer | None]
    analyses: Sequence[SavedAnalysis]
    maps: Sequence[dict[str, Any]] = ()
    notes: Sequence[str] = ()
    landmarks: Sequence[dict[str, Any]] = ()


def save_results(
    folder: str | os.PathLike[str], sitting: Sitting, progress: Progress = SILENT
) -> None:
    """Write a sitting to a folder, whole or not at all.

    Layers that stand in a file of their own are linked (with a fingerprint); the others are
    written as TIFF. A folder of an earlier sitting is replaced.

    Raises
    ------
    InputError
        If `folder` holds anything but earlier results, or cannot be written.
    """
    from napari_battery.io import write_volume

    folder = Path(folder).absolute()
    check_replaceable(folder, ("results.json", "layers", "analyses"), "results.json")
    with atomic_path(folder) as temporary:
        (temporary / "layers").mkdir(parents=True)
        (temporary / "analyses").mkdir()
        described: list[dict[str, Any] | None] = []
        for number, layer in enumerate(sitting.layers, 1):
            if layer is None:
                described.append(None)
                continue
            entry = _describe_layer(layer)
            path = layer.volume.path
            inside_old = path is not None and folder in path.absolute().parents
            if layer.in_file and path is not None and not inside_old:
                entry["link"] = {
                    "path": str(path.absolute()),
                    "relative": os.path.relpath(path, folder),
                    "fingerprint": fingerprint(path),
                }
            else:
                entry["file"] = f"layers/{number}-{_file_name(layer.volume.name)}.tif"
                volume = layer.volume
                write_volume(
                    temporary / entry["file"], volume, volume.metadata.get("made"), progress
                )
            if layer.volume.region is not None:
                entry["region"] = f"layers/{number}-region.tif"
                mask = layer.volume.like(np.asarray(layer.volume.region).astype(np.uint8), "region")
                write_volume(temporary / entry["region"], mask, None, progress)
            described.append(entry)
        tables = []
        for number, analysis in enumerate(sitting.analyses, 1):
            tables.append(_write_analysis(temporary, f"analyses/{number}", analysis))
        write_json(
            temporary / "results.json",
            {
                "format": FORMAT,
                "version": __version__,
                "layers": described,
                "analyses": tables,
                "maps": list(sitting.maps),
                "landmarks": list(sitting.landmarks),
            },
        )


def open_results(folder: str | os.PathLike[str], progress: Progress = SILENT) -> Sitting:
    """Read a sitting that `save_results` wrote.

    A layer whose file is gone, or cannot be read, is None; one whose file changed since is
    read, and its analyses are stale. `Sitting.notes` says so. The tables are always there.

    Raises
    ------
    InputError
        If `folder` is no results folder, or its description or a table cannot be read.
    """
    folder = Path(folder)
    index = folder / "results.json"
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{folder} is no results folder: it has no results.json.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read {index}: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{index} is not of the format {FORMAT}.")
    notes: list[str] = []
    layers: list[SavedLayer | None] = []
    changed: set[int] = set()
    progress.begin(len(content["layers"]) + len(content["analyses"]), "Opening results")
    for number, entry in enumerate(content["layers"]):
        layers.append(None if entry is None else _read_layer(folder, entry, notes))
        link, saved = (entry or {}).get("link"), layers[-1]
        path = None if saved is None else saved.volume.path
        if link and path is not None and fingerprint(path) != link["fingerprint"]:
            changed.add(number)
            notes.append(f"{path} has changed since the results were saved.")
        progress.advance()
    analyses = []
    for entry in content["analyses"]:
        analysis = _read_analysis(folder, entry)
        if {analysis.labels, analysis.image} & changed:
            analysis = replace(analysis, stale="a file has changed since the results were saved")
        analyses.append(analysis)
        progress.advance()
    landmarks = content.get("landmarks", [])  # files of the first version have none
    return Sitting(layers, analyses, content.get("maps", []), notes, landmarks)


def _describe_layer(layer: SavedLayer) -> dict[str, Any]:
    volume = layer.volume
    return {
        "name": volume.name,
        "kind": layer.kind,
        "voxel_size_um": volume.voxel_size_um,
        "voxel_size_source": volume.voxel_size_source,
        "origin_um": volume.origin_um,
        "affine": None if volume.affine is None else volume.affine.tolist(),
        "metadata": {k: v for k, v in volume.metadata.items() if _is_json(v)},
        "display": layer.display,
    }


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:60].strip("-") or "layer"


def _read_layer(folder: Path, entry: dict[str, Any], notes: list[str]) -> SavedLayer | None:
    from napari_battery.io import read_volume

    link = entry.get("link")
    candidates = (
        [_inside(folder, entry["file"])]
        if link is None
        else [folder / link["relative"], link["path"]]
    )
    path = next((Path(p) for p in candidates if Path(p).exists()), None)
    if path is None:
        notes.append(f"“{entry['name']}” is missing: {candidates[-1]} is no longer there.")
        return None
    try:
        data = read_volume(path, dataset=entry["metadata"].get("dataset"))
        region = entry.get("region")
        mask = None if region is None else read_volume(_inside(folder, region)).data
    except InputError as error:
        notes.append(f"“{entry['name']}” could not be read: {error}")
        return None
    size, affine = entry["voxel_size_um"], entry["affine"]
    volume = replace(
        data,
        name=entry["name"],
        voxel_size_um=None if size is None else tuple(size),
        voxel_size_source=entry["voxel_size_source"],
        origin_um=tuple(entry["origin_um"]),
        affine=None if affine is None else np.array(affine, dtype=np.float64),
        path=path.resolve(),
        region=None if mask is None else np.asarray(mask) > 0,
        metadata=entry["metadata"],
    )
    return SavedLayer(volume, entry["kind"], in_file=True, display=entry["display"])


def _inside(folder: Path, name: str) -> Path:
    """A file of the results folder; a name that leads out of it is refused."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"{folder / 'results.json'} names a file outside its folder: {name}.")
    return path


def _write_analysis(root: Path, place: str, analysis: SavedAnalysis) -> dict[str, Any]:
    folder = root / place
    folder.mkdir()
    result = analysis.result
    tables = {"particles": result.particles, "layers": result.layers, "shells": result.shells}
    for name, table in tables.items():
        if table is not None:
            write_table(folder / f"{name}.csv", table)
    write_json(folder / "provenance.json", result.provenance)
    return {
        "name": analysis.name,
        "folder": place,
        "labels": analysis.labels,
        "image": analysis.image,
        "state": analysis.state,
        "stale": analysis.stale,
        "exclude_layers": analysis.exclude_layers,
        "settings": result.settings.model_dump(mode="json"),
        "notes": list(result.notes),
        "voxel_size_um": result.voxel_size_um,
        "assumed_voxel_size": result.assumed_voxel_size,
    }


def _read_analysis(root: Path, entry: dict[str, Any]) -> SavedAnalysis:
    folder = _inside(root, entry["folder"])
    shells = folder / "shells.csv"
    try:
        made = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        result = RadialResult(
            particles=read_table(folder / "particles.csv"),
            layers=read_table(folder / "layers.csv"),
            shells=read_table(shells) if shells.exists() else None,
            settings=RadialSettings(**entry["settings"]),
            provenance=made,
            notes=tuple(entry["notes"]),
            voxel_size_um=tuple(entry["voxel_size_um"]),
            assumed_voxel_size=entry["assumed_voxel_size"],
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"Cannot read the tables in {folder}: {error}") from error
    return SavedAnalysis(
        name=entry["name"],
        result=result,
        labels=entry["labels"],
        image=entry["image"],
        state=entry["state"],
        stale=entry["stale"],
        exclude_layers=entry["exclude_layers"],
    )
