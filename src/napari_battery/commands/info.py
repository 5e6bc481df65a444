"""``napari-battery info``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_battery.commands.common import add_dataset, new_step
from napari_battery.progress import Progress

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    parser = new_step(steps, "info", _run, "say what a file holds")
    parser.add_argument("file", metavar="FILE", type=Path)
    add_dataset(parser)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.io import describe_file

    return describe_file(options.file, dataset=options.dataset)
