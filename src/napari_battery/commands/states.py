"""``napari-battery states``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_battery.commands.common import (
    add_reading,
    check_target,
    new_step,
    read,
    unused_sizes,
)
from napari_battery.errors import InputError
from napari_battery.files import atomic_path, check_replaceable
from napari_battery.options import add_settings, settings_from
from napari_battery.progress import Progress
from napari_battery.settings import Settings
from napari_battery.states.settings import StudyRules, StudySettings, published_rules
from napari_battery.volume import Volume

if TYPE_CHECKING:
    from napari_battery.states.frames import Frames
    from napari_battery.states.manifest import State
    from napari_battery.states.noise import Background
    from napari_battery.states.study import Study
    from napari_battery.states.subsets import Subset

__all__ = ["add"]

Model = TypeVar("Model", bound=Settings)

_PRESETS = {"recommended": StudyRules, "as-published": published_rules}
_KINDS = ("png", "svg", "pdf", "none")


def add(steps: Any) -> None:
    """Add the step to the command line."""
    text = "compare the states of an electrode: ΔĪ_prist of every particle, with its errors"
    parser = new_step(steps, "states", _run, text)
    parser.add_argument(
        "manifest",
        metavar="MANIFEST",
        type=Path,
        help="CSV of the states in order: state,image,labels,direction,voltage_V,time_h,"
        "capacity_mAh; the first is the reference and needs labels, others get its labels where "
        "they have none",
    )
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, required=True)
    parser.add_argument(
        "--rules",
        metavar="PRESET|FILE",
        default="recommended",
        help="which particles count: recommended, as-published, or a YAML file of rules "
        "(default: recommended)",
    )
    parser.add_argument(
        "--without",
        metavar="RULE",
        action="append",
        default=[],
        help="switch one rule off, such as smallest; may be given again",
    )
    parser.add_argument(
        "--background",
        metavar="Z0:Z1,Y0:Y1,X0:X1",
        type=_box,
        help="empty box to measure the noise in, in voxels (default: proposed)",
    )
    parser.add_argument(
        "--repeat",
        metavar=("STATE", "STATE"),
        nargs=2,
        action="append",
        default=[],
        help="two states of the manifest that are scans of one and the same state",
    )
    parser.add_argument(
        "--compare",
        metavar=("STATE", "STATE"),
        nargs=2,
        action="append",
        default=[],
        help="also test two states against each other; may be given again",
    )
    parser.add_argument(
        "--see-change",
        metavar="GREY",
        type=float,
        help="also say how many particles would show a mean change of so many grey levels at the "
        "critical value (--n-sigma)",
    )
    parser.add_argument(
        "--by",
        metavar="COLUMN[:N]",
        type=_parts,
        action="append",
        default=[],
        help="also every number and figure for N equal parts of the particles side by side, by a "
        "column of particles_by_state.csv or by “distance” from the current collector (which "
        "--figure-settings tells); N: 4 if not given; may be given again",
    )
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        action="append",
        default=[],
        help="also every number and figure for the particles that fulfil a condition, such as "
        "“volume_um3 > 50 and sphericity > 0.9”; may be given again",
    )
    parser.add_argument(
        "--figures", choices=_KINDS, default="png", help="format of the figures (default: png)"
    )
    for name, what in (
        ("figure", "the figures"),
        ("label", "“label”, for the later states' masks"),
        ("propagate", "“propagate”"),
    ):
        parser.add_argument(
            f"--{name}-settings",
            metavar="FILE",
            type=Path,
            help=f"YAML file of the settings of {what}",
        )
    parser.add_argument(
        "--keep-labels", action="store_true", help="also write the labels carried into each state"
    )
    add_reading(parser)
    add_settings(parser, StudySettings)


def _box(text: str) -> tuple[tuple[int, int], ...]:
    parts = re.fullmatch(r"\d+:\d+(,\d+:\d+){1,2}", text)
    box = [tuple(map(int, part.split(":"))) for part in text.split(",")] if parts else []
    if not box or any(low >= high for low, high in box):
        raise argparse.ArgumentTypeError(f"{text!r} is no box such as 0:20,5:40,5:40")
    return tuple((low, high) for low, high in box)


def _parts(text: str) -> tuple[str, int]:
    column, _, n = text.rpartition(":") if ":" in text else (text, "", "4")
    if not column or not n.isdecimal() or int(n) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no column with a number of parts, 2 or more")
    return column, int(n)


def _run(options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    from napari_battery.commands.states_subsets import described, make_subsets, write_numbers
    from napari_battery.labelling import LabelSettings, PropagateSettings
    from napari_battery.plots.states_settings import StatesFigureSettings
    from napari_battery.states.frames import Frames
    from napari_battery.states.manifest import read_manifest
    from napari_battery.states.study import run_study
    from napari_battery.states.study_files import STUDY_FILES, fill_folder

    settings = settings_from(options, StudySettings)
    rules = _rules(options)
    figures = _from_file(options.figure_settings, StatesFigureSettings)
    label_settings = _from_file(options.label_settings, LabelSettings)
    propagate_settings = _from_file(options.propagate_settings, PropagateSettings)
    states = read_manifest(options.manifest)
    check_target(options.output, options.manifest)
    check_replaceable(options.output, STUDY_FILES, "provenance.json")
    unused: list[str] = []

    def opened(state: State) -> tuple[Volume, Volume | None]:
        if state.image is None:
            raise InputError(f"The state “{state.name}” has no image.")
        image = read(state.image, options)
        labels = None if state.labels is None else read(state.labels, options)
        unused.extend(unused_sizes(options, *(v for v in (image, labels) if v is not None)))
        return image, labels

    with atomic_path(options.output) as folder:
        folder.mkdir()
        kept = None
        if options.keep_labels:
            kept = folder / "labels"
            kept.mkdir()
        study = run_study(
            states,
            settings,
            rules,
            open_state=opened,
            propagate_settings=propagate_settings,
            label_settings=label_settings,
            background=_background(options),
            repeats=[(first, second) for first, second in options.repeat],
            labels_folder=kept,
            progress=progress,
        )
        more_said = {**_tests(study, options.compare), **_needed(study, options.see_change)}
        frames = Frames.of(study)
        subsets = make_subsets(frames, options.by, options.where, figures)
        if subsets:
            study.made["subsets"] = described(frames, subsets)
        files = fill_folder(folder, study)
        if subsets:
            more, said = write_numbers(
                folder, study, frames, subsets, options.compare, options.see_change
            )
            files += more
            more_said |= said if options.json else {}
        undrawn: list[str] = []
        if options.figures != "none":
            more, undrawn = _figures(folder, study, frames, subsets, figures, options, progress)
            files += more
    return {
        "folder": str(options.output),
        "files": files,
        **_numbers(study),
        **(_tables(study) if options.json else _lines(study)),
        **more_said,
        "notes": [f"something seems off: {text}" for text in study.warnings]
        + list(dict.fromkeys(unused))
        + study.notes
        + undrawn,
    }


def _figures(
    folder: Path, study: Study, frames: Frames, subsets: list[Subset], settings: Any,
    options: argparse.Namespace, progress: Progress,
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Draw and write the figures; returns the files' names, and which cannot be drawn and why."""
    from napari_battery.plots.states_figures import (
        FIGURES,
        draw_states_figure,
        save_states_figures,
    )

    wanted: list[tuple[str, str, list[Subset]]] = [(name, name, []) for name in FIGURES]
    if subsets:
        by_subset = [name for name, kind in FIGURES.items() if kind.has_subsets]
        wanted += [(f"{name}_by_subset", name, subsets) for name in by_subset]
    drawn, notes = {}, []
    progress.begin(len(wanted), "Drawing figures")
    for file, name, shown in wanted:
        try:
            drawn[file] = draw_states_figure(name, frames, shown, settings)
        except InputError as error:  # too few particles for quartiles, say: the tables stand
            notes.append(f"The figure “{file}” was not drawn: {error}")
        progress.advance()
    made = {**study.made, "figure_settings": settings.model_dump(mode="json")}
    target = folder / "figures"
    written = save_states_figures(target, drawn, made, options.figures, progress=progress)
    return [f"figures/{path.name}" for path in written if path.suffix != ".json"], notes


