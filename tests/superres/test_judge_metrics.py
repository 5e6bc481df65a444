"""The metrics equal scikit-image's; the grey line is the one of least squares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from napari_battery.superres.judge_metrics import grey_line, region_metrics, ssim


def pair(seed: int = 0, shape: tuple[int, ...] = (5, 24, 31)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    high = gaussian_filter(rng.random(shape), (0, 1, 1))
    high = ((high - high.min()) / np.ptp(high)).astype(np.float32)
    return (high + 0.1 * rng.standard_normal(shape)).astype(np.float32), high


@pytest.mark.parametrize("shape", [(5, 24, 31), (1, 11, 12), (3, 40, 17)])
def test_metrics_are_those_of_scikit_image(shape):
    predicted, high = (a.astype(np.float64) for a in pair(1, shape))
    found = region_metrics(predicted, high)
    peer = np.mean(
        [
            structural_similarity(
                h, p, data_range=1.0, gaussian_weights=True, use_sample_covariance=False
            )
            for p, h in zip(predicted, high, strict=True)
        ]
    )
    # the same sums in another order
    assert found["ssim"] == pytest.approx(peer, abs=1e-12)
    assert found["psnr_db"] == pytest.approx(
        peak_signal_noise_ratio(high, predicted, data_range=1.0), abs=1e-10
    )
    assert found["mse"] == pytest.approx(mean_squared_error(high, predicted), rel=1e-12)
    assert found["mae"] == pytest.approx(np.abs(high - predicted).mean(), rel=1e-12)


def test_equal_images_are_perfect():
    _, high = pair()
    found = region_metrics(high, high)
    assert found == {"ssim": 1.0, "psnr_db": float("inf"), "mse": 0.0, "mae": 0.0}


def test_single_precision_does_not_lose_similarity():
    predicted, high = pair(2)
    wide = ssim(predicted.astype(np.float64), high.astype(np.float64))
    assert ssim(predicted, high) == wide


def test_the_grey_line_is_that_of_least_squares_over_all_regions():
    rng = np.random.default_rng(3)
    predicted = [rng.random((4, 12, 12)), 3 + rng.random((2, 11, 15))]
    high = [2.5 * p - 0.7 + 0.1 * rng.standard_normal(p.shape) for p in predicted]
    x, y = (np.concatenate([a.ravel() for a in blocks]) for blocks in (predicted, high))
    gain, offset = np.polyfit(x, y, 1)
    assert grey_line(predicted, high) == pytest.approx((gain, offset), rel=1e-9)


def test_a_flat_prediction_becomes_the_mean():
    flat, high = [np.full((2, 12, 12), 7.0)], [pair(4, (2, 12, 12))[1]]
    gain, offset = grey_line(flat, high)
    assert gain == 0
    assert offset == pytest.approx(high[0].mean(dtype=np.float64))
