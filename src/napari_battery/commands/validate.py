"""``napari-battery validate``."""

from __future__ import annotations

import argparse
import math
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
from napari_battery.validation.settings import ValidationSettings

if TYPE_CHECKING:
    from napari_battery.validation.validate import Validation

__all__ = ["add"]

_MARK = "validation.csv"
_FILES = (
    _MARK, "validation_regions.csv", "provenance.json",
    "errors.png", "errors.csv", "errors.png.provenance.json",
)  # fmt: skip


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "say for which metrics of the microstructure a super-resolution model holds"
    parser = new_step(steps, "validate", _run, text)
    parser.add_argument("low", metavar="LOW", type=Path)
    parser.add_argument("high", metavar="HIGH", type=Path)
    parser.add_argument(
        "--model",
        metavar="MODEL",
        action="append",
        default=[],
        help="name of a model, or its .safetensors file; once for each. Cubic interpolation and "
        "the low scan itself are always measured",
    )
    parser.add_argument(
        "--region",
        metavar="Z0:Z1,Y0:Y1,X0:X1",
        action="append",
        default=[],
        help="where to compare, in voxels of HIGH; may be given several times (default: all that "
        "both scans show)",
    )
    parser.add_argument(
        "--transform",
        metavar="FILE",
        type=Path,
        help="what “register” found between the two, in either direction; without it the files' "
        "own positions count",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        help="phases of HIGH, on its grid: they are the truth in place of HIGH's thresholds",
    )
    parser.add_argument(
        "--codes",
        metavar="PHASES",
        help="which code of --labels means which phase, as pore=0,active=1,binder=2",
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="folder for tables, figure, provenance"
    )
    parser.add_argument(
        "--card", action="store_true", help="write the verdicts into the cards of the models, too"
    )
    parser.add_argument(
        "--sample", metavar="NAME", help="what the cards call this sample (default: HIGH's name)"
    )
    add_reading(parser)
    add_settings(parser, ValidationSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.files import check_replaceable
    from napari_battery.microstructure.phases import parse_codes
    from napari_battery.registration.transform_files import read_transform
    from napari_battery.superres.judge_regions import parse_region
    from napari_battery.superres.model_files import read_model
    from napari_battery.validation.validate import validate

    settings = settings_from(options, ValidationSettings)
    boxes = [parse_region(text) for text in options.region]
    if options.output is not None:
        given = (options.low, options.high, options.transform, options.labels)
        check_target(options.output, *filter(None, given))
        check_replaceable(options.output, _FILES, _MARK)
    if options.card and not options.model:
        raise InputError("--card writes into the cards of models: name one with --model.")
    if options.codes is not None and options.labels is None:
        raise InputError("--codes are those of --labels: give that, too.")
    models = [read_model(name) for name in options.model]
    low, high = read(options.low, options), read(options.high, options)
    found = validate(
        low,
        high,
        models,
        settings,
        progress,
        transform=None if options.transform is None else read_transform(options.transform),
        boxes=boxes,
        segmentation=None if options.labels is None else read(options.labels, options),
        codes=None if options.codes is None else parse_codes(options.codes),
    )
    files = [] if options.output is None else _write(options.output, found)
    cards = _write_cards(options.model, options.sample or high.name, found) if options.card else []
    return {
        **(_said(found) if options.json else found.verdicts),
        "n_regions": int(found.regions["region"].nunique()),
        "thresholds_grey": found.made["thresholds_grey"],
        "output": None if options.output is None else str(options.output),
        "files": files,
        "cards": cards,
        "notes": unused_sizes(options, low, high) + found.notes,
    }


def _said(found: Validation) -> dict[str, Any]:
    rows = [
        {name: _fit(value) for name, value in row.items()} for row in found.table.to_dict("records")
    ]
    return {"verdicts": found.verdicts, "table": rows, "truth": found.made["truth"]}


def _fit(value: Any) -> Any:
    """Fit for JSON: what is not finite is None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(folder: Path, found: Validation) -> list[str]:
    """Tables and figure; all or nothing."""
    from napari_battery.files import atomic_path, write_json
    from napari_battery.plots import save_plot, validation_plot
    from napari_battery.tables import write_table

    with atomic_path(folder) as temporary:
        temporary.mkdir()
        write_table(temporary / _MARK, found.table)
        write_table(temporary / "validation_regions.csv", found.regions)
        note = "synthetic" if any(i["synthetic"] for i in found.made["inputs"]) else ""
        if found.table["relative_error"].map(math.isfinite).any():
            plot = validation_plot(found.table, found.titles, note=note)
            save_plot(plot, temporary / "errors.png", found.made)
        write_json(temporary / "provenance.json", found.made)
        return sorted(path.name for path in temporary.iterdir())


def _write_cards(models: list[str], sample: str, found: Validation) -> list[str]:
    from napari_battery.superres.model_files import find_model, read_card, write_card
    from napari_battery.validation.cards import validated_card

    paths = [find_model(name) for name in models]
    for path in paths:
        write_card(path, validated_card(read_card(path), sample, found))
    return [str(path) for path in paths]