def _numbers(study: Study) -> dict[str, Any]:
    """The study in numbers; null where one is not known."""
    from napari_battery.states.ledger import left_out

    matched = study.settings.matching == "labels"
    gone = left_out(study.particles, matched)
    labels = study.particles["label"]
    n = int(labels.nunique()) if matched else len(labels)
    return {
        "n_particles": n,
        "n_kept": n - len(gone),
        "n_left_out_by_rule": {
            str(rule): int(count)
            for rule, count, on in zip(
                study.ledger["rule"], study.ledger["particles"], study.ledger["switched_on"],
                strict=True,
            )
            if on
        },
        "voxel_size_um": study.made["voxel_size_um"],
        "voxel_size_assumed": study.made["assumed_voxel_size"],
    }  # fmt: skip


def _tables(study: Study) -> dict[str, Any]:
    """Rows of the states, as in the files; null where a number is not known."""
    tables = {"states": study.summary, "noise": study.noise}
    rows: dict[str, Any] = {
        name: table.astype(object).where(table.notna(), None).to_dict("records")
        for name, table in tables.items()
    }
    return {**rows, "warnings": study.warnings}


def _lines(study: Study) -> dict[str, Any]:
    """A line for people per state."""
    lines = {}
    noise = study.noise.set_index("state")
    for row in study.summary.to_dict("records"):
        text = f"n {row['n']}, mean {row['mean']:.2f} ± {row['ses_mean']:.2f}"
        if row["z"] == row["z"]:
            if study.settings.matching == "labels":
                text += f", ΔĪ_prist {row['delta']:+.3f} ± {row['ses_delta']:.3f} (SES)"
            text += f", z {row['z']:.2f}"
        sigma = noise.loc[row["state"], "sigma"]
        lines[str(row["state"])] = f"{text}; noise {sigma:.2f}" if sigma == sigma else text
    return lines


