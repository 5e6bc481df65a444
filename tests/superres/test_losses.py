import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from napari_battery.superres.losses import inner, measures, pixel_loss, psnr, ssim


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    a = rng.normal(0.5, 0.2, (3, 1, 40, 33)).astype(np.float32)
    return a, (a + rng.normal(0, 0.1, a.shape)).astype(np.float32)


def test_ssim_is_that_of_skimage(images):
    ours = ssim(*map(torch.from_numpy, images)).numpy()
    theirs = [
        structural_similarity(
            a[0].astype(np.float64),
            b[0].astype(np.float64),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in zip(*images, strict=True)
    ]
    # float32 against float64: variances are differences of numbers near 0.3
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_measures_and_psnr(images):
    a, b = images
    found = measures(torch.from_numpy(a), torch.from_numpy(b))
    difference = a.astype(np.float64) - b
    assert found["mse"] == pytest.approx((difference**2).mean(), rel=1e-5)
    assert found["mae"] == pytest.approx(abs(difference).mean(), rel=1e-5)
    assert psnr(found["mse"]) == pytest.approx(
        peak_signal_noise_ratio(a, b, data_range=1.0), abs=1e-4
    )
    assert psnr(0.0) == np.inf


def test_losses_and_border(images):
    a, b = map(torch.from_numpy, images)
    assert inner(a, 4).shape == (3, 1, 32, 25)
    assert inner(a, 0).shape == a.shape
    assert pixel_loss("l1", a, b) == pytest.approx(float((a - b).abs().mean()))
    assert pixel_loss("mse", a, b) == pytest.approx(float(((a - b) ** 2).mean()))
