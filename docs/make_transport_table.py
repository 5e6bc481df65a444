"""Write the table "Transport of the NMC cathode" of docs/microstructure.md.

    python docs/make_transport_table.py

Of the sample: 0 pore, 1 active material, 2 carbon-binder.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_battery.files import write_text
from napari_battery.microstructure.extrapolation import extrapolated_diffusivity
from napari_battery.microstructure.fractions import phase_fractions, porosity
from napari_battery.microstructure.geodesic import path_tortuosity
from napari_battery.samples import sample_path

PAGE = Path(__file__).with_name("microstructure.md")
FIRST = "<!-- transport: python docs/make_transport_table.py -->"
LAST = "<!-- end of transport -->"

SAMPLE = "nmc_segmented/nmc_251x301x301_u8.tif"
CODES = {"pore": 0, "active": 1, "binder": 2}
CUBES = (1.0, 1.0, 1.0)
"""The file states no voxel size; only ratios count here."""
BINDER = 0.1
"""Diffusivity in the binder against that in pores: assumed, not measured."""


def made(phases: NDArray[np.uint8]) -> Iterator[str]:
    """The section's lines."""
    fractions = phase_fractions(phases, CODES)
    pores, active = porosity(phases == 0), porosity(phases == 1)
    size = " × ".join(map(str, phases.shape))
    yield (
        f"{size} voxels (z, y, x), whole: "
        + ", ".join(f"{name} {share:.4f}" for name, share in fractions.items())
        + (
            f". Pores open to a face {pores.open:.4f}, percolating "
            f"{pores.percolating['z']:.4f} in z; active material percolating "
            f"{active.percolating['z']:.4f} in z."
        )
    )
    yield ""
    yield (
        "| what conducts | axis | ε total | D_eff/D₀ | κ (ε total) | κ (ε percolating) | "
        "τ = √κ (total) | κ₀ from two grids | iterations |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    start = time.process_time()
    media = {
        "pores; binder blocks": phases == 0,
        f"pores 1, binder {BINDER:g}": np.array([1, 0, BINDER], np.float32)[phases],
        "active material": phases == 1,
        "active material and binder alike": phases != 0,
    }
    for name, medium in media.items():
        for axis in "zyx":
            both = extrapolated_diffusivity(medium, CUBES, axis)
            one = both.fine
            yield (
                f"| {name} | {axis} | {one.fraction_total:.4f} | {one.relative_diffusivity:.4f} | "
                f"{one.factor_total:.3f} | {one.factor_percolating:.3f} | "
                f"{one.tortuosity_total:.3f} | {both.factor_total:.3f} | {one.iterations} |"
            )
    seconds = time.process_time() - start
    yield ""
    yield (
        f"All {3 * len(media)} rows, both grids each (the last odd voxels left out): "
        f"{seconds:.0f} CPU seconds."
    )
    yield ""
    yield "| path lengths through the pores | mean over the outlet | SD | shortest | reached |"
    yield "|---|---|---|---|---|"
    for axis in "zyx":
        path = path_tortuosity(phases == 0, CUBES, axis)
        yield (
            f"| {axis} | {path.mean:.4f} | {path.sd:.4f} | {path.shortest:.4f} | "
            f"{path.reached:.3f} |"
        )


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(FIRST)
    _, _, after = rest.partition(LAST)
    table = "\n".join(made(tifffile.imread(sample_path(SAMPLE))))
    write_text(PAGE, f"{before}{FIRST}\n{table}\n{LAST}{after}")


if __name__ == "__main__":
    main()
