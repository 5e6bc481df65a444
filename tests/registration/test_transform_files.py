from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.errors import InputError
from napari_battery.registration.rotations import rotation_matrix
from napari_battery.registration.transform import KINDS, Kind, Transform
from napari_battery.registration.transform_files import (
    from_itk,
    read_transform,
    to_itk,
    write_transform,
)


def a_transform(kind: Kind, ndim: int, seed: int = 0) -> Transform:
    random = np.random.default_rng(seed)
    linear = np.eye(ndim)
    if kind != "translation":
        linear = rotation_matrix(random.uniform(-2.5, 2.5, 3 if ndim == 3 else 1))
    if kind == "similarity":
        linear = linear * random.uniform(0.3, 3)
    if kind == "affine":
        linear = linear @ (np.eye(ndim) + np.triu(random.uniform(-0.3, 0.3, (ndim, ndim))))
    matrix = np.eye(ndim + 1)
    matrix[:-1, :-1], matrix[:-1, -1] = linear, random.uniform(-900, 900, ndim)
    sizes = tuple(random.uniform(0.3, 3, ndim))
    return Transform(matrix, kind, sizes, (0.74,) * ndim, {"correlation_after": 0.93})


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_json_keeps_everything_to_the_last_bit(tmp_path: Path, kind: Kind, ndim: int) -> None:
    path, made = tmp_path / "to pristine.json", a_transform(kind, ndim)
    write_transform(path, made)
    back = read_transform(path)
    np.testing.assert_array_equal(back.matrix, made.matrix)
    for name in ("kind", "fixed_voxel_size_um", "moving_voxel_size_um", "quality", "unit"):
        assert getattr(back, name) == getattr(made, name), name
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_json_is_the_contracts(tmp_path: Path) -> None:
    write_transform(tmp_path / "t.json", a_transform("rigid", 3))
    content = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert content["format"] == "napari-battery-transform/1"
    assert (content["unit"], content["axes"], content["kind"]) == ("um", "zyx", "rigid")
    assert np.shape(content["moving_to_fixed"]) == (4, 4)
    assert set(content) == {
        *("format", "unit", "axes", "moving_to_fixed", "kind", "quality"),
        *("fixed_voxel_size_um", "moving_voxel_size_um"),
    }
    write_transform(tmp_path / "v.json", Transform(np.eye(3), "rigid"))
    back = read_transform(tmp_path / "v.json")
    assert (back.unit, back.ndim, back.fixed_voxel_size_um) == ("voxel", 2, None)


def test_figures_of_numpy_are_numbers_and_none_is_null(tmp_path: Path) -> None:
    quality = {
        "correlation": np.float32(0.5),
        "blocks": np.array([[1.5, np.nan]]),
        "counts": (np.int64(3), True),
        "ratio": float("inf"),
        "warnings": ["little overlap"],
    }
    write_transform(tmp_path / "t.json", Transform(np.eye(4), quality=quality))
    text = (tmp_path / "t.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text)["quality"] == {
        "correlation": 0.5,
        "blocks": [[1.5, None]],
        "counts": [3, True],
        "ratio": None,
        "warnings": ["little overlap"],
    }


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(KINDS), ndim=st.sampled_from([2, 3]), seed=st.integers(0, 10_000))
def test_itk_does_to_points_the_inverse_in_x_y_z(kind: Kind, ndim: int, seed: int) -> None:
    made = a_transform(kind, ndim, seed)
    itk = to_itk(made)
    for point in np.random.default_rng(seed).uniform(-500, 500, (4, ndim)):
        in_fixed = made.apply_points([point])[0]
        at = np.array(itk.TransformPoint(in_fixed[::-1].tolist()))[::-1]
        # Positions of up to a few 1000 µm, and a matrix to 1e-11.
        np.testing.assert_allclose(at, point, atol=1e-7)


CLASSES = {
    "translation": "TranslationTransform",
    "rigid": "Euler{}DTransform",
    "similarity": "Similarity{}DTransform",
    "affine": "AffineTransform",
}


