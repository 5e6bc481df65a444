"""Write the tables of docs/super-resolution.md on metrics: for which the shipped models hold.

The pairs are those of ``make_superres_table.py``. Models of the person's own can be validated
along: ``--model FILE``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from napari_battery.errors import InputError
from napari_battery.files import write_text
from napari_battery.progress import Progress
from napari_battery.samples import sandstone
from napari_battery.superres.judge_regions import region_words, unseen_box
from napari_battery.superres.judge_table import MATCHED
from napari_battery.superres.model_files import (
    Model,
    list_models,
    read_card,
    read_model,
    write_card,
)
from napari_battery.synthetic.scan_pair import ScanPairSettings, scan_pair
from napari_battery.terminal import terminal_progress
from napari_battery.validation.cards import validated_card
from napari_battery.validation.settings import ValidationSettings
from napari_battery.validation.validate import Validation, validate
from napari_battery.validation.verdicts import VALIDATED

PAGE = Path(__file__).with_name("super-resolution.md")
FIRST, LAST = (
    "<!-- metrics: python docs/make_validation_table.py -->",
    "<!-- end of metrics -->",
)

SEED = 31415
"""Of the synthetic electrode: another one than any that models are trained on."""
SETTINGS = ValidationSettings(precision="float32")


@dataclass(frozen=True)
class Validated:
    """One pair of scans that metrics were compared on."""

    title: str
    about: str
    sample: str
    """What the models' cards call it."""
    found: Validation


def real(models: Sequence[Model], progress: Progress) -> Validated:
    """The sandstone, where no model has seen it."""
    low, high = sandstone()
    free = unseen_box(low, high, [model.card for model in models])
    if free is None:
        raise InputError("The models were trained on all of the sandstone: nothing is left.")
    settings = SETTINGS.model_copy(update={"mend": True})
    about = (
        "Real: two separate scans of Bentheimer sandstone, 6 and 2 µm; voxels "
        f"{region_words(free)} of the fine scan, no part of any model's training. “Active” are "
        "the grains."
    )
    found = validate(low, high, models, settings, progress, boxes=[free])
    return Validated("Sandstone (real)", about, "sandstone kept out of training (real)", found)


def synthetic(models: Sequence[Model], progress: Progress) -> Validated:
    """The synthetic electrode, against what its fine scan would be without noise."""
    pair = scan_pair(ScanPairSettings(seed=SEED), progress)
    about = (
        "Synthetic: the electrode of `napari_battery.synthetic.scan_pair`, default settings, seed "
        f"{SEED}, scanned at 2.3 and 0.74 µm; compared with what the fine scan would be without "
        "noise."
    )
    found = validate(pair.low, pair.clean_high, models, SETTINGS, progress)
    sample = f"electrode, seed {SEED} (synthetic), against the noise-free truth"
    return Validated("Electrode (synthetic)", about, sample, found)


def section(one: Validated) -> str:
    """Heading, what was compared, the verdicts, and the table."""
    found, table = one.found, one.found.table
    n = found.regions["region"].nunique()
    cuts = ", ".join(f"{cut:.4g}" for cut in found.made["thresholds_grey"])
    models = list(found.verdicts)
    lines = [
        f"### {one.title}", "", f"{one.about} {n} regions, threshold {cuts}.", "",
        *(f"- `{model}`: {_held(text)}" for model, text in found.verdicts.items()), "",
        "| metric | high scan | " + " | ".join(["low scan", MATCHED, *models]) + " |",
        "|---" * (4 + len(models)) + "|",
    ]  # fmt: skip
    for key, rows in table.groupby(["metric", "phase", "axis"], sort=False):
        by_method = rows.set_index("method")
        metric, *where = map(str, key)
        name = ", ".join(filter(None, (found.titles.get(metric, metric), " ".join(where).strip())))
        unit = str(rows["unit"].iloc[0])
        high = f"{by_method['high_value'].max():.4g}{f' {unit}' if unit else ''}"
        cells = [_cell(by_method, method) for method in ("low scan", MATCHED, *models)]
        lines.append(f"| {name} | {high} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _held(sentences: str) -> str:
    """What a model holds for; what it does not is seen in the table."""
    first = sentences.split(" Not validated for ")[0].split(" No verdict on ")[0]
    return first if first.startswith("Validated") else "Validated for nothing here."


def _cell(rows: pd.DataFrame, method: str) -> str:
    """Relative error; bold where validated."""
    if method not in rows.index or not rows.loc[method, "n_regions"]:
        return ""
    row = rows.loc[method]
    if not np.isfinite(row["relative_error"]):
        return f"∞ ({row['n_infinite']} of {row['n_regions']})" if row["n_infinite"] else ""
    text = f"{row['relative_error']:.1%}"
    return f"**{text}**" if row["verdict"] == VALIDATED else text


def page_of(validated: Sequence[Validated]) -> str:
    about = (
        "Mean absolute error over regions (blocks of "
        f"{SETTINGS.region_size} voxels or a little more), as a share of the high scan's mean. "
        "Otsu's threshold of the high scan parts every method's scan into phases, all but the "
        "high one laid on its grey levels by a line of least squares. κ of the low scan is "
        "extrapolated to the fine voxel size. ∞ (n of m): in n of m regions nothing percolates in "
        "one scan but does in the other. **Bold: validated**, that is, the error's "
        f"{SETTINGS.confidence:.0%} interval ends below {SETTINGS.tolerance:.0%}, and the "
        f"interval of the error saved over “{MATCHED}” lies above 0 (studentised bootstrap over "
        f"regions, {SETTINGS.resamples:,} resamples). Among so many numbers some are validated, "
        "or missed, by chance: 2.5 % of those where a model is no better than cubic."
    )
    return "\n".join([about, "", *map(section, validated)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", action="append", default=[], help="validate this one, too")
    parser.add_argument("--only", action="store_true", help="not the shipped models")
    parser.add_argument("--cards", action="store_true", help="write into the shipped cards, too")
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    options = parser.parse_args()
    shipped = [] if options.only else [m for m in list_models() if m.shipped]
    models = [read_model(m.path) for m in shipped] + [read_model(m) for m in options.model]
    with terminal_progress(quiet=False) as progress:
        validated = [real(models, progress), synthetic(models, progress)]
    if options.cards:
        for listed in shipped:
            card = read_card(listed.path)
            for one in validated:
                card = validated_card(card, one.sample, one.found)
            write_card(listed.path, card)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(FIRST)
    after = rest.split(LAST)[1]
    write_text(options.output, f"{before}{FIRST}\n{page_of(validated)}\n{LAST}{after}")


if __name__ == "__main__":
    main()
