from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.superres.patches import Patches, SplitSettings, split
from napari_battery.superres.split import cut_gap
from napari_battery.superres.training_image import TrainingImage


def _numbered(shape, ratio=3.108, group="one", name="numbered"):
    low = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    return TrainingImage(name, group, low, low, (ratio,) * 3, (1.0,) * 3)


def _indices(part, shape):
    """First and last index along each axis of a part of a numbered image."""
    index = np.array(np.unravel_index(part.low.ravel()[[0, -1]].astype(int), shape))
    return index[:, 0], index[:, 1]


@given(
    st.tuples(st.integers(1, 40), st.integers(8, 90), st.integers(8, 90)),
    st.floats(1.0, 5.0),
    st.sampled_from([1, 3, 5]),
    st.integers(1, 40),
    st.integers(0, 20),
    st.floats(0.05, 0.5),
)
@settings(max_examples=200, deadline=None)
def test_no_voxel_slice_or_halo_leaks_for_any_size(shape, ratio, slices, patch, halo, share):
    chosen = SplitSettings(share=share, patch=patch, slices=slices, halo=halo)
    image = _numbered(shape, ratio)
    least = (slices, patch, patch)
    kept = [max(side, round(share * n)) for n, side in zip(shape, least, strict=True)]
    room = [n - k - cut_gap(axis, ratio, chosen) for axis, (n, k) in enumerate(zip(shape, kept))]  # noqa: B905
    if (np.array(shape) < least).any() or (np.array(room) < least).all():
        with pytest.raises(InputError, match="too small"):
            split([image], chosen)
        return
    (train,), (validation,) = split([image], chosen)
    assert not set(train.low.ravel()) & set(validation.low.ravel())
    last, first = _indices(train, shape)[1], _indices(validation, shape)[0]
    apart = np.maximum(first - last - 1, -1)
    axis = int(np.argmax(first > last))
    # low-resolution voxels: two on either side make a cubic voxel, so four voxels' width apart
    reach = slices - 1 if axis == 0 else halo
    assert apart[axis] >= reach + 4 * ratio - 1e-9
    for part in (train, validation):
        assert (np.array(part.shape) >= least).all()


def test_patches_of_both_parts_share_no_voxel():
    image = _numbered((12, 60, 90), 2.0)
    chosen = SplitSettings(patch=16, slices=3, halo=4)
    parts = split([image], chosen)
    seen = []
    for images in parts:
        x, _ = Patches(images, 3, 16, 0).draw(300)
        seen.append({int(v) for v in np.unique(x)})
    assert not seen[0] & seen[1]


def test_the_boxes_of_the_files_say_what_each_part_was_made_of():
    image = replace(
        _numbered((12, 60, 90), 2.0),
        provenance={
            "low": {
                "name": "low.tif",
                "box": [[0, 6], [0, 30], [5, 50]],
                "from_high": [[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25]],
            },
            "high": {"name": "high.tif", "box": [[0, 12], [0, 60], [10, 100]]},
        },
    )
    (train,), (validation,) = split([image], SplitSettings(patch=16, halo=4))
    assert validation.provenance["high"]["box"] == [[0, 12], [0, 60], [82, 100]]
    # columns 72 to 90 are low voxels 36 to 45 of the box, and two more that cubic reaches
    assert validation.provenance["low"]["box"] == [[0, 6], [0, 30], [39, 50]]
    assert train.provenance["high"]["box"][2] == [10, 10 + train.shape[2]]
    assert train.provenance["low"]["box"][2][1] <= 39
    assert image.provenance["high"]["box"][2] == [10, 100]


def test_groups_stay_whole():
    images = [_numbered((1, 20, 20), group=g, name=f"{g}{k}") for g in "abcde" for k in range(2)]
    train, validation = split(images, SplitSettings(by="group", share=0.2, patch=8))
    assert not {i.group for i in train} & {i.group for i in validation}
    assert len(validation) == 2
    assert len(train) == 8


def test_one_sample_cannot_be_split_by_sample():
    with pytest.raises(InputError, match="two samples"):
        split([_numbered((1, 20, 20))], SplitSettings(by="group"))


def test_one_sample_of_two_shapes_is_not_split_by_region():
    images = [_numbered((1, 200, 200)), _numbered((1, 200, 210))]
    with pytest.raises(InputError, match="same place"):
        split(images, SplitSettings(patch=32))


def test_one_sample_of_several_ratios_is_cut_at_one_place():
    # alone, the first would be cut along z and the second along x
    shape = (80, 30, 100)
    images = [_numbered(shape, ratio) for ratio in (1.5, 3.0)]
    train, validation = split(images, SplitSettings(patch=20, halo=2))
    seen, kept = (np.concatenate([i.low.ravel() for i in part]) for part in (train, validation))
    assert not set(seen) & set(kept)


@pytest.mark.parametrize("by", ["region", "group"])
def test_one_file_under_two_names_is_no_two_samples(by):
    def named(group, box):
        high = {"name": "high.tif", "fingerprint": "sha256:1", "box": box}
        image = _numbered((12, 60, 90), 2.0, group=group, name=group)
        return replace(image, provenance={"high": high})

    chosen = SplitSettings(by=by, patch=16, share=0.3)
    one = named("one", [[0, 12], [0, 60], [0, 90]])
    with pytest.raises(InputError, match="show the same part of high.tif"):
        split([one, named("other", [[0, 12], [0, 60], [20, 110]])], chosen)
    split([one, named("other", [[0, 12], [0, 60], [90, 180]])], chosen)


def test_no_images_are_refused():
    with pytest.raises(InputError, match="no images"):
        split([], SplitSettings())
