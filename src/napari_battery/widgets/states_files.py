"""The list of states as a file: opened as layers, saved with whatever has no file of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari.viewer import ViewerModel

from napari_battery.progress import Progress
from napari_battery.states.manifest import State, read_manifest, state_problems, write_manifest
from napari_battery.volume import Volume
from napari_battery.widgets.layers import add_volume, battery_metadata

__all__ = ["Opened", "add_states", "open_states", "remember_file", "save_states"]

_PLACES = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True, eq=False)
class Opened:
    """States of a manifest with their volumes, in order; what is missing is None."""

    states: list[State]
    images: list[Volume | None]
    labels: dict[Path, Volume]
    notes: list[str]
    window: tuple[float, float] | None
    """Grey levels that all images are shown between, so that the eye can compare them."""


def open_states(path: Path, progress: Progress) -> Opened:
    """Open the stacks of a manifest lazily; those that are not there are told of.

    Raises
    ------
    InputError
        If the manifest or a stack cannot be read.
    """
    from napari_battery.io import read_volume
    from napari_battery.widgets.grey_sample import sample_grey

    states = read_manifest(path)
    files = {state.labels for state in states if state.labels is not None}
    progress.begin(len(states) + len(files) + 1, "Opening states")
    images: list[Volume | None] = []
    for state in states:
        image = None
        if state.image is not None and state.image.exists():
            image = read_volume(state.image)
            image.metadata.update(
                state=state.name,
                direction=state.direction,
                voltage_V=state.voltage_v,
                time_h=state.time_h,
                capacity_mAh=state.capacity_mah,
            )
            image = replace(image, name=_title(state, image))
        images.append(image)
        progress.advance()
    labels = {}
    for file in sorted(files):
        if file.exists():
            labels[file] = read_volume(file)
        progress.advance()
    first = next((image for image in images if image is not None), None)
    window = None
    if first is not None:
        sample = sample_grey(first)
        window = sample.percentile(0.5), max(sample.percentile(99.5), sample.percentile(0.5) + 1e-9)
    progress.advance()
    return Opened(states, images, labels, state_problems(states), window)


def add_states(viewer: ViewerModel, opened: Opened) -> tuple[list[Any], list[Any]]:
    """Add the opened stacks as layers, the first state's shown.

    Returns
    -------
    images, labels : list of layer or None
        Per state; labels that serve several states are one layer.
    """
    images: list[Any] = []
    for image in opened.images:
        if image is None:
            images.append(None)
            continue
        # limits are given so that napari does not read the stack to find some
        more: dict[str, Any] = {} if opened.window is None else {"contrast_limits": opened.window}
        images.append(add_volume(viewer, image, visible=not any(images), **more))
    layers = {
        file: add_volume(viewer, volume, labels=True, visible=False)
        for file, volume in opened.labels.items()
    }
    own = [None if s.labels is None else layers.get(s.labels) for s in opened.states]
    return images, own


def save_states(
    path: Path, states: Sequence[State], images: Sequence[Volume], labels: Sequence[Volume | None],
    progress: Progress,
) -> list[State]:  # fmt: skip
    """Write a manifest, and beside it as TIFF whatever stands in no file yet.

    Parameters
    ----------
    path : Path
        The CSV file.
    states : sequence of State
        In order.
    images, labels : sequence of Volume
        Of each state; labels may be missing.
    progress : Progress
        Advanced per block written.

    Returns
    -------
    list of State
        As written, with all files.
    """
    from napari_battery.io import write_volume
    from napari_battery.provenance import provenance

    files: dict[int, Path] = {}

    def file_of(given: Path | None, volume: Volume | None, name: str) -> Path | None:
        if volume is None or (given is not None and given.exists()):
            return given if volume is not None else None
        if id(volume.data) not in files:
            target = _free(path.with_name(f"{_PLACES.sub('-', name).strip('-')}.tif"), files)
            made = volume.metadata.get("made") or provenance("save", None, [volume])
            write_volume(target, volume, made, progress)
            files[id(volume.data)] = target
        return files[id(volume.data)]

    written = []
    for number, (state, image, own) in enumerate(zip(states, images, labels, strict=True)):
        named = f"{number + 1}-{state.name}"
        grey = file_of(state.image, image, named)
        marks = file_of(state.labels, own, f"{named}-labels")
        written.append(replace(state, image=grey, labels=marks))
    write_manifest(path, written)
    return written


def remember_file(layer: Any, file: Path | None) -> None:
    """Let a layer know the file that it stands in now."""
    if file is not None:
        battery_metadata(layer)["path"] = str(file)


def _free(target: Path, files: dict[int, Path]) -> Path:
    """A name that neither this saving nor an earlier file has."""
    number, stem = 2, target.stem
    while target in files.values() or target.exists():
        target = target.with_name(f"{stem}-{number}.tif")
        number += 1
    return target


def _title(state: State, image: Volume) -> str:
    name = image.name
    return name if state.name.casefold() in name.casefold() else f"{state.name} {name}"
