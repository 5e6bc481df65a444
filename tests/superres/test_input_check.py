"""What an input looks like beside the training images: numbers known beforehand, plain words."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_battery.superres.card import Card, InputRange
from napari_battery.superres.greys import robust_greys
from napari_battery.superres.input_check import compare_with_card
from napari_battery.superres.input_statistics import input_ranges, input_statistics, statistics_of
from napari_battery.superres.training_image import TrainingImage
from napari_battery.superres.upscale import target_grid, upscaled
from napari_battery.volume import Volume

_RATIO = 2.5


def _grains(seed, noise=4.0, blur=4.0, shape=(12, 90, 100)):
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=shape), blur)
    grey = np.where(field > np.median(field), 160.0, 60.0)
    grey = gaussian_filter(grey, 0.7) + rng.normal(0, noise, shape)
    return Volume(grey.astype("f4"), (_RATIO,) * 3, name="scan")


def _training_image(low):
    grid = target_grid(low, 1.0)
    fine = robust_greys(low).normalise(np.asarray(upscaled(low, grid).data))
    return TrainingImage("a", "a", fine, fine, (_RATIO,) * 3, (1.0,) * 3)


@pytest.fixture(scope="module")
def card():
    found = input_ranges([_training_image(_grains(seed)) for seed in (1, 2, 3)])
    return Card(
        name="m",
        network="battery",
        slices=5,
        halo_px=57,
        parameters=1,
        ratio=(_RATIO, _RATIO),
        low_voxel_size_um=(_RATIO, _RATIO),
        input=found,
    )


def test_another_part_of_the_same_kind_is_like_it(card):
    assert compare_with_card(_grains(5), card, (1.0,) * 3) == []


@pytest.mark.parametrize(
    ("image", "target", "message"),
    [
        (_grains(5, noise=20), 1.0, "noisier than the training images"),
        (_grains(5, noise=0.5), 1.0, "less noisy than the training images"),
        (_grains(5, blur=1.5), 1.0, "than the training images: .* of its power"),
        (_grains(5), 1.5, "made 1.667 times smaller; the model was trained for 2.5 times"),
        (_grains(5).with_voxel_size(6.0, ""), 2.4, "6 µm; the model was trained on scans of 2.5"),
    ],
)
def test_what_is_outside_is_said(image, target, message, card):
    from re import search

    said = compare_with_card(image, card, (target,) * 3)
    assert any(search(message, sentence) for sentence in said), said


def test_grey_levels_spread_otherwise_are_said(card):
    image = _grains(5)
    mostly_dark = replace(image, data=np.where(image.data > 100, image.data, 60 + image.data / 99))
    mostly_dark.data[:, :, :60] = 60
    assert any("quantile is" in s for s in compare_with_card(mostly_dark, card, (1.0,) * 3))


def test_a_card_without_ranges_and_a_tiny_image_are_said(card):
    image = _grains(5)
    empty = card.model_copy(update={"input": InputRange()})
    assert "does not tell" in compare_with_card(image, empty, (1.0,) * 3)[0]
    tiny = replace(image, data=image.data[:3, :5, :5])
    assert "too small" in compare_with_card(tiny, card, (1.0,) * 3)[0]


def test_noise_and_spectrum_are_those_put_in():
    rng = np.random.default_rng(0)
    white = statistics_of(rng.normal(0, 0.1, (190, 190)), 1.0)
    # the estimate's own scatter on 35,000 pixels is below 2 %
    assert white.noise == pytest.approx(0.1, rel=0.03)
    # equal power everywhere: the rings' areas up to the Nyquist frequency, 1 : 3 : 5 : …
    areas = np.arange(1, 16, 2) / 64
    np.testing.assert_allclose(10 ** np.array(white.spectrum), areas, rtol=0.15)
    assert white.quantiles["0.5"] == pytest.approx(0, abs=0.005)
    wave = 0.5 + 0.3 * np.sin(2 * np.pi * np.arange(190) / 10)  # .1 per pixel: ring .1·2·8 = 1
    slow = statistics_of(np.tile(wave, (190, 1)), 1.0)
    assert 10 ** slow.spectrum[1] > 0.9


def test_an_image_and_its_training_image_measure_alike(card):
    image = _grains(1)
    found = input_statistics(image, (1.0,) * 3, robust_greys(image))
    span = card.input.noise
    assert span[0] * 0.9 <= found.noise <= span[1] * 1.1
    picture = replace(image, data=image.data[6], voxel_size_um=(_RATIO,) * 2, origin_um=(0, 0))
    assert input_statistics(picture, (1.0,) * 2, robust_greys(picture)) is not None


def test_what_is_empty_is_left_out():
    low = _grains(1)
    image = _training_image(low)
    valid = np.zeros(image.low.shape, bool)
    assert input_ranges([replace(image, valid=valid)]) == InputRange()
    gone = np.full((50, 50), np.nan)
    assert statistics_of(gone, 2.0) is None
    assert statistics_of(np.ones((50, 50)), 2.0) is None
