"""Which method is better is said only where the interval tells."""

from __future__ import annotations

import io
import math

import pandas as pd
import pytest

from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.judge_table import MATCHED, quality_table
from napari_battery.widgets.judge_words import (
    as_text_table,
    drawn_together,
    paper_rows,
    quality_rows,
    verdicts,
)


def quality(n_regions: int = 8) -> pd.DataFrame:
    """Three methods: one gains 1 dB everywhere, one loses or gains by turns."""
    rows = []
    for region in range(n_regions):
        base = 20 + 0.5 * region
        for method, gain in (
            ("cubic", -5.0 - 0.01 * region),
            (MATCHED, 0.0),
            ("good", 1 + 0.1 * (region % 3)),
            ("moody", (-1) ** region * 0.5),
        ):
            psnr = base + gain
            rows.append((region, method, 0.5 + 0.01 * gain, psnr, 10 ** (-psnr / 10), 0.05))
    columns = ["region", "method", "ssim", "psnr_db", "mse", "mae"]
    return quality_table(pd.DataFrame(rows, columns=columns), JudgeSettings())


def test_better_worse_or_neither():
    rows = {row.method: row for row in quality_rows(quality(), "psnr_db")}
    assert [rows[m].verdict for m in ("cubic", MATCHED, "good", "moody")] == [
        "worse", "", "better", "no clear difference",
    ]  # fmt: skip
    assert rows[MATCHED].gain == rows[MATCHED].gain_interval == ""
    assert rows[MATCHED].mean.startswith("21.75 ± 1.22")
    assert rows["cubic"].gain.startswith("−5.0")
    assert rows["good"].gain.startswith("+1.")


def test_of_errors_less_is_better():
    rows = {row.method: row for row in quality_rows(quality(), "mse")}
    assert rows["good"].verdict == "better"
    assert rows["good"].gain.startswith("−0.00")
    assert rows["cubic"].verdict == "worse"


def test_a_difference_that_is_not_seen_in_the_digits_is_none():
    rows = {row.method: row for row in quality_rows(quality(), "mae")}
    assert rows["good"].gain == "0.0000"
    assert rows["good"].verdict == "no clear difference"


def test_too_few_regions_tell_nothing():
    table = quality(3)
    rows = {row.method: row for row in quality_rows(table, "psnr_db")}
    assert rows["good"].verdict == rows["good"].interval == ""
    assert "too few regions to tell" in verdicts(table)[0]


def test_models_are_told_in_sentences():
    told = verdicts(quality())
    assert [text.partition(" against ")[0] for text in told] == ["good", "moody"]
    assert told[0].startswith("good against cubic + grey match: PSNR +1.")
    assert ", better; SSIM +0.01" in told[0]
    assert "no clear difference" in told[1]


def test_the_papers_numbers_stand_by_their_metric():
    assert [(row.method, row.mean) for row in paper_rows("psnr_db")] == [
        ("Paper: no model", "22.15"),
        ("Paper: GAN", "26.45"),
        ("Paper: CNN", "30.12"),
    ]
    assert [row.mean for row in paper_rows("ssim")] == ["0.66", "0.82", "0.92"]
    assert paper_rows("mse") == []


def test_the_copied_table_is_whole():
    table = quality()
    copied = pd.read_csv(io.StringIO(as_text_table(table)), sep="\t")
    assert len(copied) == len(table)
    assert copied.iloc[:, 2].to_numpy() == pytest.approx(table["value"].to_numpy())


@pytest.mark.parametrize("metric", ["psnr_db", "ssim", "mse", "mae", "crack_recall"])
def test_every_metric_has_a_figure(metric):
    assert metric in drawn_together(metric)


def test_an_equal_prediction_has_an_infinite_psnr():
    table = quality()
    table.loc[table["metric"] == "psnr_db", ["value", "difference"]] = math.inf
    assert quality_rows(table, "psnr_db")[0].mean.startswith("∞")
