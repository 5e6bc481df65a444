"""Judging a pair: every method sees the same, and what cannot be judged is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_battery.errors import InputError
from napari_battery.files import fingerprint
from napari_battery.io import read_volume, write_volume
from napari_battery.prepare import crop
from napari_battery.registration.transform import transform_between
from napari_battery.superres.card import Card, TrainingData
from napari_battery.superres.cubic import cubic_onto
from napari_battery.superres.greys import robust_greys
from napari_battery.superres.judge import judge
from napari_battery.superres.judge_metrics import METRICS
from napari_battery.superres.judge_regions import parse_region
from napari_battery.superres.judge_settings import JudgeSettings
from napari_battery.superres.judge_table import CUBIC, MATCHED
from napari_battery.superres.model_files import Model
from napari_battery.superres.networks import make_network, parameters
from napari_battery.tables import SUPERRES_QUALITY, SUPERRES_REGIONS

SETTINGS = JudgeSettings(region_size=20, resamples=400, precision="float32")


def model(name: str = "nothing learnt", training: tuple[TrainingData, ...] = ()) -> Model:
    """A default network whose last layer is 0: what is left is the skip, cubic interpolation."""
    network = make_network("battery", slices=3, blocks=1, features=4)
    with torch.no_grad():
        for parameter in network.body.parameters():
            parameter.zero_()
    card = Card(
        name=name, network="battery", options=network.options, slices=network.slices,
        halo_px=network.halo, multiple=network.multiple, parameters=parameters(network),
        training=training,
    )  # fmt: skip
    return Model(network, card)


def means(judged, metric: str = "psnr_db") -> dict[str, float]:
    rows = judged.quality[judged.quality["metric"] == metric]
    return dict(zip(rows["method"], rows["value"], strict=True))


def test_a_model_that_adds_nothing_is_cubic_with_a_grey_match(scans):
    judged = judge(*scans, [model()], SETTINGS, keep=True)
    wide = judged.quality.pivot(index="metric", columns="method", values="value")
    # float32 through the network, normalised with a range of about 1
    np.testing.assert_allclose(wide["nothing learnt"], wide[MATCHED], rtol=2e-5)
    assert wide.loc["psnr_db", CUBIC] < wide.loc["psnr_db", MATCHED]
    gain = judged.quality.set_index(["method", "metric"]).loc[("nothing learnt", "mse")]
    assert abs(gain["difference"]) < 1e-6
    assert set(judged.quality["metric"]) == set(METRICS)
    assert tuple(judged.quality) == SUPERRES_QUALITY
    assert tuple(judged.regions) == SUPERRES_REGIONS[:-2]
    assert judged.made["models"][0]["precision"] == "float32"


def test_predictions_lie_on_the_high_scan_in_its_grey_levels(scans):
    low, high = scans
    judged = judge(low, high, [], SETTINGS, keep=True)
    predicted = judged.predictions[MATCHED]
    assert predicted.same_grid(high)
    x, y = (np.asarray(v.data, np.float64).ravel() for v in (predicted, high))
    slope, offset = np.polyfit(x, y, 1)
    # the line of least squares; the regions leave out a rim that the arrays here hold
    assert (slope, offset) == pytest.approx((1, 0), abs=0.02)
    # the same numbers by hand
    sampled = cubic_onto(low, high).data.astype(np.float64)
    greys = robust_greys(high)
    first = judged.regions.iloc[0]
    box = tuple(slice(first[f"bbox_{a}0"], first[f"bbox_{a}1"]) for a in "zyx")
    own = (sampled - robust_greys(low).low) / (robust_greys(low).high - robust_greys(low).low)
    true = (high.data - greys.low) / (greys.high - greys.low)
    assert first["method"] == CUBIC
    assert first["mse"] == pytest.approx(((own[box] - true[box]) ** 2).mean(), rel=1e-4)


def test_a_transform_in_either_direction_gives_what_the_place_gives(scans):
    low, high = scans
    there = judge(low, high, [], SETTINGS)
    away = replace(low, origin_um=tuple(o + d for o, d in zip(low.origin_um, (3, -9, 20))))  # noqa: B905
    back = np.eye(4)
    back[:3, 3] = -3, 9, -20
    for transform in (
        transform_between(high, away, back, "translation"),
        transform_between(away, high, np.linalg.inv(back), "translation"),
    ):
        moved = judge(away, high, [], SETTINGS, transform=transform)
        assert means(moved) == pytest.approx(means(there), rel=1e-5)


def test_a_shifted_pair_is_judged_with_a_warning_and_mended_on_request(scans):
    low, high = scans
    shifted = replace(low, origin_um=tuple(o + 0.9 for o in low.origin_um))
    judged = judge(shifted, high, [], SETTINGS)
    # √3 · 0.9 µm over 0.7 µm; registration is good to a few hundredths of a voxel
    assert judged.residual_voxels == pytest.approx(3**0.5 * 0.9 / 0.7, abs=0.1)
    assert "still shifted by 2.2" in judged.notes[0]
    straight = judge(low, high, [], SETTINGS)
    assert not any("shifted" in note for note in straight.notes)
    mended = judge(shifted, high, [], SETTINGS.model_copy(update={"mend": True}))
    assert mended.residual_voxels < 0.1
    assert means(judged)[MATCHED] < means(mended)[MATCHED] - 1
    assert means(mended)[MATCHED] == pytest.approx(means(straight)[MATCHED], abs=0.3)


def test_a_box_is_judged_as_it_is_within_the_whole(scans):
    low, high = scans
    box = parse_region("0:46,23:46,69:92")
    part = judge(low, high, [model()], SETTINGS, boxes=[box])
    everywhere = judge(low, high, [model()], SETTINGS)
    columns = ["bbox_z0", "bbox_y0", "bbox_x0", "bbox_z1", "bbox_y1", "bbox_x1", "method"]
    both = part.regions.merge(everywhere.regions, on=columns)
    assert len(both) == len(part.regions) == 2 * 3
    raw = both["method"] == CUBIC  # the grey match is over other regions
    np.testing.assert_allclose(both["psnr_db_x"][raw], both["psnr_db_y"][raw], rtol=1e-5)


def test_more_regions_than_wanted_are_drawn_by_the_seed(scans):
    few = SETTINGS.model_copy(update={"most_regions": 5})
    judged = judge(*scans, [], few)
    assert judged.regions["region"].nunique() == 5
    assert "5 of 24 regions were drawn." in judged.notes
    again = judge(*scans, [], few)
    assert again.regions.equals(judged.regions)


def test_what_a_model_was_trained_on_is_refused(scans, tmp_path):
    low, high = scans
    path = tmp_path / "high.tif"
    write_volume(path, high)
    box = ((0, 46), (0, 69), (0, 50))
    seen = model("leaky", (TrainingData(name="Texture", sha256=fingerprint(path), box=box),))
    from_file = read_volume(path)
    with pytest.raises(InputError, match="“leaky” learnt from: Texture.*0:46,0:69,50:92"):
        judge(low, from_file, [model(), seen], SETTINGS)
    judged = judge(low, from_file, [seen], SETTINGS, boxes=[parse_region("0:46,0:69,50:92")])
    assert "leaky" in means(judged)


def test_cracks_are_counted_where_they_are_labelled(scans):
    low, high = scans
    labels = high.like((high.data < np.quantile(high.data, 0.1)).astype(np.uint8) * 2, "labels")
    settings = SETTINGS.model_copy(update={"crack": 2})
    judged = judge(low, high, [], settings, labels=labels)
    rows = judged.quality.set_index(["method", "metric"])["value"]
    assert rows["high scan", "crack_recall"] == 1
    assert 0 < rows[MATCHED, "crack_recall"] <= 1
    assert tuple(judged.regions) == SUPERRES_REGIONS
    # a part of the labels, at its own place, is brought onto the grid
    part = crop(labels, [(0, 46), (0, 69), (10, 92)])
    again = judge(low, high, [], settings, labels=part)
    assert 0 < again.quality.set_index(["method", "metric"])["value"][MATCHED, "crack_recall"] <= 1
    with pytest.raises(InputError, match="--crack 2"):
        judge(low, high, [], SETTINGS, labels=labels)
    with pytest.raises(InputError, match="No voxel of “labels” carries 7"):
        judge(low, high, [], SETTINGS.model_copy(update={"crack": 7}), labels=labels)


def test_contrast_that_the_match_turns_round_is_said(scans):
    low, high = scans
    turned = replace(low, data=-np.asarray(low.data))
    (note,) = [n for n in judge(turned, high, [], SETTINGS).notes if "turned round" in n]
    assert "“high” gets brighter, cubic + grey match gets darker (gain -" in note
    assert not [n for n in judge(low, high, [], SETTINGS).notes if "turned round" in n]


def test_what_cannot_be_judged_is_said(scans):
    low, high = scans
    away = replace(low, origin_um=(900.0, 0.0, 0.0))
    flat = high.like(np.ones(high.shape, np.float32), "flat")
    cases = [
        ((away, high), {}, "do not overlap"),
        ((high, low), {}, "smaller than"),
        ((low, flat), {}, "has the grey level 1"),
        ((replace(low, voxel_size_um=None), high), {}, "voxel size of “low” is unknown"),
        ((low, high), {"boxes": [parse_region("0:46,0:69,0:99")]}, "reaches beyond “high”"),
        ((low, high), {"boxes": [parse_region("0:46,0:8,0:92")]}, "No region of 20 voxels"),
        (
            (crop(low, [(0, 20), (0, 30), (0, 20)]), high),
            {"boxes": [parse_region("0:46,0:69,0:40"), parse_region("0:46,0:69,60:92")]},
            "z 0 to 46, y 0 to 69, x 60 to 92 of “high” lies outside of what “low cropped” shows",
        ),
    ]
    for pair, given, message in cases:
        with pytest.raises(InputError, match=message):
            judge(*pair, [], SETTINGS, **given)
    slices = (replace(v, data=v.data[3], voxel_size_um=v.voxel_size_um[1:], origin_um=())
              for v in scans)  # fmt: skip
    with pytest.raises(InputError, match="has 2 axes"):
        judge(*slices, [], SETTINGS)
    with pytest.raises(InputError, match="Two methods are called"):
        judge(low, high, [model(), model()], SETTINGS)


def test_gaps_in_the_high_scan_cost_their_regions_only(scans):
    low, high = scans
    data = high.data.copy()
    data[5, 5, 5] = np.nan
    judged = judge(low, replace(high, data=data), [model()], SETTINGS)
    assert judged.regions["region"].nunique() == 23
    assert np.isfinite(judged.quality["value"]).all()
