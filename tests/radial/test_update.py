"""Tables after corrections by hand, against measuring everything again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.radial import RadialResult, RadialSettings, radial_tables, update_tables
from napari_battery.radial.find import label_boxes
from napari_battery.volume import Volume

SHAPES = [(9, 14, 17), (1, 12, 9), (21, 26)]


def blocks(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, n: int) -> Any:
    data = np.zeros(shape, dtype)
    for _ in range(n):
        data[random_box(rng, shape)] = random_label(rng, dtype)
    return data


def random_box(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[slice, ...]:
    low = [int(rng.integers(0, n)) for n in shape]
    return tuple(slice(a, int(rng.integers(a + 1, n + 1))) for a, n in zip(low, shape, strict=True))


def random_label(rng: np.random.Generator, dtype: Any) -> int:
    """Mostly small numbers, so that labels are painted over one another."""
    top = int(np.iinfo(dtype).max)
    return int(rng.choice([0, 1, 2, 3, 5, 8, 100, top]))


def assert_same(one: RadialResult, other: RadialResult) -> None:
    for name in ("particles", "layers", "shells"):
        a, b = getattr(one, name), getattr(other, name)
        if a is None:
            assert b is None
        else:
            pd.testing.assert_frame_equal(a, b, check_exact=True)
    assert one.notes == other.notes
    assert one.provenance["notes"] == other.provenance["notes"]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from(SHAPES),
    dtype=st.sampled_from([np.uint8, np.int32, np.uint16, np.int64]),
    grey=st.sampled_from([np.uint8, np.uint16, np.float32]),
    region=st.booleans(),
    shells=st.booleans(),
    cubic=st.booleans(),
    knows_boxes=st.booleans(),
)
def test_updating_equals_measuring_everything_again(
    seed: int,
    shape: tuple[int, ...],
    dtype: Any,
    grey: Any,
    region: bool,
    shells: bool,
    cubic: bool,
    knows_boxes: bool,
) -> None:
    rng = np.random.default_rng(seed)
    size = (0.5,) * len(shape) if cubic else (0.7, 0.5, 0.4)[-len(shape) :]
    levels = rng.integers(0, 200, shape).astype(grey)
    if levels.dtype.kind == "f":
        levels[rng.random(shape) < 0.02] = np.nan
    image = Volume(levels, size, (3.0, -2.0, 7.0)[-len(shape) :], name="scan")
    allowed = rng.random(shape) < 0.9 if region else None
    options = RadialSettings(exclude_layers=1, centroid_shells=shells)
    before = image.like(blocks(rng, shape, dtype, 12), "P", region=allowed)
    result = radial_tables(before, image, options)

    for _ in range(3):
        after = before.like(before.data.copy(), "P", region=allowed)
        box = random_box(rng, shape)
        was = np.unique(after.data[box])
        if rng.random() < 0.5:
            after.data[box] = random_label(rng, dtype)
        else:  # a merge, or a deletion
            after.data[np.isin(after.data, was)] = random_label(rng, dtype)
        changed = np.unique(
            np.concatenate(
                [[0], *[v[before.data != after.data] for v in (before.data, after.data)]]
            )
        )
        boxes = None
        if knows_boxes:  # none is tight
            wide = np.array([(0, n) for n in shape])
            labels, tight = label_boxes(after)
            ends = [np.clip(b + np.array([-2, 1]), wide[:, :1], wide[:, 1:]) for b in tight]
            boxes = dict(zip(labels.tolist(), ends, strict=True))
        result = update_tables(result, after, image, changed, boxes=boxes)
        assert_same(result, radial_tables(after, image, options))
        before = after


def test_labels_found_are_those_there() -> None:
    data = np.zeros((5, 6, 7), np.int32)
    data[1:3, 2:5, 0:4] = 9
    data[4, 5, 6] = 70_000
    labels, boxes = label_boxes(Volume(data, name="P"))
    assert labels.tolist() == [9, 70_000]
    assert boxes.tolist() == [[[1, 3], [2, 5], [0, 4]], [[4, 5], [5, 6], [6, 7]]]
    labels, boxes = label_boxes(Volume(data[1, :, :], name="P"))
    assert boxes.tolist() == [[[2, 5], [0, 4]]]


def volumes() -> tuple[Volume, Volume]:
    rng = np.random.default_rng(4)
    image = Volume(rng.integers(0, 255, (12, 14, 16), np.uint8), (1.0, 1.0, 1.0), name="scan")
    data = np.zeros(image.shape, np.int32)
    data[2:9, 2:9, 2:9] = 7
    data[3:9, 3:9, 10:15] = 100_000
    return image.like(data, "P"), image


def test_rows_of_another_grid_are_not_mixed() -> None:
    labels, image = volumes()
    result = radial_tables(labels, image)
    larger = [v.with_voxel_size(2.0, "typed in") for v in (labels, image)]
    with pytest.raises(InputError, match="voxel size or the place of “P”"):
        update_tables(result, larger[0], larger[1], [7])
    moved = [Volume(v.data, (1, 1, 1), (50, 0, 0), name=v.name) for v in (labels, image)]
    with pytest.raises(InputError, match="voxel size or the place"):
        update_tables(result, moved[0], moved[1], [7])
    flat = Volume(image.data[0], (1, 1), name="scan")
    with pytest.raises(InputError, match="both must be 2-D or both 3-D"):
        update_tables(result, labels, flat, [7])


@pytest.mark.parametrize("with_region", [False, True])
def test_an_image_on_another_grid_is_resampled_around_the_particles(with_region: bool) -> None:
    labels, _ = volumes()
    rng = np.random.default_rng(6)
    grey = rng.integers(0, 255, (9, 11, 9), np.uint8)  # ends within the labels along x
    region = rng.random(grey.shape) < 0.9 if with_region else None
    image = Volume(grey, (1.5, 1.4, 1.6), (-0.3, 0.2, 0.1), name="scan", region=region)
    options = RadialSettings(exclude_layers=1)
    result = radial_tables(labels, image, options)
    after = labels.like(labels.data.copy(), "P")
    after.data[after.data == 7] = 100_000
    after.data[0:3, 0:3, 0:3] = 12
    after.data[5:7, 5:7, 15:16] = 13  # where the image has no data
    got = update_tables(result, after, image, [7, 12, 13, 100_000])
    expected = radial_tables(after, image, options)
    # resampled from another corner: float32 grey levels may differ in the last digit
    for name in ("particles", "layers"):
        a, b = getattr(got, name), getattr(expected, name)
        pd.testing.assert_frame_equal(a, b, rtol=1e-5, atol=1e-5)
    assert got.notes == expected.notes


def test_negative_labels_are_refused() -> None:
    labels, image = volumes()
    with pytest.raises(InputError, match="-3 is negative"):
        update_tables(radial_tables(labels, image), labels, image, [-3])


def test_provenance_tells_of_the_corrections() -> None:
    labels, image = volumes()
    result = radial_tables(labels, image)
    labels.data[labels.data == 7] = 0
    labels.metadata["made"] = {"step": "label", "hand_corrections": {"deleted": 1}}
    after = update_tables(result, labels, image, [7], boxes={})
    assert after.particles["label"].tolist() == [100_000]
    assert after.provenance["inputs"][0]["made"]["hand_corrections"] == {"deleted": 1}
    assert after.provenance["updated"]
    assert "updated" not in result.provenance
    assert len(result.particles) == 2
