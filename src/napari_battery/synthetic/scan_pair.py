"""A made-up electrode scanned twice, coarse and fine, with its truth and its cracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_battery.errors import InputError
from napari_battery.progress import SILENT, Progress
from napari_battery.provenance import provenance
from napari_battery.settings import Settings, setting
from napari_battery.synthetic.cracks import cut_cracks
from napari_battery.synthetic.particles import pristine_particles
from napari_battery.synthetic.scan import noise_free, noise_of
from napari_battery.synthetic.settings import ElectrodeSettings
from napari_battery.volume import Volume

__all__ = ["ScanPair", "ScanPairSettings", "scan_pair"]


class ScanPairSettings(Settings):
    """What the two scans are like; contrast and noise are the defaults of `ElectrodeSettings`."""

    size_z: int = setting(128, "Slices of the fine scan.", title="Size z", unit="voxels", ge=16)
    size_y: int = setting(256, "Its rows.", title="Size y", unit="voxels", ge=16)
    size_x: int = setting(256, "Its columns.", title="Size x", unit="voxels", ge=16)
    high_voxel_size_um: float = setting(
        0.74,
        "Voxel edge of the fine scan (super-resolution paper).",
        title="High-resolution voxel",
        unit="µm",
        gt=0,
    )
    low_voxel_size_um: float = setting(
        2.3,
        "Voxel edge of the coarse scan (super-resolution paper).",
        title="Low-resolution voxel",
        unit="µm",
        gt=0,
    )
    low_psf: float = setting(
        0.6,
        "Gaussian sigma of the coarse scan's own blur (our choice).",
        title="Low-resolution PSF",
        unit="low-resolution voxels",
        ge=0,
        le=5,
    )
    cracked_share: float = setting(
        0.5, "Share of the particles that have a crack (our choice).", ge=0, le=1
    )
    crack_width_um: float = setting(
        1.1,
        "Median width of the cracks, log-normal with a spread of a third: wider than a fine "
        "voxel, narrower than a coarse one (our choice).",
        title="Crack width",
        unit="µm",
        gt=0,
    )
    seed: int = setting(2026, "Start of the random numbers.", ge=0)


@dataclass(frozen=True, eq=False)
class ScanPair:
    """Two separate made-up scans of one electrode; their outer corners coincide.

    Parameters
    ----------
    low, high : Volume
        uint8 grey levels, each with noise of its own.
    clean_high : Volume
        float32; what the fine scan would be without noise (and without rounding).
    labels : Volume
        int32 particles on the fine grid, from 1; cracks are part of their particle.
    cracks : Volume
        uint8 on the fine grid: 1 where a crack's gap, or its middle plane, takes the voxel.
    """

    low: Volume
    high: Volume
    clean_high: Volume
    labels: Volume
    cracks: Volume


def scan_pair(
    settings: ScanPairSettings = ScanPairSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> ScanPair:
    """Scan a made-up electrode at two voxel sizes.

    The particles (10.3 µm median) are rendered once without noise on the fine grid, with
    partial volume, blur and rim; thin gaps are cut into some. The fine scan adds noise to it. The
    coarse one is blurred, averaged over its voxels at the exact ratio, and gets noise of the same
    standard deviation and correlation in *its* voxels.

    Parameters
    ----------
    settings : ScanPairSettings
    progress : Progress
        Advanced per slab of slices.

    Returns
    -------
    ScanPair
        All metadata say ``synthetic=True``.

    Raises
    ------
    InputError
        If the volume is smaller than a particle, or the coarse voxels are not the larger ones.
    """
    from napari_battery.superres.area import area_weights, averaged

    ratio = settings.low_voxel_size_um / settings.high_voxel_size_um
    if ratio < 1:
        raise InputError(
            f"The coarse scan's voxels, {settings.low_voxel_size_um:g} µm, are smaller than the "
            f"fine one's, {settings.high_voxel_size_um:g} µm; exchange the two."
        )
    shape = (settings.size_z, settings.size_y, settings.size_x)
    electrode = ElectrodeSettings(
        size_z=shape[0],
        size_y=shape[1],
        size_x=shape[2],
        voxel_size_um=settings.high_voxel_size_um,
        seed=settings.seed,
    )
    diameter = electrode.median_diameter_um / electrode.voxel_size_um
    if diameter > min(shape):
        raise InputError(
            f"Particles of {electrode.median_diameter_um:g} µm are {diameter:.0f} voxels wide, but "
            f"the shortest side has only {min(shape)}; make it larger."
        )
    rng = np.random.default_rng(settings.seed)
    particles = pristine_particles(electrode, shape, rng, progress)
    clean, labels = noise_free(electrode, particles, shape, progress)
    cracks = cut_cracks(
        clean, labels, particles, electrode, settings.cracked_share, settings.crack_width_um, rng
    )
    n_low = tuple(int(n / ratio + 1e-9) for n in shape)
    weights = [
        area_weights(m, n, ratio, (ratio - 1) / 2, settings.low_psf * ratio)
        for m, n in zip(n_low, shape, strict=True)
    ]
    coarse = averaged(clean, weights, progress, "Averaging to the coarse scan")
    low = _scanned(coarse, electrode, 1)
    high = _scanned(clean, electrode, 0)
    fine_edge, coarse_edge = settings.high_voxel_size_um, settings.low_voxel_size_um
    made = provenance("scan-pair", settings, [])

    def volume(data: Any, title: str, kind: str, edge: float = fine_edge) -> Volume:
        return Volume(
            data,
            (edge,) * 3,
            ((edge - fine_edge) / 2,) * 3,
            name=f"{title} (synthetic)",
            voxel_size_source="synthetic setting",
            metadata={"synthetic": True, "kind": kind, "made": made},
        )

    return ScanPair(
        volume(low, f"Electrode at {coarse_edge:g} µm", "image", coarse_edge),
        volume(high, f"Electrode at {fine_edge:g} µm", "image"),
        volume(clean, f"Electrode at {fine_edge:g} µm without noise", "image"),
        volume(labels, "Electrode particles", "labels"),
        volume(cracks, "Electrode cracks", "labels"),
    )


def _scanned(
    clean: NDArray[np.float32], electrode: ElectrodeSettings, state: int
) -> NDArray[np.uint8]:
    """Noise, and grey levels from 0 to 255; each state has noise of its own."""
    image = np.empty(clean.shape, np.uint8)
    for z, plane in enumerate(clean):
        noisy = plane + noise_of(electrode, clean.shape, state, z, 1)[0]
        image[z] = np.clip(np.rint(noisy), 0, 255)
    return image
