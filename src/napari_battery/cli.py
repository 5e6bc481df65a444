"""``napari-battery …``: every step of the project without a window."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from napari_battery import __version__
from napari_battery.commands import (
    bpx,
    demo,
    evaluate,
    filter,
    info,
    inside,
    label,
    map,
    microstructure,
    models,
    pair,
    phases,
    propagate,
    radial,
    register,
    regress,
    states,
    super_resolve,
    train,
    validate,
)
from napari_battery.errors import InputError
from napari_battery.progress import Cancelled
from napari_battery.terminal import terminal_progress

__all__ = ["main"]

_STEPS = (
    info,
    filter,
    register,
    super_resolve,
    evaluate,
    validate,
    pair,
    train,
    models,
    phases,
    label,
    propagate,
    radial,
    inside,
    states,
    map,
    microstructure,
    regress,
    bpx,
    demo,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 done, 1 the input or the settings are at fault (one line on stderr), 2 wrong usage,
    130 cancelled.
    """
    options = _parser().parse_args(arguments)
    try:
        with terminal_progress(quiet=options.json) as progress:
            said = options.run(options, progress)
    except (Cancelled, KeyboardInterrupt):
        print("napari-battery: cancelled; nothing was written.", file=sys.stderr)
        return 130
    except (InputError, OSError, MemoryError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        print(f"napari-battery: {text}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(said, ensure_ascii=False, default=str))
    else:
        _print(said)
    return 0


def _print(said: dict[str, Any]) -> None:
    """Print an answer for people: a line per value, and per note."""
    for name, value in said.items():
        title = name.removesuffix("_um").replace("_", " ")
        title += " (µm)" if name.endswith("_um") else ""
        if isinstance(value, list | tuple) and name != "notes":
            value = ", ".join(_word(v) for v in value)
        elif isinstance(value, dict):
            value = _word(value)
        for line in value if name == "notes" else [value]:
            print(f"{title}: {'unknown' if line is None else line}")


def _word(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_word(v) for v in value)}]"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value if isinstance(value, str) else f"{value:g}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="napari-battery",
        description="X-ray tomograms of battery electrodes: particles, radial grey levels, maps.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    steps = parser.add_subparsers(title="steps", metavar="STEP", required=True)
    for step in _STEPS:
        step.add(steps)
    return parser


if __name__ == "__main__":
    sys.exit(main())
