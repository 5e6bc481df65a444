"""``napari-battery phases``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_battery.commands.common import (
    add_reading,
    check_target,
    check_volume_target,
    new_step,
    read,
    unused_sizes,
)
from napari_battery.errors import InputError
from napari_battery.labelling.classifier_settings import ClassifierSettings
from napari_battery.labelling.phases_settings import PhaseSettings
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress

if TYPE_CHECKING:
    from napari_battery.labelling.classifier import PixelClassifier
    from napari_battery.volume import Volume

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    parser = new_step(
        steps, "phases", _run, "part an image into phases: pore, active material, binder"
    )
    parser.add_argument("image", metavar="IMAGE", type=Path)
    parser.add_argument("-o", "--output", metavar="PHASES", type=Path, required=True)
    add_reading(parser)
    group = parser.add_argument_group("classifier")
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        "--classifier", metavar="FILE", type=Path, help="part the image by this trained classifier"
    )
    either.add_argument(
        "--train",
        metavar="SCRIBBLES",
        type=Path,
        help="train one on IMAGE first: an image of its shape, n on examples of phase n "
        "(1 pore, 2 active, 3 binder), 0 elsewhere",
    )
    group.add_argument(
        "--save-classifier", metavar="FILE", type=Path, help="keep it in this .safetensors file"
    )
    group.add_argument(
        "--classifier-settings",
        metavar="FILE",
        type=Path,
        help="YAML file of settings to train with",
    )
    add_settings(parser, PhaseSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.labelling.phases import segment_phases

    settings = _settings(options)
    inputs = [p for p in (options.image, options.classifier, options.train) if p is not None]
    check_volume_target(options.output, *inputs)
    image = read(options.image, options)
    classifier = _classifier(options, image, progress)
    phases = segment_phases(image, settings, progress, options.output, classifier=classifier)
    said = {
        "phases": str(options.output),
        "codes": phases.metadata["phases"],
        "fractions": _fractions(phases, image),
        "thresholds": phases.metadata["thresholds"],
        "voxel_size_um": phases.voxel_size_um,
        "voxel_size_source": phases.voxel_size_source,
        "notes": unused_sizes(options, image) + phases.metadata["made"]["notes"],
    }
    if classifier is not None:
        said["out_of_bag_accuracy"] = classifier.accuracy
    if options.save_classifier is not None:
        said["classifier"] = str(options.save_classifier)
    return said


def _settings(options: argparse.Namespace) -> PhaseSettings:
    settings = settings_from(options, PhaseSettings)
    trained = options.classifier is not None or options.train is not None
    if trained and getattr(options, "method", "classifier") != "classifier":
        raise InputError(
            f"--method {options.method} does not go with a classifier: leave one of them out."
        )
    for name in ("save_classifier", "classifier_settings"):
        if getattr(options, name) is not None and options.train is None:
            raise InputError(f"--{name.replace('_', '-')} is about --train: give that, too.")
    return settings.model_copy(update={"method": "classifier"}) if trained else settings


def _classifier(
    options: argparse.Namespace, image: Volume, progress: Progress
) -> PixelClassifier | None:
    from napari_battery.labelling.classifier import train_classifier
    from napari_battery.labelling.classifier_file import load_classifier, save_classifier

    if options.classifier is not None:
        return load_classifier(options.classifier)
    if options.train is None:
        return None
    if options.save_classifier is not None:
        check_target(options.save_classifier, options.image, options.train)
    given = argparse.Namespace(settings=options.classifier_settings)
    settings = settings_from(given, ClassifierSettings)
    scribbles = read(options.train, options)
    classifier = train_classifier(image, scribbles.data, settings, progress)
    if options.save_classifier is not None:
        save_classifier(options.save_classifier, classifier)
    return classifier


def _fractions(phases: Volume, image: Volume) -> dict[str, float]:
    """Share of each phase in the voxels that are in one, slice by slice."""
    import numpy as np

    codes: dict[str, int] = phases.metadata["phases"]
    counts = np.zeros(256, np.int64)
    for k in range(phases.shape[0]):
        plane = np.asarray(phases.data[k])
        if image.dtype.kind == "f":
            plane = plane[np.isfinite(np.asarray(image.data[k]))]
        counts += np.bincount(plane.ravel(), minlength=256)
    total = max(int(counts.sum()), 1)
    return {name: int(counts[code]) / total for name, code in codes.items()}
