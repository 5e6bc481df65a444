"""The frame: samples, sub-regions, thresholds, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.microstructure.measure import (
    SUB_REGIONS,
    THRESHOLDS,
    WHOLE,
    measure_microstructure,
)
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.microstructure.metric import Found, Metric, Quantity, Value, choose
from napari_battery.microstructure.phases import parse_codes, phases_of
from napari_battery.microstructure.representative import trend
from napari_battery.microstructure.sample import (
    grey_sample,
    labels_sample,
    phases_sample,
    with_labels,
)
from napari_battery.microstructure.subregions import boxes, spread
from napari_battery.progress import CallbackProgress, Cancelled
from napari_battery.tables import MICROSTRUCTURE
from napari_battery.volume import Volume

CODES = {"pore": 7, "active": 3}
FRACTIONS = MicrostructureSettings(metrics="volume_fraction")


def noise(shape=(32, 32, 32), share=0.4, seed=0, name="noise") -> Volume:
    """Independent voxels, so that the spread of a fraction is the binomial one."""
    pores = np.random.default_rng(seed).random(shape) < share
    return Volume(np.where(pores, 7, 3).astype(np.uint8), (0.5,) * len(shape), name=name)


def rows(table: pd.DataFrame, region: str, phase: str = "pore") -> pd.Series:
    found = table[(table["region"] == region) & (table["phase"] == phase)]
    assert len(found) == 1
    return found.iloc[0]


def test_codes_are_read() -> None:
    assert parse_codes(" pore = 0, active=-1") == {"pore": 0, "active": -1}


@pytest.mark.parametrize("text", ["", "pore", "pore=", "pore=a", "=1", "a=1,b=1", "a=1,a=2"])
def test_codes_written_otherwise_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="Phases"):
        parse_codes(text)


def test_phases_of_another_code_need_a_name() -> None:
    with pytest.raises(InputError, match=r"codes without a name: 3 \("):
        phases_of(noise(), {"pore": 7})
    with pytest.raises(InputError, match="which code means"):
        phases_of(noise())


def test_labels_given_for_phases_are_refused() -> None:
    labels = Volume(np.arange(1000).reshape(10, 10, 10), (1.0,) * 3)
    with pytest.raises(InputError, match="labels of particles or grey levels"):
        phases_of(labels, {"pore": 0, "active": 1})
    said = Volume(labels.data, (1.0,) * 3, metadata={"kind": "labels"})
    with pytest.raises(InputError, match="holds labels"):
        phases_of(said, {"pore": 0, "active": 1})


def test_nan_grey_levels_and_unknown_voxel_sizes_are_refused() -> None:
    data = np.zeros((9, 9, 9), np.float32)
    with pytest.raises(InputError, match="voxel size"):
        phases_of(Volume(data.astype(np.uint8)), {"pore": 0})
    data[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        phases_of(Volume(data, (1.0,) * 3), {"pore": 0})
    with pytest.raises(InputError, match="NaN"):
        grey_sample(Volume(data, (1.0,) * 3), [0.5])
    with pytest.raises(InputError, match="grey levels"):
        phases_of(Volume(np.full((4, 4, 4), 0.5), (1.0,) * 3), {"pore": 0})


def test_whole_numbers_stored_as_floats_are_phases() -> None:
    data = noise().data.astype(np.float32)
    assert phases_of(Volume(data, (1.0,) * 3), CODES).mask("pore").mean() == pytest.approx(
        0.4, abs=0.02
    )


def test_a_region_that_is_a_box_is_cut_out_and_another_refused() -> None:
    region = np.zeros((32, 32, 32), np.bool_)
    region[2:20, 5:30, 1:11] = True
    volume = noise()
    cut = phases_of(Volume(volume.data, (0.5,) * 3, region=region), CODES)
    assert cut.data.shape == (18, 25, 10)
    region[3, 6, 2] = False
    with pytest.raises(InputError, match="no box"):
        phases_of(Volume(volume.data, (0.5,) * 3, region=region), CODES)


def test_whole_and_sub_regions_of_independent_voxels() -> None:
    found = measure_microstructure(phases_sample(noise((48, 48, 48)), CODES), FRACTIONS)
    assert tuple(found.table.columns) == MICROSTRUCTURE
    whole, parts = rows(found.table, WHOLE), rows(found.table, SUB_REGIONS)
    assert (whole["n_regions"], parts["n_regions"]) == (1, 8)
    assert parts["value"] == pytest.approx(whole["value"], abs=1e-12)  # equal parts of the whole
    binomial = np.sqrt(0.4 * 0.6 / 24**3)
    assert 0.3 * binomial < parts["sd"] < 2.2 * binomial  # χ² of 7: 99.9 %
    assert parts["ci_low"] < parts["value"] < parts["ci_high"]


def test_the_spread_of_independent_voxels_shrinks_with_the_root_of_volume() -> None:
    choice = FRACTIONS.model_copy(update={"most_splits": 6})
    found = measure_microstructure(phases_sample(noise((96, 96, 96)), CODES), choice)
    table = found.representative
    pores = table[table["phase"] == "pore"]
    assert list(pores["splits"]) == [2, 3, 4, 5, 6]
    assert pores["exponent"].iloc[0] == pytest.approx(0.5, abs=0.2)
    assert pores["is_representative"].all()
    expected = np.sqrt(0.6 / 0.4 / 96**3)
    assert pores["relative_sd_of_whole"].iloc[0] == pytest.approx(expected, rel=0.6)


@given(st.floats(0.1, 1.0), st.floats(1e-3, 10.0))
@settings(max_examples=30, deadline=None)
def test_a_power_law_is_found_again(exponent: float, factor: float) -> None:
    volumes = np.array([1.0, 8.0, 27.0, 64.0])
    found = trend(volumes, factor * volumes**-exponent)
    assert found is not None
    assert found.exponent == pytest.approx(exponent, rel=1e-6)
    assert found.at(found.volume_for(0.05)) == pytest.approx(0.05, rel=1e-6)
    one = trend(volumes[:1], factor * volumes[:1] ** -exponent)
    assert one is not None
    assert one.at(4.0) == pytest.approx(one.at(1.0) / 2)  # parts taken to be independent
    assert trend(volumes, np.full(4, np.nan)) is None


@given(
    st.tuples(*(st.integers(8, 60),) * 3), st.integers(1, 5), st.sampled_from(["zyx", "yx", "zy"])
)
@settings(max_examples=50, deadline=None)
def test_boxes_are_equal_and_apart(shape, splits, axes) -> None:
    found = boxes(shape, ("z", "y", "x"), splits, axes)
    if not found:
        assert min(n for n, a in zip(shape, "zyx", strict=True) if a in axes) // splits < 8
        return
    seen = np.zeros(shape, np.int64)
    for box in found:
        seen[box] += 1
    assert seen.max() == 1
    assert len(found) == splits ** len(axes)
    assert len({tuple(s.stop - s.start for s in box) for box in found}) == 1


def test_infinite_values_are_counted_not_averaged() -> None:
    found = spread([1.0, 3.0, np.inf, np.nan])
    assert (found.mean, found.n, found.n_infinite) == (2.0, 2, 1)
    assert spread([np.inf, np.inf]).mean == np.inf
    assert np.isnan(spread([]).mean)


def test_threshold_range_is_that_of_the_grey_levels() -> None:
    grey = np.arange(32.0**3).reshape(32, 32, 32)  # every level once
    sample = grey_sample(Volume(grey, (1.0,) * 3, name="ramp"), [16384])
    choice = FRACTIONS.model_copy(update={"threshold_delta": 3276.8})
    found = measure_microstructure(sample, choice)
    row = rows(found.table, THRESHOLDS)
    assert row["value"] == 0.5
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.4, 0.6), abs=1e-4)
    assert set(found.thresholds["shift_grey"]) == {-3276.8, 3276.8}
    # automatic: 5 % of the distance between the means of both halves, half the range
    automatic = measure_microstructure(sample, FRACTIONS)
    assert automatic.thresholds["shift_grey"].max() == pytest.approx(0.05 * 16384)


def test_two_thresholds_make_three_phases_and_labels_none() -> None:
    grey = np.repeat([10.0, 50, 90], 9).reshape(3, 3, 3)
    sample = grey_sample(Volume(grey, (1.0,) * 3), [30, 70])
    assert sample.phases.codes == {"pore": 0, "binder": 1, "active": 2}
    assert [sample.phases.mask(p).mean() for p in sample.phases.codes] == pytest.approx([1 / 3] * 3)
    for wrong in ([70, 30], [], [np.nan], [1, 2, 3]):
        with pytest.raises(InputError):
            grey_sample(Volume(grey, (1.0,) * 3), wrong)
    with pytest.raises(InputError, match="takes no threshold"):
        grey_sample(Volume(grey, (1.0,) * 3, metadata={"kind": "labels"}), [30])


def test_labels_are_particles_and_pores() -> None:
    labels = np.zeros((20, 20, 20), np.int32)
    labels[:5] = 4
    sample = labels_sample(Volume(labels, (1.0,) * 3, name="labels"))
    found = measure_microstructure(sample, FRACTIONS)
    assert rows(found.table, WHOLE, "active")["value"] == 0.25
    assert any("holds labels" in note for note in found.notes)
    with pytest.raises(InputError, match="one grid"):
        with_labels(sample, Volume(labels[:4], (1.0,) * 3))
    with pytest.raises(InputError, match="mask"):
        labels_sample(Volume(labels > 0, (1.0,) * 3))


def test_lengths_on_an_assumed_voxel_size_say_so() -> None:
    volume = noise().with_voxel_size(1.0, "assumed 1 µm")
    choice = FRACTIONS.model_copy(update={"metrics": "volume_fraction,chords"})
    found = measure_microstructure(phases_sample(volume, CODES), choice)
    units = found.table.groupby("metric")["unit"].unique()
    assert list(units["mean_chord"]) == ["µm, assumed"]
    assert list(units["volume_fraction"]) == [""]
    assert found.titles["mean_chord"] == "Mean chord (µm, assumed)"


def test_two_dimensions() -> None:
    found = measure_microstructure(phases_sample(noise((64, 64)), CODES), FRACTIONS)
    assert rows(found.table, SUB_REGIONS)["n_regions"] == 4


def failing(sample, settings, progress) -> Found:
    raise InputError("too thin.")


def test_what_cannot_be_measured_is_said() -> None:
    bad = Metric("bad", "Bad", {"bad": Quantity("Bad", "", "")}, failing)
    lacking = Metric("needy", "Needy", {"n": Quantity("N", "", "")}, failing, needs="labels")
    good = Metric(
        "good", "Good", {"good": Quantity("Good", "µm", "")},
        lambda *_: Found([Value("good", 2.0, axis="z", method="by hand")]),
    )  # fmt: skip
    sample = phases_sample(noise(), CODES)
    metrics = {m.name: m for m in (bad, lacking, good)}
    found = measure_microstructure(sample, metrics=metrics)
    assert set(found.table["metric"]) == {"good"}
    assert found.titles["good"] == "Good (µm)"
    assert any("too thin" in note for note in found.notes)
    assert any("has no labels" in note and "Needy" in note for note in found.notes)
    with pytest.raises(InputError, match="too thin"):
        measure_microstructure(sample, metrics={"bad": bad})
    with pytest.raises(InputError, match="no metric “x”"):
        choose(metrics, "x")
    with pytest.raises(InputError, match="Two volumes"):
        measure_microstructure([sample, sample], FRACTIONS)


def test_the_bar_ends_full_and_can_be_cancelled() -> None:
    seen: list[tuple[int, int]] = []

    def staged(sample, settings, progress) -> Found:
        for _ in range(3):
            progress.begin(4, "stage")
            progress.advance(4)
        return Found([Value("m", 1.0)])

    metrics = {"m": Metric("m", "M", {"m": Quantity("M", "", "")}, staged)}
    sample = phases_sample(noise(), CODES)
    progress = CallbackProgress(lambda done, total, what: seen.append((done, total)))
    measure_microstructure(sample, progress=progress, metrics=metrics)
    assert seen[-1][0] == seen[-1][1]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    stop = CallbackProgress(lambda *_: None, lambda: True)
    with pytest.raises(Cancelled):
        measure_microstructure(sample, progress=stop, metrics=metrics)
