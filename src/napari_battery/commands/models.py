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


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.errors import InputError
    from napari_battery.superres.model_files import list_models, own_models_folder

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
