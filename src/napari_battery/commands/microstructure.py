"""``napari-battery microstructure``."""

from __future__ import annotations

import argparse
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
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from napari_battery.microstructure.measure import Microstructure
    from napari_battery.microstructure.sample import Sample
    from napari_battery.volume import Volume

__all__ = ["add"]

_MARK = "microstructure.csv"


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "porosity, tortuosity, sizes, surfaces of segmented volumes, with error bars"
    parser = new_step(steps, "microstructure", _run, text)
    parser.add_argument(
        "segmented",
        metavar="SEGMENTED",
        type=Path,
        nargs="*",
        help="segmented volumes, labels, or with --threshold grey images; several are compared",
    )
    parser.add_argument("-o", "--output", metavar="DIR", type=Path)
    parser.add_argument(
        "--phases",
        metavar="CODES",
        help="which code means which phase, as pore=0,active=1,binder=2; files of the phases "
        "step say it themselves",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="labels of the active particles; once for each volume, in their order",
    )
    parser.add_argument(
        "--labelled",
        action="store_true",
        help="SEGMENTED are labels themselves: active where there is one, pore elsewhere",
    )
    parser.add_argument(
        "--threshold",
        metavar="GREY",
        help="SEGMENTED are grey images: part them at these levels, dark to bright, with commas; "
        "or a method that finds them in each image: otsu, li, yen, triangle, minimum",
    )
    parser.add_argument(
        "--names",
        metavar="PHASES",
        help="phases that --threshold parts, dark to bright (default: pore,active or "
        "pore,binder,active)",
    )
    parser.add_argument(
        "--region",
        metavar="Z0:Z1,Y0:Y1,X0:X1",
        help="measure this box only, in voxels, the last ones left out; of every volume",
    )
    parser.add_argument(
        "--image",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="grey images whose distributions are compared, the first being the reference",
    )
    parser.add_argument(
        "--expansion",
        action="store_true",
        help="how much the active material expanded from the first volume to each other one",
    )
    parser.add_argument(
        "--list-metrics", action="store_true", help="say what can be measured, and nothing else"
    )
    add_reading(parser)
    add_settings(parser, MicrostructureSettings)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.microstructure.measure import measure_microstructure

    if options.list_metrics:
        return _listed(options.json)
    settings = settings_from(options, MicrostructureSettings)
    _check(options)
    volumes = [_cut(read(path, options), options) for path in options.segmented]
    samples = [_sample(volume, options) for volume in volumes]
    samples = _labelled(samples, options)
    images = [_cut(read(path, options), options) for path in options.image]
    greys = _greys(samples, images, progress)
    result = measure_microstructure(samples, settings, progress)
    notes = unused_sizes(options, *volumes, *images) + result.notes
    expansions, more = _expansions(samples, options)
    table = _with(result.table, expansions)
    files = _write(
        options.output, result, table, expansions, greys, settings, volumes, notes + more
    )
    return {
        "folder": str(options.output),
        "files": files,
        "volumes": [sample.name for sample in samples],
        "voxel_size_um": volumes[0].voxel_size_um,
        "voxel_size_assumed": any(volume.is_assumed for volume in volumes),
        **(_values(table) if options.json else _in_words(table, result.titles)),
        "notes": notes + more,
    }


def _check(options: argparse.Namespace) -> None:
    """Refuse what does not go together before anything is read."""
    if not options.segmented:
        raise InputError("Name at least one segmented volume (or --list-metrics).")
    if options.output is None:
        raise InputError("Name the folder for the results: -o DIR.")
    kinds = [
        name
        for name, given in (
            ("--phases", options.phases),
            ("--labelled", options.labelled),
            ("--threshold", options.threshold),
        )
        if given
    ]
    if len(kinds) > 1:
        raise InputError(f"{' and '.join(kinds)} do not go together: a volume is one of them.")
    if options.names and not options.threshold:
        raise InputError("--names are of the phases that --threshold parts: give that, too.")
    if options.labels and len(options.labels) != len(options.segmented):
        raise InputError(
            f"{len(options.segmented)} volumes, but {len(options.labels)} --labels: give one for "
            "each, in their order."
        )
    if options.expansion and len(options.segmented) < 2:
        raise InputError("--expansion compares states: name the pristine volume and a later one.")
    check_target(options.output, *options.segmented, *options.labels, *options.image)
    if options.output.exists():
        _check_folder(options.output)