def _tests(study: Study, pairs: list[list[str]]) -> dict[str, Any]:
    """The tests asked for between two states."""
    from napari_battery.states.study import compare_states

    rows = [
        {
            "first": first,
            "second": second,
            "of": what,
            **{key: None if value != value else value for key, value in vars(test).items()},
        }
        for first, second in pairs
        for what, test in compare_states(study, first, second).items()
    ]
    return {"tests": rows} if rows else {}


def _needed(study: Study, change: float | None) -> dict[str, Any]:
    """Particles that would show a change, by state: of matched ones their changes' spread."""
    from napari_battery.states.by_subset import needed_by_state

    return {} if change is None else {"particles_needed": needed_by_state(study, change)}


def _rules(options: argparse.Namespace) -> StudyRules:
    from napari_battery.states.ledger import RULES

    given: str = options.rules
    rules = _PRESETS[given]() if given in _PRESETS else _from_file(Path(given), StudyRules)
    for rule in options.without:
        if rule not in RULES:
            raise InputError(f"There is no rule “{rule}”; the rules are {', '.join(RULES)}.")
    return rules.model_copy(update=dict.fromkeys(options.without, False))


def _from_file(file: Path | None, model: type[Model]) -> Model:
    return settings_from(argparse.Namespace(settings=file), model)


def _background(options: argparse.Namespace) -> Background | None:
    from napari_battery.states.noise import Background

    return None if options.background is None else Background((options.background,))
