"""``napari-battery demo``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari_battery.commands.common import check_target, new_step
from napari_battery.files import check_replaceable
from napari_battery.progress import Progress

__all__ = ["add"]


def add(steps: Any) -> None:
    """Add the step to the command line."""
    parser = new_step(steps, "demo", _run, "do the whole job on the sample data")
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help="write tables, figures and a report there instead of opening a window",
    )


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.demo import DEMO_FILES, has_display, write_demo

    if options.output is None and has_display():
        from napari_battery.widgets.demo import show_demo

        show_demo(progress)
        return {}
    folder = Path("demo-output") if options.output is None else options.output
    check_target(folder)
    check_replaceable(folder, DEMO_FILES, "report.html")
    return write_demo(folder, progress)
