"""Metrics on matched scans: a perfect prediction is validated, a blurred one is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_battery.errors import InputError
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Value
from napari_battery.microstructure.metrics import METRICS
from napari_battery.microstructure.phases import Phases
from napari_battery.microstructure.sample import Sample
from napari_battery.progress import SILENT
from napari_battery.superres.judge_compare import HIGH
from napari_battery.superres.judge_regions import grid_of_regions
from napari_battery.superres.judge_table import MATCHED
from napari_battery.validation.common_voxel import at_voxel_size, voxel_um
from napari_battery.validation.scans import LOW, Scans
from napari_battery.validation.settings import ValidationSettings
from napari_battery.validation.thresholds import by_brightness, matching_thresholds, otsu_threshold
from napari_battery.validation.validate import measure_scans, validate
from napari_battery.validation.verdicts import NOT_VALIDATED, VALIDATED, validation_table
from napari_battery.volume import Volume

SETTINGS = ValidationSettings(metrics="volume_fractions", region_size=20, resamples=400)
CHOSEN = [METRICS["volume_fractions"]]


@pytest.fixture(scope="module")
def scans() -> Scans:
    """A texture of which a quarter is dark; cubic is blurred, and one model twice as much."""
    field = gaussian_filter(np.random.default_rng(1).standard_normal((60, 60, 60)), 1.5)
    dark = field < np.quantile(field, 0.25)
    high = Volume(100 + 100.0 * ~dark, (0.7,) * 3, name="high", metadata={"synthetic": True})

    def blurred(sigma: float) -> Volume:
        return high.like(gaussian_filter(high.data, sigma), "low")

    noise = np.random.default_rng(2).normal(0, 5, high.shape)
    on_grid = {
        MATCHED: blurred(2), "perfect": high.like(high.data + noise, "low"), "blurred": blurred(3),
    }  # fmt: skip
    coarse = Volume(high.data[::2, ::2, ::2], (1.4,) * 3, name="low")
    regions = grid_of_regions([tuple(slice(0, 60) for _ in range(3))], 20)
    own = [tuple(slice(w.start // 2, w.stop // 2) for w in r) for r in regions]
    return Scans(high, on_grid, coarse, regions, own)


def test_a_perfect_model_is_validated_and_a_blurred_one_is_not(scans):
    regions = measure_scans(scans, [150.0], ["pore", "active"], CHOSEN, SETTINGS)
    assert set(regions["method"]) == {HIGH, MATCHED, "perfect", "blurred", LOW}
    by_hand = float((scans.high.data[scans.regions[4]] < 150).mean())
    first = regions[(regions["region"] == 5) & (regions["phase"] == "pore")].iloc[0]
    assert (first["method"], first["value"]) == (HIGH, pytest.approx(by_hand))
    table = validation_table(
        regions, SETTINGS, truth=HIGH, baseline=MATCHED, models=["perfect", "blurred"]
    )
    pore = table[table["phase"] == "pore"].set_index("method")
    assert pore.loc["perfect", "verdict"] == VALIDATED
    assert pore.loc["blurred", "verdict"] == NOT_VALIDATED
    assert pore.loc["blurred", "improvement_ci_high"] < 0
    assert pore.loc["perfect", "n_regions"] == 27


def test_thresholds_come_from_the_high_scan_or_its_segmentation(scans):
    grey, regions = scans.high.data, scans.regions
    assert 100 <= otsu_threshold(grey, regions)[0] < 200
    graded = grey + np.random.default_rng(3).normal(0, 60, grey.shape)
    truth = Phases((grey > 150).astype(np.uint8) * 7, {"am": 7, "void": 0}, (0.7,) * 3, "seg")
    names = by_brightness(truth, graded, regions)
    assert names == ["void", "am"]
    cuts = matching_thresholds(truth, graded, regions, names)
    assert (graded < cuts[0]).mean() == pytest.approx((grey < 150).mean(), abs=1e-4)
    with pytest.raises(InputError, match="no voxel of “ghost”"):
        by_brightness(replace(truth, codes={**truth.codes, "ghost": 3}), graded, regions)
    with pytest.raises(InputError, match="one grey level"):
        otsu_threshold(np.ones((60, 60, 60)), regions)


def test_a_segmentation_takes_the_place_of_the_high_scan(scans):
    truth = Phases(np.zeros((60, 60, 60), np.uint8), {"pore": 0, "active": 1}, (0.7,) * 3, "seg")
    few = replace(scans, regions=scans.regions[:1], low=None)
    found = measure_scans(few, [150.0], ["pore", "active"], CHOSEN, SETTINGS, truth=truth)
    pore = found[found["phase"] == "pore"].set_index("method")["value"]
    assert pore[HIGH] == 1
    assert pore["high scan, thresholded"] == pytest.approx(
        (few.high.data[:20, :20, :20] < 150).mean()
    )


def test_a_bad_threshold_or_metric_is_refused_before_the_work():
    high = Volume(np.zeros((4, 4, 4), np.uint8), (1.0,) * 3, name="high")
    with pytest.raises(InputError, match="no metric “colour”"):
        validate(high, high, [], SETTINGS.model_copy(update={"metrics": "colour"}))
    with pytest.raises(InputError, match="grey levels with commas"):
        SETTINGS.model_copy(update={"thresholds": "90;150"}).given_thresholds()


def test_kappa_of_the_coarse_scan_is_told_at_the_fine_voxel_size():
    """Overlapping spheres on voxels twice as large: raw κ is off, the extrapolated one less."""
    rng = np.random.default_rng(5)
    z, y, x = np.indices((48, 48, 48)) / 2  # fine voxels of half a unit
    solid = np.zeros((48, 48, 48), bool)
    for centre in rng.uniform(0, 24, (22, 3)):
        solid |= (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < 4.5**2
    settings = MicrostructureSettings(directions="z", extrapolate=True)
    codes = {"pore": 0, "active": 1}
    fine = Sample(Phases(solid.astype(np.uint8), codes, (0.5,) * 3))
    coarse = Sample(Phases(solid[::2, ::2, ::2].astype(np.uint8), codes, (1.0,) * 3))

    def kappa(values) -> float:
        return next(v.value for v in values if v.metric == "tortuosity_factor")

    measure = METRICS["diffusion"].compute
    true = kappa(measure(fine, settings, SILENT).values)
    raw = kappa(measure(coarse, settings, SILENT).values)
    told = kappa(at_voxel_size(measure(coarse, settings, SILENT).values, voxel_um(coarse), 0.5))
    assert abs(told - true) < 0.5 * abs(raw - true)
    assert voxel_um(coarse) == pytest.approx(1)
    short = [Value("tortuosity_factor", 2.0, "pore", "z")]  # too short for two grids
    assert np.isnan(kappa(at_voxel_size(short, 1, 0.5)))
