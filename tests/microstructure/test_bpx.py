"""BPX export: the numbers, what contradicts, and that other programs read it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_battery.cli import main
from napari_battery.errors import InputError
from napari_battery.microstructure.bpx import (
    Electrode,
    electrode_from_table,
    merge_electrode,
    problems,
)
from napari_battery.tables import MICROSTRUCTURE, write_table


def electrode(name: str) -> dict[str, Any]:
    """One electrode of a made-up cell, whole as BPX asks for it."""
    positive = name == "positive"
    return {
        "Thickness [m]": 7.5e-5,
        "Porosity": 0.335,
        "Transport efficiency": 0.1939,
        "Conductivity [S.m-1]": 0.2,
        "Particle radius [m]": 5.2e-6,
        "Surface area per unit volume [m-1]": 382184.0,
        "Minimum stoichiometry": 0.25 if positive else 0.03,
        "Maximum stoichiometry": 0.9,
        "Maximum concentration [mol.m-3]": 63104.0 if positive else 33133.0,
        "Diffusivity [m2.s-1]": 4e-15,
        "OCP [V]": "4.3 - x" if positive else "0.3 - 0.2 * x",
        "Entropic change coefficient [V.K-1]": 0.0,
        "Reaction rate constant [mol.m-2.s-1]": 1e-5,
    }


def template() -> dict[str, Any]:
    return {
        "Header": {"BPX": "1.0.0", "Title": "made up for a test", "Model": "DFN"},
        "Parameterisation": {
            "Cell": {
                "Electrode area [m2]": 0.1,
                "External surface area [m2]": 0.0378,
                "Volume [m3]": 1.27e-4,
                "Density [kg.m-3]": 2000.0,
                "Specific heat capacity [J.K-1.kg-1]": 1000.0,
                "Number of electrode pairs connected in parallel to make a cell": 1,
                "Lower voltage cut-off [V]": 2.5,
                "Upper voltage cut-off [V]": 4.3,
                "Nominal cell capacity [A.h]": 5.0,
                "Reference temperature [K]": 298.15,
            },
            "Electrolyte": {
                "Cation transference number": 0.26,
                "Diffusivity [m2.s-1]": 1.77e-10,
                "Conductivity [S.m-1]": 0.95,
            },
            "Negative electrode": electrode("negative"),
            "Positive electrode": electrode("positive"),
            "Separator": {
                "Thickness [m]": 1.2e-5, "Porosity": 0.47, "Transport efficiency": 0.3222,
            },
        },
        "State": {
            "Initial conditions": {
                "Initial state-of-charge": 1.0, "Initial temperature [K]": 298.15,
                "Initial electrolyte concentration [mol.m-3]": 1000.0,
            },
            "Thermal environment": {"Ambient temperature [K]": 298.15},
        },
    }  # fmt: skip


def table() -> pd.DataFrame:
    rows = [
        ("volume_fraction", "pore", "", 0.4),
        ("volume_fraction", "active", "", 0.5),
        ("relative_diffusivity", "pore", "z", 0.16),
        ("relative_diffusivity", "pore", "x", 0.2),
        ("surface_area_per_volume", "active", "", 0.3),
        ("electrode_thickness", "", "z", 80.0),
    ]
    data = pd.DataFrame(rows, columns=["metric", "phase", "axis", "value"])
    return data.assign(volume="a", region="whole").reindex(columns=list(MICROSTRUCTURE))


def test_numbers_of_the_table_in_si_units() -> None:
    found = electrode_from_table(table())
    parameters = found.parameters()
    assert parameters == pytest.approx(
        {
            "Thickness [m]": 80e-6, "Porosity": 0.4, "Transport efficiency": 0.16,
            "Particle radius [m]": 5e-6, "Surface area per unit volume [m-1]": 3e5,
        }
    )  # fmt: skip
    assert electrode_from_table(table(), "a", "x", 70.0).transport_efficiency == 0.2
    assert found.bruggeman_exponent == pytest.approx(math.log(0.16) / math.log(0.4))


@given(st.floats(0.05, 0.9), st.floats(0.01, 10.0))
@settings(max_examples=30, deadline=None)
def test_radius_and_surface_give_back_the_active_fraction(fraction: float, area: float) -> None:
    found = Electrode(50.0, 0.05, 0.01, fraction, area).parameters()
    radius, per_volume = found["Particle radius [m]"], found["Surface area per unit volume [m-1]"]
    assert per_volume * radius / 3 == pytest.approx(fraction)  # as PyBaMM reckons it


def test_only_what_was_measured_changes() -> None:
    before = template()
    merged, changes, notes = merge_electrode(before, electrode_from_table(table()))
    assert before == template()
    assert len(changes) == 5
    for change in changes:
        merged["Parameterisation"]["Positive electrode"][change["field"]] = change["before"]
    assert merged == before
    assert notes == []


def test_a_capacity_that_no_longer_fits_is_said() -> None:
    thin = Electrode(8.0, 0.4, 0.16, 0.5, 0.3)
    _, _, notes = merge_electrode(template(), thin)
    assert any("nominal capacity" in note for note in notes)
    assert any("is the unit right" in note for note in notes)


def test_lengths_on_an_assumed_voxel_size_are_said() -> None:
    assumed = table()
    assumed["unit"] = ["", "", "", "", "1/µm, assumed", "µm, assumed"]
    _, _, notes = merge_electrode(template(), electrode_from_table(assumed))
    assert any("only assumed" in note for note in notes)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Electrode(0.0, 0.4, 0.16, 0.5, 0.3), "Thickness"),
        (Electrode(80.0, 0.6, 0.16, 0.5, 0.3), "add up"),
        (Electrode(80.0, 0.4, 0.5, 0.5, 0.3), "κ would be below 1"),
        (Electrode(80.0, 0.4, math.nan, 0.5, 0.3), "Transport efficiency"),
    ],
)
def test_contradictions_are_found(found: Electrode, words: str) -> None:
    assert words in " ".join(problems(found))


def test_what_is_missing_is_named() -> None:
    for metric in ("relative_diffusivity", "surface_area_per_volume", "electrode_thickness"):
        with pytest.raises(InputError, match=metric):
            electrode_from_table(table()[table()["metric"] != metric])
    both = pd.concat([table(), table().assign(volume="b")])
    with pytest.raises(InputError, match="which volume"):
        electrode_from_table(both)
    blend = template()
    blend["Parameterisation"]["Positive electrode"]["Particle"] = {}
    with pytest.raises(InputError, match="blend"):
        merge_electrode(blend, electrode_from_table(table()))
    with pytest.raises(InputError, match="no “Negative"):
        merge_electrode({"Parameterisation": {}}, electrode_from_table(table()), "negative")


@pytest.fixture
def written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    write_table(tmp_path / "microstructure.csv", table())
    (tmp_path / "cell.json").write_text(json.dumps(template()))
    code = main(
        ["bpx", str(tmp_path / "microstructure.csv"), "--template", str(tmp_path / "cell.json"),
         "-o", str(tmp_path / "out.json"), "--json"]
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert json.loads(out)["Particle radius [m]"] == pytest.approx(5e-6)
    return tmp_path / "out.json"


def test_the_bpx_package_reads_it(written: Path) -> None:
    import bpx

    read = bpx.parse_bpx_file(written).parameterisation.positive_electrode
    assert read.thickness == pytest.approx(80e-6)
    assert read.porosity == pytest.approx(0.4)
    assert read.transport_efficiency == pytest.approx(0.16)
    assert read.particle_radius == pytest.approx(5e-6)
    assert read.surface_area_per_unit_volume == pytest.approx(3e5)


def test_pybamm_reads_it(written: Path) -> None:
    import pybamm

    values = pybamm.ParameterValues.create_from_bpx(written)
    assert values["Positive electrode active material volume fraction"] == pytest.approx(0.5)
    assert values["Positive electrode porosity"] == pytest.approx(0.4)
    assert values["Positive particle radius [m]"] == pytest.approx(5e-6)
