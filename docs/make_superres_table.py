"""Write the tables of docs/super-resolution.md: the shipped models, judged where none learnt.

Three pairs: the part of the real sandstone that was kept out of training, a synthetic
electrode, and the inside of a larger one. Models of the person's own can be judged along:
``--model FILE``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from napari_battery.errors import InputError
from napari_battery.files import write_text
from napari_battery.progress import Progress
from napari_battery.samples import sandstone
from napari_battery.superres.judge import Judgement, judge
from napari_battery.superres.judge_bootstrap import bootstrap_interval
from napari_battery.superres.judge_metrics import SSIM_SETTINGS
from napari_battery.superres.judge_regions import region_words, unseen_box
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.judge_table import MATCHED
from napari_battery.superres.model_files import Model, list_models, read_model, write_model
from napari_battery.synthetic.scan_pair import ScanPairSettings, scan_pair
from napari_battery.terminal import terminal_progress
from napari_battery.volume import Volume

PAGE = Path(__file__).with_name("super-resolution.md")
FIRST, LAST = "<!-- tables: python docs/make_superres_table.py -->", "<!-- end of tables -->"

SEED = 31415
"""Of the synthetic electrode: another one than any that models are trained on."""
SETTINGS = JudgeSettings()
DEFAULT = "battery"
BEST = f"{DEFAULT}, quality best"
INSIDE = tuple(slice(margin, margin + n) for margin, n in ((28, 128), (56, 256), (56, 256)))
"""What is judged of a larger electrode: as much as of the first, away from the scans' faces."""

TITLES = {
    "ssim": "SSIM",
    "psnr_db": "PSNR (dB)",
    "mse": "MSE",
    "mae": "MAE",
    "crack_recall": "crack recall",
    "crack_false": "false cracks",
}


@dataclass(frozen=True)
class Judged:
    """One pair of scans that models were judged on."""

    title: str
    about: str
    sample: str
    """What the models' cards call it."""
    judgement: Judgement


def real(models: Sequence[Model], progress: Progress) -> Judged:
    """The sandstone, where no model has seen it."""
    low, high = sandstone()
    free = unseen_box(low, high, [model.card for model in models])
    if free is None:
        raise InputError("The models were trained on all of the sandstone: nothing is left.")
    settings = SETTINGS.model_copy(update={"mend": True})
    about = (
        "Real: two separate scans of Bentheimer sandstone, 6 and 2 µm; voxels "
        f"{region_words(free)} of the fine scan, no part of any model's training. The shift that "
        "registration left between the scans was measured and taken out first, the same for "
        "every method."
    )
    judged = judged_at_best(low, high, models, settings, progress, boxes=[free])
    return Judged("Sandstone (real)", about, "sandstone kept out of training (real)", judged)


def synthetic(models: Sequence[Model], progress: Progress) -> list[Judged]:
    """The synthetic electrode, against its fine scan and against the truth behind it."""
    pair = scan_pair(ScanPairSettings(seed=SEED), progress)
    settings = SETTINGS.model_copy(update={"crack": 1})
    return [
        Judged(
            title,
            about,
            sample,
            how(pair.low, high, models, settings, progress, labels=pair.cracks),
        )
        for how, high, title, sample, about in (
            (
                judge,
                pair.high,
                "Electrode (synthetic), against its fine scan",
                f"electrode, seed {SEED} (synthetic), against its noisy fine scan",
                "Synthetic: the electrode of `napari_battery.synthetic.scan_pair`, default "
                f"settings, seed {SEED}, scanned at 2.3 and 0.74 µm. Both scans carry noise of "
                "their own, so that no method can come near the fine one.",
            ),
            (
                judged_at_best,
                pair.clean_high,
                "Electrode (synthetic), against the truth",
                f"electrode, seed {SEED} (synthetic), against the noise-free truth",
                "The same, compared with what the fine scan would be without noise.",
            ),
        )
    ]


def inside(models: Sequence[Model], progress: Progress) -> Judged:
    """A larger synthetic electrode against the truth, away from the faces of the scans."""
    z, y, x = (w.stop + w.start for w in INSIDE)
    pair = scan_pair(ScanPairSettings(size_z=z, size_y=y, size_x=x, seed=SEED), progress)
    settings = SETTINGS.model_copy(update={"crack": 1})
    return Judged(
        "Electrode (synthetic), inside, against the truth",
        f"A larger one, made alike, of {z} × {y} × {x} voxels: {region_words(INSIDE)} of it. At a "
        "scan's faces the networks have only half of the surroundings that they read; here they "
        "have all, as in most of a stack of many hundred slices.",
        f"electrode, seed {SEED} (synthetic), inside, against the noise-free truth",
        judged_at_best(
            pair.low,
            pair.clean_high,
            models,
            settings,
            progress,
            labels=pair.cracks,
            boxes=[INSIDE],
        ),
    )


