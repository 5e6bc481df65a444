"""The card of a model that has just been trained."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from napari_battery import __version__
from napari_battery.superres.card import Card, Made, Range, TrainingData
from napari_battery.superres.input_statistics import input_ranges
from napari_battery.superres.losses import psnr
from napari_battery.superres.model_files import Model
from napari_battery.superres.networks import parameters
from napari_battery.superres.networks.interface import Network
from napari_battery.superres.train_settings import TrainSettings
from napari_battery.superres.training_image import TrainingImage

__all__ = ["training_card", "training_data"]

_LIMITS = (
    "Made to be trusted only on scans like those it was trained on (see input): a network adds "
    "detail that is likely, not detail that was measured. Check porosity, sizes and cracks "
    "against a high-resolution scan before they are published."
)


def training_card(
    network: Network,
    train: Sequence[TrainingImage],
    validation: Sequence[TrainingImage],
    settings: TrainSettings,
    precision: str,
    history: pd.DataFrame,
    without_model: dict[str, float],
    start: Model | None = None,
) -> Card:
    """What is known of a model after its training; `write_model` names it.

    Parameters
    ----------
    history : DataFrame
        ``tables.TRAINING``; its best round becomes the metrics "validation".
    without_model : dict
        The same figures of the interpolated low-resolution images; "validation, no model".
    start : Model, optional
        What it was trained further from: its data are this model's, too.
    """
    train, validation = (list(dict.fromkeys(part)) for part in (train, validation))
    images = [*train, *validation]
    name = network.name if start is None else start.card.name
    about = {} if start is None else {"title": f"{start.card.title or name}, trained further"}
    parts: list[tuple[Sequence[TrainingImage], Literal["training", "validation"]]] = [
        (train, "training"),
        (validation, "validation"),
    ]
    data = [entry for part, use in parts for image in part for entry in training_data(image, use)]
    earlier = () if start is None else start.card.training
    licences = {entry.licence for entry in (*data, *earlier) if entry.licence}
    metrics = {}
    if len(history):
        none = {**without_model, "psnr": psnr(without_model["mse"])}
        metrics = {"validation": _best(history, settings), "validation, no model": none}
    return Card(
        name=name,
        **about,
        network=network.name,
        options=dict(network.options),
        slices=network.slices,
        halo_px=network.halo,
        multiple=network.multiple,
        parameters=parameters(network),
        low_voxel_size_um=_span(v for image in images for v in image.low_voxel_size_um),
        high_voxel_size_um=_span(v for image in images for v in image.high_voxel_size_um),
        ratio=_span(image.ratio for image in images),
        input=input_ranges(images),
        training=tuple(dict.fromkeys([*earlier, *data])),
        degradation=_degradation(images),
        settings=settings.model_dump(mode="json"),
        precision=precision,
        metrics=metrics,
        licence="; ".join(sorted(licences)),
        limits=_LIMITS,
        made=Made(
            version=__version__,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        ),
    )


def training_data(
    image: TrainingImage, used_for: Literal["training", "validation"]
) -> Iterator[TrainingData]:
    """The files that an image came from, each with the voxels used of it."""
    told = image.provenance
    for scan in ("high", "low"):
        source = told.get(scan)
        if not source:
            continue
        yield TrainingData(
            name=Path(source["path"]).name if source.get("path") else str(source.get("name", scan)),
            sha256=source.get("fingerprint") or "",
            licence=str(told.get("licence") or ""),
            synthetic=bool(told.get("synthetic", False)),
            box=source.get("box"),
            used_for=used_for,
            note=_note(told, scan),
        )


def _note(told: dict[str, Any], scan: str) -> str:
    if scan == "high" and told.get("low_made_up"):
        return "Its low-resolution scan is made up by degradation."
    return str(told.get("note", ""))


def _degradation(images: Sequence[TrainingImage]) -> dict[str, Any]:
    """Ranges over the images: of the blur and noise drawn, or fitted to a pair."""
    ranges: dict[str, list[float]] = {}
    for image in images:
        drawn = image.provenance.get("drawn") or image.provenance.get("fit") or {}
        for key in ("psf", "noise"):
            if isinstance(drawn.get(key), int | float):
                ranges.setdefault(key, []).append(float(drawn[key]))
    result: dict[str, Any] = {}
    for key, values in ranges.items():
        result[f"{key}_smallest"], result[f"{key}_largest"] = min(values), max(values)
    asked = [image.provenance.get("degradation") for image in images]
    settings = [one for k, one in enumerate(asked) if one and one not in asked[:k]]
    if settings:
        result["made_up"] = settings
    return result


def _best(history: pd.DataFrame, settings: TrainSettings) -> dict[str, float]:
    column = f"validation_{'mae' if settings.loss == 'l1' else 'mse'}"
    rows = history.to_dict("records")
    best = min(rows, key=lambda row: row[column])
    return {
        str(name).removeprefix("validation_"): float(value)
        for name, value in best.items()
        if str(name).startswith("validation_")
    }


def _span(values: Any) -> Range | None:
    numbers = [float(v) for v in values]
    return (min(numbers), max(numbers)) if numbers else None
