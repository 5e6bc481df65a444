"""``napari-battery evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
from napari_battery.superres.judge_settings import JudgeSettings

if TYPE_CHECKING:
    from napari_battery.superres.judge import Judgement

__all__ = ["add"]

_MARK = "quality.csv"
_TABLES = (_MARK, "regions.csv", "histograms.csv")


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "judge super-resolution models on a pair of scans that they have not seen"
    parser = new_step(steps, "evaluate", _run, text)
    parser.add_argument("low", metavar="LOW", type=Path)
    parser.add_argument("high", metavar="HIGH", type=Path)
    parser.add_argument(
        "--model",
        metavar="MODEL",
        action="append",
        default=[],
        help="name of a model, or its .safetensors file; once for each. Cubic interpolation, "
        "with and without a grey match, is always judged",
    )
    parser.add_argument(
        "--region",
        metavar="Z0:Z1,Y0:Y1,X0:X1",
        action="append",
        default=[],
        help="where to judge, in voxels of HIGH; may be given several times (default: all that "
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
        help="labels in which cracks carry the value --crack: cracks found and invented are "
        "counted, too",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        type=Path,
        help="folder for the tables (CSV), the figures and the provenance",
    )
    parser.add_argument(
        "--predictions",
        action="store_true",
        help="write every method's prediction to the folder, too (TIFF, grey levels of HIGH)",
    )
    add_reading(parser)
    add_settings(parser, JudgeSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.files import check_replaceable
    from napari_battery.registration.transform_files import read_transform
    from napari_battery.superres.judge import judge
    from napari_battery.superres.judge_regions import parse_region
    from napari_battery.superres.model_files import read_model

    settings = settings_from(options, JudgeSettings)
    boxes = [parse_region(text) for text in options.region]
    if options.output is None and options.predictions:
        raise InputError("--predictions go to a folder: give -o, too.")
    if options.output is not None:
        given = (options.low, options.high, options.transform, options.labels)
        check_target(options.output, *filter(None, given))
    models = [read_model(name) for name in options.model]
    if options.output is not None:
        names = [model.card.name for model in models]
        check_replaceable(options.output, _files(names), _MARK)
    low, high = read(options.low, options), read(options.high, options)
    judged = judge(
        low,
        high,
        models,
        settings,
        progress,
        transform=None if options.transform is None else read_transform(options.transform),
        boxes=boxes,
        labels=None if options.labels is None else read(options.labels, options),
        keep=options.predictions,
    )
    files = [] if options.output is None else _write(options.output, judged, progress)
    said = _said(judged)
    if not options.json:
        told = {k: v for k, v in said.items() if k != "methods" and v is not None}
        said = {**_in_words(judged), **told}
    return {
        **said,
        "output": None if options.output is None else str(options.output),
        "files": files,
        "notes": unused_sizes(options, low, high) + judged.notes,
    }


def _said(judged: Judgement) -> dict[str, Any]:
    from napari_battery.superres.judge_table import quality_by_method

    made = judged.made
    return {
        "methods": quality_by_method(judged.quality),
        "n_regions": int(judged.regions["region"].nunique()),
        "residual_shift_voxels": judged.residual_voxels,
        "data_range_grey": made["data_range_grey"],
        "ssim": made["ssim"],
        "grey_lines": judged.lines,
        "crack_threshold_grey": made["crack_threshold_grey"],
        "models": made["models"],
    }


def _in_words(judged: Judgement) -> dict[str, str]:
    """A line per method."""
    from napari_battery.tables import column_title

    lines: dict[str, str] = {}
    for method, rows in judged.quality.groupby("method", sort=False):
        words = []
        for row in rows.to_dict("records"):
            title, gain = column_title(row["metric"]), row["difference"]
            gained = f" ({gain:+.3g})" if np.isfinite(gain) else ""
            words.append(f"{title} {row['value']:.4g} ± {row['sd']:.2g}{gained}")
        lines[str(method)] = ", ".join(words)
    return lines


def _files(methods: list[str]) -> list[str]:
    """Everything that a run may write."""
    from napari_battery.superres.judge_table import CUBIC, MATCHED

    figures = [
        f"{stem}{end}"
        for stem in ("quality", "histograms")
        for end in (".png", ".png.provenance.json")
    ]
    volumes = [_file(method) for method in (CUBIC, MATCHED, *methods)]
    beside = [f"{name}.provenance.json" for name in volumes]
    return [*_TABLES, *figures, "provenance.json", *volumes, *beside]


def _file(method: str) -> str:
    return f"{method.replace(' + ', '-').replace(' ', '-')}.tif"


def _write(folder: Path, judged: Judgement, progress: Progress) -> list[str]:
    """Tables, figures and predictions; all or nothing."""
    from napari_battery.files import atomic_path, write_json
    from napari_battery.io.write import write_volume
    from napari_battery.plots import grey_histograms, quality_plot, save_plot
    from napari_battery.tables import write_table

    with atomic_path(folder) as temporary:
        temporary.mkdir()
        note = "synthetic" if any(i["synthetic"] for i in judged.made["inputs"]) else ""
        for name, plot in (
            ("histograms", grey_histograms(judged.histograms, note=note)),
            ("quality", quality_plot(judged.quality, note=note)),
        ):
            save_plot(plot, temporary / f"{name}.png", judged.made)
        # the whole tables, where a figure shows a part
        write_table(temporary / _MARK, judged.quality)
        write_table(temporary / "regions.csv", judged.regions)
        write_table(temporary / "histograms.csv", judged.histograms)
        write_json(temporary / "provenance.json", judged.made)
        for method, volume in judged.predictions.items():
            write_volume(temporary / _file(method), volume, judged.made, progress)
        return sorted(path.name for path in temporary.iterdir())
