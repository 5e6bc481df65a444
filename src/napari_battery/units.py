"""Lengths in whatever unit a file states, as µm."""

from __future__ import annotations

__all__ = ["UM_PER_UNIT", "to_um"]

UM_PER_UNIT: dict[str, float] = {
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("micrometers", "micrometres", "\\u00b5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometre", "nanometers", "nanometres"), 1e-3),
    **dict.fromkeys(("a", "å", "angstrom", "ångström"), 1e-4),
    **dict.fromkeys(("mm", "millimeter", "millimetre", "millimeters", "millimetres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre", "centimeters", "centimetres"), 1e4),
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), 1e6),
    **dict.fromkeys(("inch", "in", "inches"), 25_400.0),
}


def to_um(value: float, unit: str) -> float | None:
    """Convert a length to µm.

    Parameters
    ----------
    value : float
        Length in `unit`.
    unit : str
        Name or symbol of the unit, in any case ("nm", "Micron", "µm").

    Returns
    -------
    float or None
        Length in µm; None where the unit is no length ("pixel", "").
    """
    factor = UM_PER_UNIT.get(unit.strip().casefold().replace("μ", "µ"))
    return None if factor is None else value * factor
