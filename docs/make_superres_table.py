"""Write the tables of docs/super-resolution.md: the shipped models, judged where none learnt.

Two pairs: the part of the real sandstone that was kept out of training, and a synthetic
electrode. Models of the person's own can be judged along: ``--model FILE``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from napari_battery.errors import InputError
from napari_battery.files import write_text
from napari_battery.progress import Progress
from napari_battery.samples import sandstone
from napari_battery.superres.judge import Judgement, judge
from napari_battery.superres.judge_metrics import SSIM_SETTINGS
from napari_battery.superres.judge_regions import region_words, unseen_part
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.model_files import Model, list_models, read_model
from napari_battery.synthetic.scan_pair import ScanPairSettings, scan_pair
from napari_battery.terminal import terminal_progress

PAGE = Path(__file__).with_name("super-resolution.md")
FIRST, LAST = "<!-- tables: python docs/make_superres_table.py -->", "<!-- end of tables -->"

SEED = 31415
"""Of the synthetic electrode: another one than any that models are trained on."""
SETTINGS = JudgeSettings()

TITLES = {
    "ssim": "SSIM",
    "psnr_db": "PSNR (dB)",
    "mse": "MSE",
    "mae": "MAE",
    "crack_recall": "crack recall",
    "crack_false": "false cracks",
}


def real(models: Sequence[Model], progress: Progress) -> str:
    """The sandstone, where no model has seen it."""
    low, high = sandstone()
    free = unseen_part(high, [model.card for model in models])
    if free is None:
        raise InputError("The models were trained on all of the sandstone: nothing is left.")
    settings = SETTINGS.model_copy(update={"mend": True})
    judged = judge(low, high, models, settings, progress, boxes=[free])
    about = (
        "Real: two separate scans of Bentheimer sandstone, 6 and 2 µm; voxels "
        f"{region_words(free)} of the fine scan, no part of any model's training. The shift that "
        "registration left between the scans was measured and taken out first, the same for "
        "every method."
    )
    return section("Sandstone (real)", about, judged)


def synthetic(models: Sequence[Model], progress: Progress) -> str:
    """The synthetic electrode, against its fine scan and against the truth behind it."""
    pair = scan_pair(ScanPairSettings(seed=SEED), progress)
    settings = SETTINGS.model_copy(update={"crack": 1})
    parts = []
    for high, title, about in (
        (
            pair.high,
            "Electrode (synthetic), against its fine scan",
            "Synthetic: the electrode of `napari_battery.synthetic.scan_pair`, default settings, "
            f"seed {SEED}, scanned at 2.3 and 0.74 µm. Both scans carry noise of their own, so "
            "that no method can come near the fine one.",
        ),
        (
            pair.clean_high,
            "Electrode (synthetic), against the truth",
            "The same, compared with what the fine scan would be without noise.",
        ),
    ):
        judged = judge(pair.low, high, models, settings, progress, labels=pair.cracks)
        parts.append(section(title, about, judged))
    return "\n".join(parts)


def section(title: str, about: str, judged: Judgement) -> str:
    """Heading, what was compared, and the table."""
    n = judged.regions["region"].nunique()
    lines = [f"### {title}", "", f"{about} {n} regions.", ""]
    quality = judged.quality
    metrics = [metric for metric in TITLES if (quality["metric"] == metric).any()]
    lines.append("| method | " + " | ".join(TITLES[m] for m in metrics) + " | PSNR gained (dB) |")
    lines.append("|---" * (len(metrics) + 2) + "|")
    for method in dict.fromkeys(quality["method"]):
        rows = quality[quality["method"] == method].set_index("metric")
        cells = [_cell(rows, metric) for metric in metrics]
        lines.append(f"| {method} | " + " | ".join([*cells, _gain(rows)]) + " |")
    return "\n".join([*lines, ""])


def _cell(rows: pd.DataFrame, metric: str) -> str:
    if metric not in rows.index:
        return ""
    row = rows.loc[metric]
    digits = 2 if metric == "psnr_db" else 4 if metric == "mse" else 3
    return f"{row['value']:.{digits}f} ± {row['sd']:.{digits}f}"


def _gain(rows: pd.DataFrame) -> str:
    if "psnr_db" not in rows.index or pd.isna(rows.loc["psnr_db", "difference"]):
        return ""
    row = rows.loc["psnr_db"]
    interval = f"{row['difference_ci_low']:+.2f} to {row['difference_ci_high']:+.2f}"
    return f"{row['difference']:+.2f} ({interval})"


def tables(models: Sequence[Model], progress: Progress) -> str:
    about = (
        "Mean ± standard deviation over regions (blocks of "
        f"{SETTINGS.region_size} voxels or a little more). “PSNR gained” is the mean difference "
        "to “cubic + grey match” in the same regions, with its "
        f"{SETTINGS.confidence:.0%} interval (studentised bootstrap, {SETTINGS.resamples:,} "
        "resamples; regions count as independent). Every method gets the low scan interpolated "
        "straight onto the high scan's grid, and every one but “cubic” is laid on the high "
        "scan's grey levels by a line of least squares over all regions. The data range is the "
        f"high scan's from the 0.5 % to the 99.5 % quantile. SSIM: {SSIM_SETTINGS}."
    )
    return "\n".join([about, "", real(models, progress), synthetic(models, progress)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", action="append", default=[], help="judge this one, too")
    parser.add_argument("--only", action="store_true", help="not the shipped models")
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    options = parser.parse_args()
    shipped = [] if options.only else [m for m in list_models() if m.shipped]
    models = [read_model(m.path) for m in shipped] + [read_model(m) for m in options.model]
    with terminal_progress(quiet=False) as progress:
        text = tables(models, progress)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(FIRST)
    after = rest.split(LAST)[1]
    write_text(options.output, f"{before}{FIRST}\n{text}\n{LAST}{after}")


if __name__ == "__main__":
    main()