def _check_folder(folder: Path) -> None:
    """Replace nothing but what an earlier run wrote."""
    from napari_battery.files import check_replaceable

    names = {_MARK, "provenance.json", "regions.csv", "representative.csv", "thresholds.csv"}
    names |= {"expanded_particles.csv", "grey_shifts.csv"}
    if folder.is_dir():
        # every figure stands with its data and its provenance
        figures = [path.stem for path in folder.glob("*.png")]
        names |= {f"{f}{end}" for f in figures for end in (".png", ".csv", ".png.provenance.json")}
    check_replaceable(folder, names, _MARK)


def _cut(volume: Volume, options: argparse.Namespace) -> Volume:
    """The volume with the box of ``--region`` as its region."""
    from dataclasses import replace

    from napari_battery.regions import box_region
    from napari_battery.superres.judge_regions import parse_region

    if options.region is None:
        return volume
    box = [(span.start, span.stop) for span in parse_region(options.region)]
    wide = [(a, b, n) for (a, b), n in zip(box, volume.shape, strict=False) if b > n]
    if wide:
        raise InputError(
            f"--region {options.region} reaches beyond “{volume.name}” ({volume.shape} voxels)."
        )
    return replace(volume, region=box_region(volume, box).data)


def _sample(volume: Volume, options: argparse.Namespace) -> Sample:
    from napari_battery.microstructure.phases import parse_codes
    from napari_battery.microstructure.sample import grey_sample, labels_sample, phases_sample

    if options.threshold:
        cuts = _cuts(volume, options)
        return grey_sample(volume, cuts, options.names.split(",") if options.names else ())
    if options.labelled or (volume.metadata.get("kind") == "labels" and not options.phases):
        return labels_sample(volume)
    return phases_sample(volume, parse_codes(options.phases) if options.phases else None)


def _cuts(volume: Volume, options: argparse.Namespace) -> list[float]:
    """Grey levels to part at: those given, or what a method finds in this image."""
    from typing import get_args

    import numpy as np

    from napari_battery.labelling.thresholds import Method, threshold_levels

    text = options.threshold.strip()
    if text in get_args(Method):
        classes = len(options.names.split(",")) if options.names else 2
        # levels are the darker side's; a sample's threshold is the brighter side's
        return [float(np.nextafter(c, np.inf)) for c in threshold_levels(volume, text, classes)]
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--threshold {text} is neither a number, nor several with commas, nor one of "
            f"{', '.join(get_args(Method))}."
        ) from None


def _labelled(samples: list[Sample], options: argparse.Namespace) -> list[Sample]:
    from napari_battery.microstructure.sample import with_labels

    pairs = zip(samples, options.labels, strict=False)
    return [with_labels(s, _cut(read(path, options), options)) for s, path in pairs] or samples


