"""Comparison region by region: grey match, differences, cracks lost and invented."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_battery.blocks import whole
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.superres.judge_compare import HIGH, Cracks, Prediction, compare
from napari_battery.superres.judge_cracks import dark_threshold, region_cracks
from napari_battery.superres.judge_regions import grid_of_regions
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.judge_table import MATCHED, quality_by_method, quality_table

SHAPE = (20, 60, 80)
REGIONS = grid_of_regions([whole(SHAPE)], 20)


def high_scan() -> np.ndarray:
    texture = gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), 2)
    return (0.5 + 0.2 * texture / texture.std()).astype(np.float32)


def test_a_grey_scale_of_its_own_costs_nothing_once_matched():
    high = high_scan()
    predictions = [Prediction("own scale", 300 - 40 * high, True)]
    compared = compare(high, predictions, REGIONS)
    assert compared.lines["own scale"] == pytest.approx((-1 / 40, 7.5), rel=1e-4)
    # float32: 300 has a spacing of 3e-5, over a gain of 40
    assert compared.metrics["mae"].max() < 3e-6


def test_the_better_prediction_gains_and_the_interval_says_so():
    high = high_scan()
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(SHAPE).astype(np.float32)
    compared = compare(
        high,
        [
            Prediction(MATCHED, gaussian_filter(high, 2), True),
            Prediction("same", gaussian_filter(high, 2), True),
            Prediction("better", high + 0.02 * noise, True),
        ],
        REGIONS,
    )
    quality = quality_table(compared.metrics, JudgeSettings())
    psnr = quality[quality["metric"] == "psnr_db"].set_index("method")
    own = compared.metrics.set_index("method")["psnr_db"]
    assert psnr.loc["better", "value"] == pytest.approx(own["better"].mean())
    assert psnr.loc["better", "sd"] == pytest.approx(own["better"].std())
    gain = (own["better"].to_numpy() - own[MATCHED].to_numpy()).mean()
    assert psnr.loc["better", "difference"] == pytest.approx(gain)
    assert 0 < psnr.loc["better", "difference_ci_low"] < gain
    assert psnr.loc["better", "difference_ci_high"] > gain
    assert psnr.loc["same", "difference"] == 0
    assert np.isnan(psnr.loc[MATCHED, "difference"])
    as_json = quality_by_method(quality)
    assert as_json["better"]["mse"]["difference"] < 0
    assert as_json[MATCHED]["ssim"]["difference"] is None


def test_a_perfect_prediction_has_no_interval_but_no_error_either():
    high = high_scan()
    compared = compare(high, [Prediction(MATCHED, high, False)], REGIONS)
    quality = quality_table(compared.metrics, JudgeSettings())
    said = quality_by_method(quality)[MATCHED]
    assert said["psnr_db"]["value"] is None
    assert said["ssim"]["value"] == 1


def test_histograms_are_densities_on_one_scale():
    high = high_scan()
    compared = compare(high, [Prediction("flat", np.full_like(high, 3), True)], REGIONS)
    for _, rows in compared.histograms.groupby("series"):
        width = rows["value_to"] - rows["value_from"]
        # no voxel of this scan lies outside the bins from -0.3 to 1.3 (4 standard deviations)
        assert (rows["density"] * width).sum() == pytest.approx(1, abs=1e-3)
    assert list(dict.fromkeys(compared.histograms["series"])) == [HIGH, "flat"]


def cracked() -> tuple[np.ndarray, np.ndarray]:
    """Solid with a pore, and a crack one voxel wide."""
    high = np.full((10, 40, 40), 0.8, np.float32)
    high[:, 5:15, 5:15] = 0.1
    crack = np.zeros(high.shape, bool)
    crack[:, 30, 5:35] = True
    high[crack] = 0.3
    return high, crack


@pytest.mark.parametrize(("by", "recall", "false"), [(0, 1, 0), (1, 1, 0), (2, 0, 1)])
def test_a_crack_counts_where_it_is_within_the_tolerance(by, recall, false):
    high, crack = cracked()
    threshold = dark_threshold([high])
    assert 0.3 < threshold < 0.8
    moved = np.where(crack, np.float32(0.8), high)
    moved[:, 30 + by, 5:35] = 0.3
    (found,) = region_cracks(moved, high, crack, threshold, 1, [whole(high.shape)])
    assert found == {"crack_recall": recall, "crack_false": false}


def test_closed_and_invented_cracks_are_told_apart_and_pores_are_neither():
    high, crack = cracked()
    predicted = high.copy()
    predicted[:, 30, 20:35] = 0.8  # half of the crack is closed
    predicted[:, 20, 5:35] = 0.3  # another one is invented
    predicted[:, 4:16, 4:16] = 0.1  # the pore is a voxel wider
    left, right = (
        (slice(0, 10), slice(0, 40), slice(0, 20)), (slice(0, 10), slice(0, 40), slice(20, 40))
    )  # fmt: skip
    one, other = region_cracks(predicted, high, crack, 0.5, 1, [left, right])
    assert one == {"crack_recall": 1, "crack_false": 0.5}
    # the crack's end reaches one voxel into the right half
    assert other == {"crack_recall": 1 / 15, "crack_false": 1}
    (nowhere,) = region_cracks(high, high, crack, 0.5, 1, [(slice(0, 10),) + (slice(0, 16),) * 2])
    assert all(np.isnan(value) for value in nowhere.values())


def test_cracks_of_the_high_scan_itself_are_counted_for_comparison():
    high, crack = cracked()
    region = [whole(high.shape)]
    compared = compare(
        high, [Prediction(MATCHED, gaussian_filter(high, 3), True)], region,
        Cracks(crack, 0.5, 1),
    )  # fmt: skip
    rows = compared.metrics.set_index("method")
    assert rows.loc[HIGH, "crack_recall"] == 1
    assert rows.loc[MATCHED, "crack_recall"] == 0
    quality = quality_table(compared.metrics, JudgeSettings())
    high_rows = quality[quality["method"] == HIGH]
    assert set(high_rows["metric"]) == {"crack_recall"}
    assert high_rows.set_index("metric").loc["crack_recall", "difference"] == 1


def test_cancel_passes():
    def stop() -> bool:
        return True

    with pytest.raises(Cancelled):
        compare(
            high_scan(), [Prediction("a", high_scan(), True)], REGIONS,
            progress=CallbackProgress(lambda *_: None, stop),
        )  # fmt: skip
