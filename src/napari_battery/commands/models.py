"""``napari-battery models``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_battery.commands.common import new_step
from napari_battery.progress import Progress

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "list the super-resolution models: shipped ones and your own"
    parser = new_step(steps, "models", _run, text)
    parser.add_argument(
        "folders", metavar="FOLDER", type=Path, nargs="*", help="further folders to look into"
    )
    foreign = parser.add_argument_group(
        "weights of another program", "plain tensors only: a file that holds more is not opened"
    )
    foreign.add_argument(
        "--import",
        dest="weights",
        metavar="FILE",
        type=Path,
        help="make a model of a .pth file, in -o or among your own models",
    )
    foreign.add_argument(
        "--network", metavar="NAME", help="which network the weights are for: its layers' names"
    )
    foreign.add_argument(
        "--option",
        dest="numbers",
        metavar="NAME=NUMBER",
        type=_number,
        action="append",
        default=[],
        help="what the network was built with, such as blocks=16; may be given more than once",
    )
    foreign.add_argument("-o", "--output", metavar="FILE", type=Path, help="NAME.safetensors")


def _number(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    try:
        return name, int(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=NUMBER") from None


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.errors import InputError
    from napari_battery.superres.model_files import list_models, own_models_folder

    if options.weights is not None:
        return _import(options)
    unused = {"--network": options.network, "--option": options.numbers, "-o": options.output}
    for name, value in unused.items():
        if value:
            raise InputError(f"{name} is about --import: give a file of weights, too.")
    for folder in options.folders:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.")
    problems: list[str] = []
    listed = list_models(options.folders, problems)
    if not options.json:
        lines = {
            model.card.name: f"{model.card.title or model.card.network}; "
            f"{model.card.parameters:,} parameters, {model.card.slices} slice(s), halo "
            f"{model.card.halo_px} px; {'shipped' if model.shipped else model.path}"
            for model in listed
        }
        return {**lines, "own_models_folder": str(own_models_folder()), "notes": problems}
    return {
        "models": [
            {
                "name": model.card.name,
                "title": model.card.title,
                "network": model.card.network,
                "parameters": model.card.parameters,
                "halo_px": model.card.halo_px,
                "slices": model.card.slices,
                "shipped": model.shipped,
                "path": str(model.path),
                "card": model.card.model_dump(mode="json"),
            }
            for model in listed
        ],
        "own_models_folder": str(own_models_folder()),
        "notes": problems,
    }


def _import(options: argparse.Namespace) -> dict[str, Any]:
    """Write weights of another program as a model with a card."""
    from napari_battery.errors import InputError
    from napari_battery.superres.model_files import own_models_folder, read_foreign, write_model
    from napari_battery.superres.networks import NETWORKS

    if options.network not in NETWORKS:
        raise InputError(
            f"Say which network {options.weights} is for: --network {'|'.join(NETWORKS)}."
        )
    model = read_foreign(options.weights, options.network, dict(options.numbers))
    path: Path = options.output or own_models_folder() / f"{options.weights.stem}.safetensors"
    if path.exists():
        raise InputError(f"{path} exists; name another file with -o.")
    if options.output is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    card = write_model(path, model).card
    return {
        "model": str(path),
        "network": card.network,
        "parameters": card.parameters,
        "slices": card.slices,
        "halo_px": card.halo_px,
        "weights_sha256": card.weights_sha256,
        "notes": [card.limits],
    }