@pytest.mark.parametrize("suffix", [".tfm", ".txt"])
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_tfm_goes_round_and_names_itks_class(
    tmp_path: Path, kind: Kind, ndim: int, suffix: str
) -> None:
    path, made = tmp_path / f"t{suffix}", a_transform(kind, ndim, 3)
    write_transform(path, made)
    assert SimpleITK.ReadTransform(str(path)).Downcast().GetName() == CLASSES[kind].format(ndim)
    back = read_transform(path)
    np.testing.assert_allclose(back.linear, made.linear, atol=1e-9)
    np.testing.assert_allclose(back.matrix[:-1, -1], made.matrix[:-1, -1], atol=1e-6)
    assert (back.kind, back.unit, back.fixed_voxel_size_um) == (kind, "um", None)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", ["rigid", "similarity"])
@pytest.mark.parametrize("turn", [np.pi / 2, np.pi, -np.pi / 2])
@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0.0, 0.8)])
@pytest.mark.parametrize("off", [0.0, 1e-9, 1e-5])
def test_quarter_and_half_turns_survive_a_tfm(
    tmp_path: Path, kind: Kind, turn: float, axis: Any, off: float
) -> None:
    """Euler angles and versors, which ITK's files hold, lose some of them."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrix(np.multiply(turn, axis)) @ rotation_matrix([0.3, off, -off])
    matrix[:3, :3] *= 1.3 if kind == "similarity" else 1
    matrix[:3, 3] = [100, -300, 500]
    write_transform(tmp_path / "t.tfm", Transform(matrix, kind, unit="um"))
    back = read_transform(tmp_path / "t.tfm")
    np.testing.assert_allclose(back.linear, matrix[:3, :3], atol=1e-10)
    np.testing.assert_allclose(back.matrix[:3, 3], matrix[:3, 3], atol=1e-7)
    assert back.kind == kind


# As in ITK's Software Guide: matrix by rows, then translation; then the centre.
BY_HAND = """#Insight Transform File V1.0
#Transform 0
Transform: AffineTransform_double_3_3
Parameters: 0 -1 0 1 0 0 0 0 2 10 20 30
FixedParameters: 1 2 3
"""


def test_a_tfm_by_hand_means_what_itk_says(tmp_path: Path) -> None:
    path = tmp_path / "by hand.tfm"
    path.write_text(BY_HAND)
    read = read_transform(path)
    # Fixed (x, y, z) = (4, 6, 5): less the centre (3, 4, 2), turned (-4, 3, 4), plus centre
    # and translation (7, 25, 37).
    np.testing.assert_allclose(read.apply_points([[37, 25, 7]]), [[5, 6, 4]], atol=1e-12)
    assert read.kind == "affine"


def test_a_composite_of_linear_transforms_is_one(tmp_path: Path) -> None:
    one, other = a_transform("rigid", 3, 1), a_transform("affine", 3, 2)
    both = SimpleITK.CompositeTransform([to_itk(one), to_itk(other)])
    SimpleITK.WriteTransform(both, str(tmp_path / "both.tfm"))
    # ITK's composite runs its last first, on the way from fixed to moving.
    expected = other.compose(one).matrix
    np.testing.assert_allclose(
        read_transform(tmp_path / "both.tfm").matrix, expected, rtol=1e-9, atol=1e-6
    )


def test_a_deformation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bent.tfm"
    SimpleITK.WriteTransform(SimpleITK.BSplineTransform(3), str(path))
    with pytest.raises(InputError, match="deformation .*BSpline"):
        read_transform(path)
    with pytest.raises(InputError, match="deformation"):
        from_itk(SimpleITK.BSplineTransform(2))


def test_voxels_are_no_micrometres(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in voxels, and ITK's are in µm"):
        write_transform(tmp_path / "t.tfm", Transform(np.eye(4)))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "#Insight Transform File V1.0\n",
        BY_HAND.replace("Affine", "Unknown"),
        BY_HAND.replace("10 20 30", ""),
        BY_HAND.replace("0 0 2 10", "0 0 0 10"),
        BY_HAND.replace("10 20", "10 nan"),
        "\x00\x80" * 40,
    ],
)
def test_what_is_no_tfm_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.tfm"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="broken.tfm") as caught:
        read_transform(path)
    assert "0x" not in str(caught.value)
    assert "\n" not in str(caught.value)


def changed(**changes: Any) -> dict[str, Any]:
    content = {
        "format": "napari-battery-transform/1",
        "unit": "um",
        "axes": "zyx",
        "moving_to_fixed": np.eye(4).tolist(),
        "kind": "rigid",
        "fixed_voxel_size_um": [1, 1, 1],
        "moving_voxel_size_um": [2, 2, 2],
        "quality": {},
    }
    return {k: v for k, v in {**content, **changes}.items() if v != "left out"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (changed(format="other/1"), "format is 'other/1'"),
        (changed(format="left out"), "no transform"),
        ([1, 2], "no transform"),
        (changed(unit="nm"), "are in 'nm'"),
        (changed(unit="left out"), "incomplete: it has no unit"),
        (changed(moving_to_fixed="left out", kind="left out"), "no moving_to_fixed, kind"),
        (changed(moving_to_fixed=[[1, 2], [3]]), "no matrix"),
        (changed(moving_to_fixed=[["a"] * 4] * 4), "no matrix"),
        (changed(moving_to_fixed=np.eye(3).tolist()), "axes"),
        (changed(moving_to_fixed=5), "shape"),
        (changed(axes="xyz"), "'xyz'"),
        (changed(moving_to_fixed=np.zeros((4, 4)).tolist()), "last row"),
        (changed(moving_to_fixed=np.diag([2, 1, 1, 1]).tolist()), "kind “affine”"),
        (changed(kind="bent"), "no kind"),
        (changed(kind=[]), "no kind"),
        (changed(fixed_voxel_size_um=1), "fixed_voxel_size_um"),
        (changed(fixed_voxel_size_um=[1, 1]), "fixed_voxel_size_um"),
        (changed(moving_voxel_size_um=["1", 1, 1]), "moving_voxel_size_um"),
        (changed(moving_voxel_size_um=[0, 1, 1]), "moving_voxel_size_um"),
        (changed(quality=[1]), "quality"),
    ],
)
def test_json_that_is_wrong_is_refused_by_its_name(tmp_path: Path, content: Any, says: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=says) as caught:
        read_transform(path)
    assert "wrong.json" in str(caught.value)


def test_damaged_missing_and_others_are_refused(tmp_path: Path) -> None:
    for name, content, says in (
        ("cut.json", b'{"format": "napari', "damaged"),
        ("bytes.json", b"\xff\xfe\x00", "damaged"),
        ("deep.json", b"[" * 100_000, "damaged"),
        ("big.json", b" " * ((1 << 24) + 1), "16,777,217 bytes"),
        ("a.csv", b"", "json or .tfm"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=says):
            read_transform(tmp_path / name)
    with pytest.raises(InputError, match="There is no transform"):
        read_transform(tmp_path / "none.json")
    for name in ("t.csv", "missing/t.json", "missing/t.tfm"):
        with pytest.raises(InputError, match="Cannot write"):
            write_transform(tmp_path / name, a_transform("rigid", 3))


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "t.tfm"
    write_transform(path, a_transform("rigid", 3, 1))
    before = path.read_bytes()

    def fail(transform: Any, name: str) -> None:
        Path(name).write_text("half")
        raise RuntimeError("ITK ERROR: the disk is full")

    monkeypatch.setattr(SimpleITK, "WriteTransform", fail)
    with pytest.raises(InputError, match="the disk is full"):
        write_transform(path, a_transform("rigid", 3, 2))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.tfm"]
