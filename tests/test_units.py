import pytest

from napari_battery.units import to_um


@pytest.mark.parametrize(
    ("value", "unit", "um"),
    [(325, "nm", 0.325), (1, "micron", 1), (1, "µm", 1), (1, "μm", 1), (2, "mm", 2000),
     (1, "inch", 25400), (10, "Å", 1e-3), (1, " Micrometer ", 1), (1, "\\u00b5m", 1)],
)  # fmt: skip
def test_lengths_become_um(value: float, unit: str, um: float) -> None:
    assert to_um(value, unit) == pytest.approx(um, rel=1e-12)


@pytest.mark.parametrize("unit", ["", "pixel", "dpi", "s"])
def test_what_is_no_length_is_none(unit: str) -> None:
    assert to_um(1, unit) is None
