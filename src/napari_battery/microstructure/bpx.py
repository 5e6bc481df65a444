"""Write measured microstructure into a BPX file, as PyBaMM and others read it."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from napari_battery.errors import InputError

__all__ = [
    "Electrode",
    "Side",
    "electrode_from_table",
    "merge_electrode",
    "problems",
    "read_template",
]

Side = Literal["positive", "negative"]

_THICKNESS = "Thickness [m]"
_POROSITY = "Porosity"
_EFFICIENCY = "Transport efficiency"
_RADIUS = "Particle radius [m]"
_AREA = "Surface area per unit volume [m-1]"
_FARADAY = 96485.33212
_UM = 1e-6


@dataclass(frozen=True)
class Electrode:
    """What a microstructure says of one electrode.

    Parameters
    ----------
    thickness_um : float
        Of the coating.
    porosity : float
        Volume fraction of electrolyte.
    transport_efficiency : float
        D_eff/D₀ along the thickness.
    active_fraction : float
        Volume fraction of active material.
    surface_area_per_um : float
        Surface of the active material per volume of the electrode, 1/µm.
    assumed : bool
        Whether lengths rest on a voxel size that is only assumed.
    """

    thickness_um: float
    porosity: float
    transport_efficiency: float
    active_fraction: float
    surface_area_per_um: float
    assumed: bool = False

    @property
    def particle_radius_um(self) -> float:
        """R = 3 ε_AM / a: the balls that have this surface and this volume.

        BPX has no field for the active fraction; PyBaMM takes ε_AM = a·R/3 from it. Only this
        radius gives back the fraction that was measured; a mean of the particles' sizes does
        not.
        """
        return 3 * self.active_fraction / self.surface_area_per_um

    @property
    def bruggeman_exponent(self) -> float:
        """Exponent b of D_eff/D₀ = ε^b, which others may ask for in place of the efficiency."""
        return math.log(self.transport_efficiency) / math.log(self.porosity)

    def parameters(self) -> dict[str, float]:
        """The fields of BPX, in SI units."""
        return {
            _THICKNESS: self.thickness_um * _UM,
            _POROSITY: self.porosity,
            _EFFICIENCY: self.transport_efficiency,
            _RADIUS: self.particle_radius_um * _UM,
            _AREA: self.surface_area_per_um / _UM,
        }


def electrode_from_table(
    table: pd.DataFrame,
    volume: str | None = None,
    axis: str = "z",
    thickness_um: float | None = None,
) -> Electrode:
    """Take an electrode's numbers from a measured microstructure.

    Parameters
    ----------
    table : DataFrame
        ``tables.MICROSTRUCTURE``, with volume fractions, diffusion along `axis`, surfaces and,
        without `thickness_um`, the electrode's thickness.
    volume : str, optional
        Which volume of the table; may be left out where there is one.
    axis : str
        Through the electrode's thickness.
    thickness_um : float, optional
        Of the coating, where the volume is only a part of it.

    Returns
    -------
    Electrode

    Raises
    ------
    InputError
        If a number is missing, names the metric to measure; or if numbers contradict.
    """
    missing = [name for name in ("volume", "region", "metric", "value") if name not in table]
    if missing:
        raise InputError(
            f"The table has no column {', '.join(missing)}: give the microstructure.csv that "
            "“napari-battery microstructure” writes."
        )
    whole = table[table["region"] == "whole"]
    names = list(dict.fromkeys(whole["volume"].astype(str)))
    if volume is None and len(names) > 1:
        raise InputError(f"The table holds {', '.join(names)}: say which volume is meant.")
    chosen = names[0] if volume is None and names else str(volume)
    rows = whole[whole["volume"].astype(str) == chosen]
    if rows.empty:
        raise InputError(f"The table holds no volume “{chosen}”; it has {', '.join(names)}.")
    found = Electrode(
        thickness_um=_thickness(rows, axis, thickness_um),
        porosity=_number(rows, "volume_fraction", "pore"),
        transport_efficiency=_number(rows, "relative_diffusivity", "pore", axis),
        active_fraction=_number(rows, "volume_fraction", "active"),
        surface_area_per_um=_number(rows, "surface_area_per_volume", "active"),
        assumed=bool(_texts(rows, "unit").str.contains("assumed").any()),
    )
    wrong = problems(found)
    if wrong:
        raise InputError(f"“{chosen}” makes no electrode: {' '.join(wrong)}")
    return found


def _thickness(rows: pd.DataFrame, axis: str, given: float | None) -> float:
    if given is not None:
        return given
    measured = rows[rows["metric"] == "electrode_thickness"]
    if measured.empty:
        raise InputError(
            "The electrode's thickness is unknown: give it in µm, or measure electrode_thickness."
        )
    return _number(rows, "electrode_thickness", "", axis)


def _number(rows: pd.DataFrame, metric: str, phase: str, axis: str = "") -> float:
    phases = _texts(rows, "phase")
    here = (rows["metric"] == metric) & ((phases == phase) | phases.str.startswith(f"{phase} +"))
    if axis:
        here &= rows["axis"] == axis
    values = rows.loc[here, "value"].to_numpy(np.float64)
    if not len(values):
        where = " ".join(filter(None, (phase, f"along {axis}" if axis else "")))
        raise InputError(f"The table has no {metric} of {where}: measure it (--metrics all).")
    return float(values[0])


def _texts(rows: pd.DataFrame, column: str) -> pd.Series:
    """A column as texts; an empty cell, or a column that is missing, is empty text."""
    cells = rows[column] if column in rows else [""] * len(rows)
    texts = [cell if isinstance(cell, str) else "" for cell in cells]
    return pd.Series(texts, index=rows.index, dtype=str)


def problems(electrode: Electrode) -> list[str]:
    """What cannot be true of an electrode; empty if nothing."""
    e, said = electrode, []
    for name, value in (
        ("Thickness", e.thickness_um),
        ("Porosity", e.porosity),
        ("Transport efficiency", e.transport_efficiency),
        ("Active fraction", e.active_fraction),
        ("Surface area", e.surface_area_per_um),
    ):
        if not (math.isfinite(value) and value > 0):
            said.append(f"{name} is {value:g}; it must be above 0.")
    if e.porosity + e.active_fraction > 1 + 1e-6:
        said.append(
            f"Porosity {e.porosity:.4g} and active fraction {e.active_fraction:.4g} add up to "
            "more than 1."
        )
    if e.transport_efficiency > e.porosity * (1 + 1e-3):
        said.append(
            f"Transport efficiency {e.transport_efficiency:.4g} is above the porosity "
            f"{e.porosity:.4g}: κ would be below 1."
        )
    return said


def read_template(path: Path) -> dict[str, Any]:
    """Read a BPX file.

    Raises
    ------
    InputError
        If it is no JSON, or has no ``Parameterisation``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read the template {path}: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("Parameterisation"), dict):
        raise InputError(f"{path} is no BPX file: it has no “Parameterisation”.")
    return content


