"""Labels carried through states: identity, what is missing, grids, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.files import fingerprint
from napari_battery.io import read_volume
from napari_battery.labelling import (
    LabelSettings,
    PropagateSettings,
    label_particles,
    propagate_labels,
)
from napari_battery.progress import SILENT, CallbackProgress, Cancelled
from napari_battery.tables import PARTICLES_BY_STATE
from napari_battery.volume import Volume

SIZE = (0.5, 0.5, 0.5)


def balls(centres, radii, shape=(40, 44, 90)) -> np.ndarray:
    """Grey 200 balls on 50."""
    grid = np.moveaxis(np.indices(shape), 0, -1)
    image = np.full(shape, 50, np.uint8)
    for centre, radius in zip(centres, radii, strict=True):
        image[((grid - centre) ** 2).sum(-1) < radius**2] = 200
    return image


CENTRES = np.array([(20, 21, 16), (20, 22, 40), (19, 21, 66)])
RADII = [11, 12, 13]


def scan(shift=(0, 0, 0), growth=1.0, state="later", size=SIZE, which=(0, 1, 2)) -> Volume:
    data = balls(CENTRES[list(which)] + shift, [RADII[k] * growth for k in which])
    return Volume(data, size, name=f"scan {state}", metadata={"state": state})


@pytest.fixture(scope="module")
def reference() -> Volume:
    labels = label_particles(scan(state="pristine"))
    assert labels.metadata["n_labels"] == 3
    numbers = np.array([0, 700, 20, 90_000], np.int32)  # any numbers, beyond 16 bits, too
    return labels.like(numbers[labels.data], "pristine labels", metadata={"state": "pristine"})


def at(labels: Volume, shift=(0, 0, 0)) -> list[int]:
    return [int(labels.data[tuple(np.add(centre, shift))]) for centre in CENTRES]


@pytest.mark.parametrize("method", ["seeds", "overlap"])
def test_labels_keep_their_numbers(reference, method):
    images = [scan((0, 2, 3), 1.03, "4.0 V"), scan((1, 0, -4), 0.98, "4.4 V")]
    result = propagate_labels(reference, images, PropagateSettings(method=method))
    wanted = at(reference)
    assert sorted(wanted) == [20, 700, 90_000]
    assert at(result.labels[0], (0, 2, 3)) == wanted
    assert at(result.labels[1], (1, 0, -4)) == wanted
    assert result.states == ["pristine", "4.0 V", "4.4 V"]
    for labels, state in zip(result.labels, result.states[1:], strict=True):
        assert labels.dtype == np.int32
        assert labels.same_grid(reference)
        assert labels.metadata["state"] == state
        assert labels.metadata["made"]["step"] == "propagate"
    table = result.table
    assert tuple(table.columns) == PARTICLES_BY_STATE
    assert len(table) == 9
    assert table["kept"].all()
    assert (table["reason"] == "").all()
    assert (table["cross_label"] == table["label"]).all()
    later = table[table["state"] == "4.0 V"]
    # balls on whole voxels shift exactly; growth and partial voxels move a centre by less
    assert later["shift_x_um"].to_numpy() == pytest.approx([1.5] * 3, abs=0.05)
    assert later["shift_y_um"].to_numpy() == pytest.approx([1.0] * 3, abs=0.05)
    assert later["volume_change"].to_numpy() == pytest.approx([1.03**3 - 1] * 3, abs=0.04)


def test_a_particle_that_is_gone_keeps_its_row(reference):
    result = propagate_labels(reference, [scan(which=(0, 2))])
    table = result.table.set_index(["state", "label"])
    gone = table.loc[("later", at(reference)[1])]
    assert gone["reason"] == "missing"
    assert gone["note"] == "no voxel of its core lies in this state's mask"
    assert gone["volume_voxels"] == 0
    assert np.isnan(gone["volume_change"])
    assert not table.loc[("pristine", at(reference)[1]), "kept"]
    assert table["kept"].sum() == 4
    assert at(result.labels[0])[1] == 0


def test_cancel_at_every_step(reference):
    images = [scan((0, 1, 0))]
    seen = []
    propagate_labels(reference, images, progress=CallbackProgress(lambda *a: seen.append(a)))
    stages = list(dict.fromkeys(what for _, _, what in seen))
    assert stages[0] == "pristine: reading labels"
    assert "later: growing particles" in stages
    for stop_at in range(len(seen)):
        calls = iter(range(len(seen) + 1))
        with pytest.raises(Cancelled):
            propagate_labels(
                reference,
                images,
                progress=CallbackProgress(
                    lambda *a: None, lambda calls=calls, n=stop_at: next(calls) >= n
                ),
            )


def test_what_cannot_be_labels_is_refused(reference):
    image = scan()
    with pytest.raises(InputError, match="whole numbers"):
        propagate_labels(reference.like(reference.data.astype(np.float32), "floats"), [image])
    with pytest.raises(InputError, match="negative label -3"):
        wrong = reference.data.copy()
        wrong[5, 5, 5] = -3
        propagate_labels(reference.like(wrong, "minus"), [image])
    with pytest.raises(InputError, match="holds no label"):
        propagate_labels(reference.like(np.zeros_like(reference.data), "none"), [image])
    with pytest.raises(InputError, match="no later state"):
        propagate_labels(reference, [])
    with pytest.raises(InputError, match="one grey level"):
        propagate_labels(reference, [image.like(np.full(image.shape, 7, np.uint8), "flat")])
    with pytest.raises(InputError, match="seeds need the grey levels"):
        propagate_labels(
            reference, [reference.like(reference.data, "l", metadata={"kind": "labels"})]
        )


def test_a_state_without_particles(reference):
    nothing = LabelSettings(threshold="manual", manual_threshold=250)
    for method in ("seeds", "overlap"):
        result = propagate_labels(
            reference, [scan()], PropagateSettings(method=method), label_settings=nothing
        )
        assert not result.labels[0].data.any()
        later = result.table[result.table["state"] == "later"]
        assert (later["reason"] == "missing").all()
        assert not result.table["kept"].any()


def test_two_dimensions_and_one_slice(reference):
    """A slice as 2-D and as a volume one voxel thick: no particle is cut by faces it lies in."""
    image = scan((0, 1, 2))
    for cut, size in ((20, SIZE[1:]), (slice(20, 21), SIZE)):
        flat = Volume(reference.data[cut], size, name="slice", metadata={"state": "pristine"})
        later = Volume(image.data[cut], size, name="later")
        result = propagate_labels(flat, [later])
        table = result.table
        assert table["kept"].all(), table["reason"].unique()
        assert not table["touches_border"].any()
        assert result.labels[0].shape == flat.shape
        shift = table[table["state"] == "later"]["shift_x_um"]
        # discs that are cut where the ball is nearly as wide as anywhere
        assert shift.to_numpy() == pytest.approx([1.0] * 3, abs=0.05)
        if flat.ndim == 2:
            assert {"area_pixels", "area_um2"} <= set(table.columns)
            assert not any("_z_" in name or "volume_" in name for name in table.columns if
                           name != "volume_change")  # fmt: skip
            assert "contact_length_um" in result.contacts


def test_an_unknown_voxel_size_gives_voxels_and_no_um(reference):
    bare = Volume(reference.data, name="bare")
    result = propagate_labels(bare, [scan((0, 0, 2), size=None)])
    assert not any("_um" in name for name in (*result.table.columns, *result.contacts.columns))
    later = result.table[result.table["state"] == "later"]
    assert later["shift_x_voxels"].to_numpy() == pytest.approx([2] * 3, abs=0.1)
    assert result.table["kept"].all()
    # one of the two is enough
    known = propagate_labels(bare, [scan((0, 0, 2))])
    assert "only one of" in known.notes[0]
    assert "shift_x_voxels" in known.table
    assert propagate_labels(reference, [scan(size=None)]).table["kept"].all()
    with pytest.raises(InputError, match="in µm"):
        propagate_labels(bare, [scan(size=None)], label_settings=LabelSettings(length_unit="um"))


def test_a_state_on_another_grid_is_brought_onto_the_reference(reference):
    coarse = Volume(scan().data[2:38:2, ::2, ::2], (1.0, 1.0, 1.0), (1.0, 0, 0), name="coarse")
    few = LabelSettings(minimum_volume=20)
    result = propagate_labels(reference, [coarse], label_settings=few)
    assert any("another grid" in note for note in result.notes)
    assert result.labels[0].same_grid(reference)
    assert at(result.labels[0]) == at(reference)
    later = result.table[result.table["state"] == "coarse"]
    # every second voxel was kept: half a voxel of 0.5 µm at most
    assert np.abs(later[[f"shift_{a}_um" for a in "zyx"]].to_numpy()).max() < 0.25
    # what the coarse scan did not see is no background: a particle reaching there is cut
    half = Volume(scan().data[:, :, :38].copy(), SIZE, name="half")
    result = propagate_labels(reference, [half])
    row = result.table.set_index(["state", "label"]).loc[("half", at(reference)[1])]
    assert row["touches_border"]
    huge = Volume(reference.data * 1000, SIZE, (0.25, 0, 0), metadata={"kind": "labels"})
    with pytest.raises(InputError, match="label 90000000 is too large"):
        propagate_labels(reference, [huge], PropagateSettings(method="overlap"))
    elsewhere = Volume(scan().data, SIZE, (500.0, 0, 0), name="far")
    with pytest.raises(InputError, match="do not overlap"):
        propagate_labels(reference, [elsewhere])
    with pytest.raises(InputError, match="both must be 2-D or both 3-D"):
        propagate_labels(reference, [Volume(scan().data[20], SIZE[1:])])


def test_particles_at_the_edge_of_a_region_count_as_cut(reference):
    region = np.ones(reference.shape, bool)
    region[:, :, 70:] = False
    image = scan()
    inside = Volume(image.data, SIZE, name="inside", region=region)
    result = propagate_labels(reference, [inside])
    rows = result.table[result.table["state"] == "inside"].set_index("label")
    assert rows["touches_border"].loc[at(reference)].tolist() == [False, False, True]


def test_particles_at_voxels_without_data_count_as_cut(reference):
    """A registered scan holds NaN where the detector did not see."""
    data = scan().data.astype(np.float32)
    data[:, :, 70:] = np.nan
    rows = propagate_labels(reference, [Volume(data, SIZE, name="seen")]).table
    rows = rows[rows["state"] == "seen"].set_index("label")
    assert rows["touches_border"].loc[at(reference)].tolist() == [False, False, True]


def test_pieces_are_counted_and_told(reference):
    image = scan()
    gap = image.data.copy()
    gap[:, :, 38:43] = 50  # takes the middle out of the second ball
    rows = propagate_labels(reference, [image.like(gap, "gap")]).table
    row = rows[rows["state"] == "gap"].set_index("label").loc[at(reference)[1]]
    assert row["pieces"] == 2
    assert row["largest_piece"] == pytest.approx(0.5, abs=0.05)
    assert "several pieces" in row["reason"]
    assert row["note"].startswith("in 2 pieces, the largest of ")


def test_phases_serve_as_masks_and_labels_as_they_are(reference):
    later = scan((0, 0, 2))
    phases = Volume(
        np.where(later.data > 100, 2, np.where(later.data < 10, 1, 0)).astype(np.uint8),
        SIZE,
        name="later",
        metadata={"kind": "phases", "phases": {"pore": 0, "binder": 1, "active": 2}},
    )
    plain = LabelSettings(denoise="none")
    wanted = propagate_labels(reference, [later], label_settings=plain)
    for method in ("seeds", "overlap"):
        result = propagate_labels(
            reference, [phases], PropagateSettings(method=method), label_settings=plain
        )
        assert np.array_equal(result.labels[0].data, wanted.labels[0].data)
    alone = label_particles(later, plain)
    matched = propagate_labels(reference, [alone], PropagateSettings(method="overlap"))
    assert np.array_equal(matched.labels[0].data, wanted.labels[0].data)
    assert matched.table["cross_iou"].isna().all()


def test_new_particles_get_new_numbers_and_are_told(reference):
    grown = scan().data.copy()
    grown[2:10, 2:10, 2:10] = 200
    image = scan().like(grown, "more")
    seeds = propagate_labels(reference, [image])
    assert seeds.labels[0].data[5, 5, 5] == 0
    assert any("no particle of the reference reaches" in note for note in seeds.notes)
    result = propagate_labels(reference, [image], PropagateSettings(method="overlap"))
    assert result.labels[0].data[5, 5, 5] == 90_001
    assert any("1 labels match none" in note for note in result.notes)
    assert set(result.table["label"]) == set(at(reference))


def test_states_of_one_name_are_told_apart(reference):
    result = propagate_labels(reference, [scan(state="4.4 V"), scan(state="4.4 V")])
    assert result.states == ["pristine", "4.4 V", "4.4 V (2)"]
    assert len(result.table) == 9


def test_states_are_taken_one_at_a_time_and_written(reference, tmp_path):
    alive: list[object] = []

    def images():
        import gc
        import weakref

        for k in range(3):
            gc.collect()
            assert not any(ref() is not None for ref in alive)
            image = scan((0, k, 0), state=f"s{k}")
            alive.append(weakref.ref(image.data))
            yield image
            del image

    files = [tmp_path / f"{k}.tif" for k in range(3)]
    result = propagate_labels(reference, images(), out=files)
    assert [labels.path for labels in result.labels] == files
    assert at(result.labels[2], (0, 2, 0)) == at(reference)
    assert len(alive) == 3


@pytest.mark.parametrize("ending", [".tif", ".ome.zarr"])
def test_files_change_together_or_not_at_all(reference, tmp_path, ending):
    files = [tmp_path / f"{k}{ending}" for k in range(2)]

    def report(done, total, what):
        if what.startswith("s1: growing"):
            raise Cancelled

    def propagated(shift, progress=SILENT):
        images = [scan((0, shift, 0), state=f"s{k}") for k in range(2)]
        return propagate_labels(reference, images, progress=progress, out=files)

    with pytest.raises(Cancelled):
        propagated(1, CallbackProgress(report))
    assert list(tmp_path.iterdir()) == []
    first = propagated(1)
    assert at(first.labels[0], (0, 1, 0)) == at(reference)
    there = {path: fingerprint(path) for path in tmp_path.iterdir()}
    beside = {path.with_name(f"{path.name}.provenance.json") for path in files}
    assert set(there) == {*files, *beside}
    with pytest.raises(Cancelled):
        propagated(2, CallbackProgress(report))
    assert {path: fingerprint(path) for path in tmp_path.iterdir()} == there
    propagated(2)
    for path in files:
        volume = read_volume(path)
        assert at(volume, (0, 2, 0)) == at(reference)
        assert volume.metadata["made"]["step"] == "propagate"
    assert set(tmp_path.iterdir()) == set(there)


def test_more_labels_than_16_bits_hold():
    """70,000 blocks of 2 × 2 × 2 that touch one another, followed onto themselves."""
    n = (35, 40, 50)
    labels = (np.arange(np.prod(n)) + 1).reshape(n).astype(np.uint32)
    labels = labels.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    image = np.full(labels.shape, 200, np.uint8)
    image[0] = 10
    no_cleaning = LabelSettings(denoise="none", fill_holes=False)
    result = propagate_labels(
        Volume(labels), [Volume(image)], PropagateSettings(cross_check=False), no_cleaning
    )
    assert result.labels[0].dtype == np.int32
    assert result.labels[0].data.max() == 70_000
    assert np.array_equal(result.labels[0].data[1:], labels[1:])


@pytest.mark.parametrize("dtype", ["u1", "i2", ">u2", "u4", "i8", "u8"])
def test_any_integer_type_gives_the_same_labels(reference, dtype):
    small = np.zeros(int(reference.data.max()) + 1, np.int32)
    small[at(reference)] = [3, 1, 2]
    labels = reference.like(small[reference.data], "small")
    wanted = propagate_labels(labels, [scan((0, 1, 1))])
    found = propagate_labels(labels.like(labels.data.astype(dtype), "small"), [scan((0, 1, 1))])
    assert np.array_equal(found.labels[0].data, wanted.labels[0].data)
    assert found.table.equals(wanted.table)