def _greys(
    samples: list[Sample], images: list[Volume], progress: Progress
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Distributions of the images given; of grey samples themselves otherwise."""
    from napari_battery.microstructure.greys import grey_distributions

    given = images or [s.origin for s in samples if s.grey is not None and s.origin is not None]
    return grey_distributions(given, progress) if given else None


def _expansions(
    samples: list[Sample], options: argparse.Namespace
) -> tuple[list[tuple[pd.DataFrame, pd.DataFrame]], list[str]]:
    from napari_battery.microstructure.expansion import expansion

    if not options.expansion:
        return [], []
    found = [expansion(samples[0], later) for later in samples[1:]]
    notes = [note for one in found for note in one.notes]
    return [
        (one.table, one.particles.assign(states=f"{samples[0].name} → {later.name}"))
        for one, later in zip(found, samples[1:], strict=True)
    ], notes


def _with(table: pd.DataFrame, expansions: list[tuple[pd.DataFrame, pd.DataFrame]]) -> pd.DataFrame:
    import pandas as pd

    if not expansions:
        return table
    return pd.concat([table, *(one for one, _ in expansions)], ignore_index=True)


def _write(
    folder: Path,
    result: Microstructure,
    table: pd.DataFrame,
    expansions: list[tuple[pd.DataFrame, pd.DataFrame]],
    greys: tuple[pd.DataFrame, pd.DataFrame] | None,
    settings: MicrostructureSettings,
    volumes: list[Volume],
    notes: list[str],
) -> list[str]:
    """Tables, figures and provenance; all or nothing."""
    import pandas as pd

    from napari_battery.files import atomic_path, write_json
    from napari_battery.plots.microstructure import microstructure_figures
    from napari_battery.plots.microstructure_expansion import expansion_plot
    from napari_battery.plots.saving import save_plot
    from napari_battery.provenance import provenance
    from napari_battery.tables import write_table

    made = provenance("microstructure", settings, volumes, notes)
    figures = microstructure_figures(
        result.table, result.curves, result.representative, result.thresholds, result.titles,
        greys, groups=result.groups, wanted=settings.wanted_relative_sd, note=_mark(volumes),
    )  # fmt: skip
    tables = {
        _MARK: table,
        "regions.csv": result.regions,
        "representative.csv": result.representative,
        "thresholds.csv": result.thresholds,
        **{f"{name}.csv": curve for name, curve in result.curves.items()},
    }
    if greys is not None:
        tables["grey_shifts.csv"] = greys[1]
    particles = pd.concat([one for _, one in expansions] or [pd.DataFrame()], ignore_index=True)
    if len(particles):
        tables["expanded_particles.csv"] = particles
        if not particles["touches_border"].all():
            figures["expansion"] = expansion_plot(particles, note=_mark(volumes))
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for name, plot in figures.items():
            save_plot(plot, temporary / f"{name}.png", made)
        for name, data in tables.items():  # after the figures: whole tables, not what is drawn
            if len(data):
                write_table(temporary / name, data)
        write_json(temporary / "provenance.json", made)
        return sorted(path.name for path in temporary.iterdir())


def _mark(volumes: list[Volume]) -> str:
    """What every figure must say of its volumes."""
    synthetic = any(volume.metadata.get("synthetic") for volume in volumes)
    assumed = any(volume.is_assumed for volume in volumes)
    return "; ".join(
        word for word, holds in (("synthetic", synthetic), ("voxel size assumed", assumed)) if holds
    )


def _values(table: pd.DataFrame) -> dict[str, Any]:
    """Every row; what is no number or infinite has no place in JSON and is a word."""
    rows = []
    for row in table.to_dict("records"):
        rows.append({str(key): _plain(value) for key, value in row.items()})
    return {"microstructure": rows}


def _plain(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    number = float(value)
    if number != number:
        return None
    if abs(number) == float("inf"):
        return "infinite"
    return int(number) if number.is_integer() and not isinstance(value, float) else number


def _in_words(table: pd.DataFrame, titles: dict[str, str]) -> dict[str, str]:
    """A line per number: the whole volume's value, and its error bars."""
    lines: dict[str, str] = {}
    keys = ["volume", "metric", "phase", "axis"]
    for key, rows in table.groupby(keys, sort=False):
        volume, metric, *where = map(str, key)
        parts = {str(row["region"]): row for row in rows.to_dict("records")}
        whole = parts.get("whole")
        if whole is None:
            continue
        unit = f" {whole['unit']}" if whole["unit"] else ""
        text = f"{whole['value']:.5g}{unit}"
        if (mean := parts.get("sub-regions")) is not None:
            text += f"; sub-regions {mean['value']:.4g} ± {mean['sd']:.2g}"
        if (moved := parts.get("threshold ± δ")) is not None:
            text += f"; threshold ± δ {moved['ci_low']:.4g} … {moved['ci_high']:.4g}"
        name = titles.get(metric, metric).split(" (")[0]
        lines[" ".join(filter(None, (volume, name, *where)))] = text
    return lines


def _listed(as_json: bool) -> dict[str, Any]:
    from napari_battery.microstructure.metrics import METRICS

    if as_json:
        return {
            "metrics": [
                {
                    "name": m.name, "title": m.title, "needs": m.needs, "per_axis": m.per_axis,
                    "heavy": m.heavy,
                    "gives": {name: q._asdict() for name, q in m.gives.items()},
                }
                for m in METRICS.values()
            ]
        }  # fmt: skip
    said = {}
    for metric in METRICS.values():
        said[metric.name] = f"{metric.title} (needs {metric.needs})"
        for name, quantity in metric.gives.items():
            unit = f" [{quantity.unit}]" if quantity.unit else ""
            said[f"  {name}"] = f"{quantity.title}{unit}: {quantity.definition}"
    return said
