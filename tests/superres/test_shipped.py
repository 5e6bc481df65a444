"""The models that ship: there, whole, said what they are, and worth having."""

from __future__ import annotations

import pytest

from napari_battery.samples import sandstone
from napari_battery.superres.judge import judge
from napari_battery.superres.judge_regions import check_unseen, unseen_box
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.judge_table import MATCHED
from napari_battery.superres.model_files import list_models, read_model
from napari_battery.synthetic.scan_pair import ScanPairSettings, scan_pair

NAMES = ["battery", "paper-cnn", "paper-gan"]


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_it_learnt_from_and_where_it_ends(name: str) -> None:
    model = read_model(name)  # compares the weights with the card's hash
    card = model.card
    assert card.network == name
    assert card.limits
    assert card.licence == "BSD-3-Clause"
    assert {data.licence for data in card.training} >= {"BSD-3-Clause"}
    assert any(data.synthetic for data in card.training)
    assert any("kept out of training" in sample for sample in card.metrics)


def test_they_are_listed() -> None:
    assert {model.card.name for model in list_models() if model.shipped} == set(NAMES)


def test_the_kept_out_sandstone_is_kept_out() -> None:
    """From voxel 276 on, but for those that a coarse voxel shares with the part before."""
    low, high = sandstone()
    cards = [read_model(name).card for name in NAMES]
    free = unseen_box(low, high, cards)
    assert free is not None
    assert [(w.start, w.stop) for w in free[:2]] == [(0, 90), (0, 135)]
    assert 276 <= free[2].start < 290
    assert free[2].stop == 420
    check_unseen([free], high, [low, high], cards)


def test_the_default_is_better_than_cubic_and_than_the_papers() -> None:
    """Six regions of real scans that no model has seen, the shift between them taken out."""
    low, high = sandstone()
    settings = JudgeSettings(mend=True, resamples=1000)
    box = (slice(20, 64), slice(0, 135), slice(300, 390))
    judged = judge(low, high, [read_model(name) for name in NAMES], settings, boxes=[box])
    quality = judged.quality[judged.quality["metric"] == "psnr_db"].set_index("method")
    assert quality.loc["battery", "difference_ci_low"] > 0
    assert quality.loc["battery", "value"] > quality.loc["paper-cnn", "value"]
    assert quality.loc["paper-cnn", "value"] > quality.loc[MATCHED, "value"]


def test_best_quality_is_better() -> None:
    pair = scan_pair(ScanPairSettings(size_z=40, size_y=60, size_x=60, seed=7))
    copies, reached = [], []
    for quality in ("normal", "better", "best"):
        settings = JudgeSettings(quality=quality)
        judged = judge(pair.low, pair.clean_high, [read_model("battery")], settings)
        table = judged.quality[judged.quality["metric"] == "psnr_db"].set_index("method")
        reached.append(float(table.loc["battery", "value"]))
        copies.append(judged.made["models"][0]["copies"])
    assert copies == [1, 2, 8]
    assert reached[0] < reached[1] < reached[2]
