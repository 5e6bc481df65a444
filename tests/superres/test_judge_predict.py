"""Networks that are judged see what they see in use: the low scan around the high one, too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_battery.prepare import crop
from napari_battery.progress import SILENT
from napari_battery.registration.pairs import cut_to_overlap, mend
from napari_battery.superres.card import Card
from napari_battery.superres.greys import robust_greys
from napari_battery.superres.judge_predict import on_high_grid, predictions
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.model_files import Model
from napari_battery.superres.networks import make_network, parameters
from napari_battery.volume import Volume

SETTINGS = JudgeSettings(precision="float32")
BOX = ((17, 33), (20, 47), (24, 60))


@pytest.fixture(scope="module")
def model() -> Model:
    """Random weights."""
    torch.manual_seed(0)
    network = make_network("edsr", slices=5, blocks=1, features=4, unshuffle=1)
    card = Card(
        name="random", network="edsr", options=network.options, slices=network.slices,
        halo_px=network.halo, multiple=network.multiple, parameters=parameters(network),
    )  # fmt: skip
    return Model(network, card)


def predicted(low: Volume, high: Volume, model: Model, margin: tuple[int, int, int]) -> np.ndarray:
    sampled = on_high_grid(low, cut_to_overlap(low, high), margin, SILENT)
    made = list(predictions(sampled, robust_greys(low), [model], SETTINGS, SILENT, []))
    return made[-1].grey


def test_a_high_scan_within_the_low_one_gets_what_all_of_it_would(scans, model):
    low, high = scans
    halo = model.network.halo
    whole = predicted(low, high, model, (0, 0, 0))
    there = whole[tuple(slice(*ends) for ends in BOX)]
    inner = crop(high, BOX)
    np.testing.assert_allclose(predicted(low, inner, model, (2, halo, halo)), there, atol=1e-5)
    # without the surroundings, it would be another one
    assert np.abs(predicted(low, inner, model, (0, 0, 0)) - there).max() > 1e-3


def test_the_grid_goes_on_as_far_as_the_low_scan_reaches(scans):
    low, high = scans
    top = crop(high, ((0, 20), (20, 47), (24, 92)))
    sampled = on_high_grid(low, cut_to_overlap(low, top), (4, 6, 8), SILENT)
    ends = zip(sampled.inside, sampled.low.shape, strict=True)
    assert [(w.start, n - w.stop) for w, n in ends] == [(0, 4), (6, 6), (8, 0)]
    assert sampled.valid.all()
    assert np.isfinite(sampled.low.data).all()
    corner = sampled.low.world_affine() @ [*(w.start for w in sampled.inside), 1]
    np.testing.assert_allclose(corner, top.world_affine() @ [0, 0, 0, 1], atol=1e-9)


def test_the_surroundings_of_a_mended_pair_are_moved_along(scans):
    low, high = scans
    shifted = replace(low, origin_um=tuple(v + 0.9 for v in low.origin_um))
    pair = mend(cut_to_overlap(shifted, crop(high, BOX)), "translation")
    after = on_high_grid(shifted, pair, (2, 8, 8), SILENT)
    unmoved = cut_to_overlap(low, pair.high)
    before = on_high_grid(low, unmoved, (2, 8, 8), SILENT)
    assert after.low.shape == before.low.shape
    left = np.subtract(pair.residual_shift_um, unmoved.residual_shift_um)
    # noise leaves a seventh of a voxel, of 1.3 that the scan was off along each axis
    assert np.abs(left).max() < 0.1
    difference = np.asarray(after.low.data) - np.asarray(before.low.data)
    assert difference.std() < 0.2 * np.asarray(before.low.data).std()


def test_a_turned_low_scan_is_continued_where_it_has_data(scans):
    low, high = scans
    angle = np.deg2rad(8)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turned = replace(low, affine=turn)
    inner = crop(high, BOX)
    pair = cut_to_overlap(turned, inner)
    sampled = on_high_grid(turned, pair, (2, 60, 60), SILENT)
    near = on_high_grid(turned, pair, (0, 0, 0), SILENT)
    assert all(n > m for n, m in zip(sampled.low.shape, near.low.shape, strict=True))
    gone = ~np.isfinite(sampled.low.data)
    assert 0 < gone.mean() < 0.5
    np.testing.assert_allclose(
        np.asarray(sampled.low.data)[sampled.inside], np.asarray(near.low.data), rtol=1e-5
    )
