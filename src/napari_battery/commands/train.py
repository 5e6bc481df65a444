"""``napari-battery train``."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_battery.commands.common import (
    add_reading,
    check_target,
    new_step,
    read,
    unused_sizes,
)
from napari_battery.errors import InputError
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress
from napari_battery.superres.train_settings import TrainSettings

if TYPE_CHECKING:
    from napari_battery.superres.degradation import DegradationSettings
    from napari_battery.superres.training_image import TrainingImage

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "train a super-resolution model on pairs of scans, or on high-resolution scans alone"
    parser = new_step(steps, "train", _run, text)
    parser.add_argument(
        "pairs", metavar="PAIR", type=Path, nargs="*", help="folder that “pair” wrote"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="MODEL",
        type=Path,
        required=True,
        help="the model, NAME.safetensors; its card NAME.json is written beside it",
    )
    parser.add_argument(
        "--low", metavar="LOW", type=Path, help="low-resolution scan of the place --high shows"
    )
    parser.add_argument(
        "--high",
        metavar="HIGH",
        type=Path,
        action="append",
        default=[],
        help="high-resolution scan; without --low its low-resolution one is made up "
        "(may be given several times)",
    )
    parser.add_argument(
        "--low-voxel-size",
        metavar="UM",
        type=float,
        help="voxel size of the made-up low scans in µm; 3.108 times the high scan's by default",
    )
    parser.add_argument(
        "--degrade-like",
        metavar="PAIR",
        type=Path,
        help="make up low scans with the blur and noise of this pair",
    )
    parser.add_argument("--licence", default="", help="licence of the scans, for the card")
    parser.add_argument("--start", metavar="MODEL", help="model to train further: a file or a name")
    parser.add_argument(
        "--split-by",
        choices=("region", "group"),
        default="region",
        help="what is kept for validation: a slab of every image, or whole samples "
        "(default: region)",
    )
    parser.add_argument("--history", metavar="FILE", type=Path, help="CSV of the figures by round")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with a training that was interrupted (same images, same settings)",
    )
    add_reading(parser)
    add_settings(parser, TrainSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    settings = settings_from(options, TrainSettings)
    output: Path = options.output
    given = [*options.pairs, *options.high, *filter(None, (options.low, options.degrade_like))]
    if output.suffix != ".safetensors":
        raise InputError(f"A model file ends in .safetensors; {output.name} does not.")
    check_target(output, *given)
    if options.history is not None:
        check_target(options.history, *given, output)
    folder = output.with_suffix(".training")
    if folder.exists() and not options.resume:
        raise InputError(
            f"{folder} holds an interrupted training: give --resume to go on with it, or remove it."
        )
    if options.resume and not folder.exists():
        raise InputError(f"There is no interrupted training to resume: {folder} does not exist.")

    from napari_battery.superres.model_files import read_model, write_model
    from napari_battery.superres.train import split_for, train
    from napari_battery.tables import write_table

    start = None if options.start is None else read_model(options.start)
    images, notes = _images(options, progress)
    training, validation = split_for(images, settings, start, options.split_by)
    made = train(training, validation, settings, progress, start=start, folder=folder)
    model = write_model(output, made.model)
    if options.history is not None:
        write_table(options.history, made.history)
    notes += made.notes
    if made.stopped == "cancelled":
        notes.append(f"--resume goes on with it; {folder} holds where it stands.")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    card = model.card
    return {
        "model": str(output),
        "weights_sha256": card.weights_sha256,
        "network": card.network,
        "parameters": card.parameters,
        "stopped": made.stopped or "all rounds run",
        "rounds": len(made.history),
        "best_round": made.best_epoch,
        "validation": card.metrics.get("validation", {}),
        "validation_no_model": card.metrics.get("validation, no model", {}),
        "precision": card.precision,
        "images": [image.name for image in images],
        "history": None if options.history is None else str(options.history),
        "settings": card.settings,
        "notes": notes,
    }


def _images(
    options: argparse.Namespace, progress: Progress
) -> tuple[list[TrainingImage], list[str]]:
    """Everything to train on, and what the person should know about it."""
    from napari_battery.registration.pair_files import read_pair
    from napari_battery.registration.pairs import cut_to_overlap
    from napari_battery.superres.made_up import made_up_images
    from napari_battery.superres.pairs import pair_image

    if not options.pairs and not options.high:
        raise InputError("There is nothing to train on: give pair folders, or --high.")
    if options.low is not None and len(options.high) != 1:
        raise InputError(f"--low goes with one --high, not with {len(options.high)}.")
    pairs = [(read_pair(folder), folder.name) for folder in options.pairs]
    notes: list[str] = []
    alone = list(options.high)
    if options.low is not None:
        low, high = read(options.low, options), read(alone.pop(), options)
        notes += unused_sizes(options, low, high)
        pairs.append((cut_to_overlap(low, high, progress), low.name))
    images = []
    for pair, group in pairs:
        notes += [f"{group}: {note}" for note in pair.notes]
        images.append(pair_image(pair, progress, group=group, licence=options.licence))
    for path in alone:
        high = read(path, options)
        degradation = _degradation(options, high.voxel_size_um)
        images += made_up_images(
            high, degradation, progress, group=path.stem, licence=options.licence
        )
    return images, notes


def _degradation(
    options: argparse.Namespace, voxel_size_um: tuple[float, ...] | None
) -> DegradationSettings:
    from napari_battery.registration.pair_files import read_pair
    from napari_battery.superres.degradation import DegradationSettings
    from napari_battery.superres.fit_degradation import fit_degradation
    from napari_battery.superres.made_up import for_low_voxel_size

    settings = DegradationSettings()
    if options.degrade_like is not None:
        settings = fit_degradation(read_pair(options.degrade_like))
    if options.low_voxel_size is None:
        return settings
    if voxel_size_um is None:
        raise InputError(
            "--low-voxel-size needs the high scan's own voxel size: give it by --voxel-size."
        )
    return for_low_voxel_size(settings, options.low_voxel_size, voxel_size_um)