def judged_at_best(
    low: Volume,
    high: Volume,
    models: Sequence[Model],
    settings: JudgeSettings,
    progress: Progress,
    **where: Any,
) -> Judgement:
    """All models as they are by default, and the default one at its best."""
    judged = judge(low, high, models, settings, progress, **where)
    default = [model for model in models if model.card.name == DEFAULT]
    if not default:
        return judged
    settings = settings.model_copy(update={"quality": "best"})
    best = judge(low, high, default, settings, progress, **where)

    def together(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
        more = more[more["method"] == DEFAULT].assign(method=BEST)
        upto = int(table.index[table["method"] == DEFAULT].max()) + 1
        return pd.concat([table[:upto], more, table[upto:]], ignore_index=True)

    return replace(
        judged,
        quality=together(judged.quality.reset_index(drop=True), best.quality),
        regions=together(judged.regions.reset_index(drop=True), best.regions),
    )


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
    lines += ["", *_against_default(judged)]
    return "\n".join(lines)


def _against_default(judged: Judgement) -> list[str]:
    """The default model's PSNR less each other model's, region by region."""
    by_method = judged.regions.pivot(index="region", columns="method", values="psnr_db")
    by_method = by_method.dropna(axis="columns", how="all")
    said = []
    for method in by_method.columns.difference([DEFAULT, BEST, "cubic", MATCHED]):
        if DEFAULT not in by_method:
            break
        more = (by_method[DEFAULT] - by_method[method]).to_numpy()
        low, high = bootstrap_interval(more, SETTINGS.resamples, SETTINGS.seed)
        said.append(f"{more.mean():+.2f} dB over `{method}` ({low:+.2f} to {high:+.2f})")
    return [f"`{DEFAULT}` in the same regions: {', '.join(said)}.", ""] if said else []


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


def page_of(judged: Sequence[Judged]) -> str:
    about = (
        "Mean ± standard deviation over regions (blocks of "
        f"{SETTINGS.region_size} voxels or a little more). “PSNR gained” is the mean difference "
        "to “cubic + grey match” in the same regions, with its "
        f"{SETTINGS.confidence:.0%} interval (studentised bootstrap, {SETTINGS.resamples:,} "
        "resamples; regions count as independent). Every method gets the low scan interpolated "
        "straight onto the high scan's grid, and every one but “cubic” is laid on the high "
        "scan's grey levels by a line of least squares over all regions. The data range is the "
        f"high scan's from the 0.5 % to the 99.5 % quantile. SSIM: {SSIM_SETTINGS}. "
        f"“{BEST}” is the same model, of whose results on eight mirrored and turned copies the "
        "mean is taken: eight times as slow."
    )
    sections = [section(one.title, one.about, one.judgement) for one in judged]
    return "\n".join([about, "", *sections])


def write_cards(paths: Sequence[Path], judged: Sequence[Judged]) -> None:
    """Write what was measured into the cards of models."""
    for path in paths:
        model = read_model(path)
        metrics = dict(model.card.metrics)
        for one in judged:
            quality = one.judgement.quality
            rows = quality[quality["method"] == model.card.name].set_index("metric")
            gain = rows.loc["psnr_db"]
            metrics[one.sample] = {
                **{metric: round(float(rows.loc[metric, "value"]), 5) for metric in rows.index},
                "psnr_gained_over_cubic_and_grey_match_db": round(float(gain["difference"]), 4),
                "psnr_gained_ci_low_db": round(float(gain["difference_ci_low"]), 4),
                "psnr_gained_ci_high_db": round(float(gain["difference_ci_high"]), 4),
            }
        write_model(path, Model(model.network, model.card.model_copy(update={"metrics": metrics})))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", action="append", default=[], help="judge this one, too")
    parser.add_argument("--only", action="store_true", help="not the shipped models")
    parser.add_argument("--cards", action="store_true", help="write into the shipped cards, too")
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    options = parser.parse_args()
    shipped = [] if options.only else [m for m in list_models() if m.shipped]
    models = [read_model(m.path) for m in shipped] + [read_model(m) for m in options.model]
    with terminal_progress(quiet=False) as progress:
        judged = [real(models, progress), *synthetic(models, progress), inside(models, progress)]
    if options.cards:
        write_cards([model.path for model in shipped], judged)
    text = page_of(judged)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(FIRST)
    after = rest.split(LAST)[1]
    write_text(options.output, f"{before}{FIRST}\n{text}\n{LAST}{after}")


if __name__ == "__main__":
    main()
