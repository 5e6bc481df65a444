from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_battery.errors import InputError
from napari_battery.registration.landmark_files import read_landmarks, write_landmarks


@pytest.mark.parametrize("ndim", [2, 3])
def test_pairs_come_back_to_the_last_digit(tmp_path: Path, ndim: int) -> None:
    fixed, moving = np.random.default_rng(0).normal(0, 1e3, (2, 6, ndim))
    write_landmarks(tmp_path / "pairs.csv", fixed, moving)
    one, other = read_landmarks(tmp_path / "pairs.csv")
    np.testing.assert_array_equal(one, fixed)
    np.testing.assert_array_equal(other, moving)


def test_columns_in_any_order_beside_others_as_spreadsheets_write_them(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(
        "\ufeffname, moving_y_um,moving_x_um,fixed_x_um,fixed_y_um\r\na, 1,2,3,4\r\nb, 5,6,7,8\r\n",
        encoding="utf-8",
    )
    fixed, moving = read_landmarks(path)
    np.testing.assert_array_equal(fixed, [[4, 3], [8, 7]])
    np.testing.assert_array_equal(moving, [[1, 2], [5, 6]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Cannot read"),
        ("a,b\n1,2\n", "no column fixed_y_um"),
        ("fixed_z_um,fixed_y_um,fixed_x_um,moving_y_um,moving_x_um\n1,2,3,4,5\n", "moving_z_um"),
        (
            "fixed_y_um,fixed_x_um,moving_y_um,moving_x_um\n1,2,3,4\n1,x,3,4\n",
            "Row 2 .* fixed_x_um",
        ),
        ("fixed_y_um,fixed_x_um,moving_y_um,moving_x_um\n1,2,3,\n", "Row 1 .* moving_x_um"),
        ("fixed_y_um,fixed_x_um,moving_y_um,moving_x_um\n1,2,3,inf\n", "Row 1"),
        ("\x00\x01\xff", "Cannot read|no column"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=says):
        read_landmarks(path)


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file of landmarks"):
        read_landmarks(tmp_path / "none.csv")
    with pytest.raises(InputError, match="shapes"):
        write_landmarks(tmp_path / "pairs.csv", np.zeros((3, 3)), np.zeros((2, 3)))
    with pytest.raises(InputError, match="does not exist"):
        write_landmarks(tmp_path / "missing" / "pairs.csv", np.zeros((3, 3)), np.zeros((3, 3)))
    assert not any(tmp_path.iterdir())