def merge_electrode(
    template: dict[str, Any], electrode: Electrode, side: Side = "positive"
) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    """Put an electrode's numbers into a BPX template.

    Parameters
    ----------
    template : dict
        A whole BPX file; it is not changed.
    electrode : Electrode
        What was measured.
    side : {"positive", "negative"}
        Which electrode of the cell.

    Returns
    -------
    merged : dict
        The template with these fields replaced.
    changes : list of dict
        ``field, before, after`` of each.
    notes : list of str
        What no longer goes together with the rest of the template.

    Raises
    ------
    InputError
        If the template has no such electrode, or a blend of materials: one surface cannot be
        shared out.
    """
    merged = copy.deepcopy(template)
    name = f"{side.capitalize()} electrode"
    section = merged["Parameterisation"].get(name)
    if not isinstance(section, dict):
        raise InputError(f"The template has no “{name}”.")
    if "Particle" in section:
        raise InputError(
            f"The template's {name.lower()} is a blend of materials; one measured surface "
            "cannot be shared out between them."
        )
    single_particle = _POROSITY not in section and _EFFICIENCY not in section
    changes = []
    for field, value in electrode.parameters().items():
        if single_particle and field in (_POROSITY, _EFFICIENCY):
            continue  # a single-particle model has no such field
        changes.append({"field": field, "before": section.get(field), "after": value})
        section[field] = value
    notes = _disagreements(template, merged, electrode, name)
    if single_particle:
        notes.append("The template is of a single-particle model: no porosity, no transport.")
    return merged, changes, notes


def _disagreements(
    template: dict[str, Any], merged: dict[str, Any], electrode: Electrode, name: str
) -> list[str]:
    """Large jumps, and a capacity that the electrode no longer has."""
    notes = []
    if electrode.assumed:
        notes.append(
            "The voxel size of the volume was only assumed: thickness, particle radius and surface "
            "area hang on it. Measure again with the true one."
        )
    before = template["Parameterisation"][name]
    for field, value in electrode.parameters().items():
        old = before.get(field)
        if isinstance(old, int | float) and old > 0 and not 0.5 <= value / old <= 2:
            notes.append(f"{field} goes from {old:.4g} to {value:.4g}: is the unit right?")
    capacity = _capacity_ah(merged, name)
    nominal = (merged["Parameterisation"].get("Cell") or {}).get("Nominal cell capacity [A.h]")
    if capacity is not None and isinstance(nominal, int | float) and nominal > 0:
        share = capacity / nominal
        if not 0.8 <= share <= 1.5:
            notes.append(
                f"The {name.lower()} now holds {capacity:.4g} A h between its stoichiometry "
                f"limits, the cell's nominal capacity is {nominal:.4g} A h: adjust the nominal "
                "capacity, the area or the other electrode."
            )
    return notes


def _capacity_ah(merged: dict[str, Any], name: str) -> float | None:
    """Charge between the stoichiometry limits: F · ε_AM · L · A · n · c_max · Δx."""
    parameters = merged["Parameterisation"]
    section, cell = parameters[name], parameters.get("Cell") or {}
    try:
        fraction = section[_AREA] * section[_RADIUS] / 3
        window = section["Maximum stoichiometry"] - section["Minimum stoichiometry"]
        lithium = section["Maximum concentration [mol.m-3]"] * window * fraction
        volume = section[_THICKNESS] * cell["Electrode area [m2]"]
        pairs = cell["Number of electrode pairs connected in parallel to make a cell"]
    except (KeyError, TypeError):
        return None
    return float(_FARADAY * lithium * volume * pairs / 3600)
