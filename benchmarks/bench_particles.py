"""How exactly, how surely and how fast particles are followed; on made-up electrodes."""

from __future__ import annotations

import argparse
import time

import numpy as np

from napari_battery.progress import SILENT
from napari_battery.registration.particles import ParticleShiftSettings, register_particles
from napari_battery.synthetic import ElectrodeSettings
from napari_battery.synthetic.moved import Motion, _displacements, moved_electrode
from napari_battery.synthetic.particles import pristine_particles


def measure(n: int, motion: Motion, noise: float) -> None:
    made = ElectrodeSettings(size_z=n, size_y=n, size_x=n, seed=3, noise=noise)
    (fixed, labels), (moving, _) = moved_electrode(made, [motion])
    rng = np.random.default_rng(made.seed)
    particles = pristine_particles(made, (n, n, n), rng, SILENT)
    _displacements(Motion(), len(particles.radii), rng)  # those of the reference
    true = _displacements(motion, len(particles.radii), rng)
    settings = ParticleShiftSettings()
    register_particles(labels, fixed, moving, settings)  # compiles
    begun = time.process_time()
    table = register_particles(labels, fixed, moving, settings)
    spent = time.process_time() - begun
    size = made.voxel_size_um
    found = table[[f"shift_{a}_um" for a in "zyx"]].to_numpy() / size
    sd = table[[f"shift_sd_{a}_um" for a in "zyx"]].to_numpy() / size
    whole = ~table["touches_border"].to_numpy() & np.isfinite(found).all(axis=1)
    error = (found - true[table["label"].to_numpy() - 1])[whole]
    length = np.linalg.norm(error, axis=1)
    print(
        f"noise {noise:g}, drift {motion.drift:g}, growth {motion.growth:g}: "
        f"{len(length)} whole particles, error median {np.median(length):.3f}, "
        f"95 % {np.quantile(length, 0.95):.3f} voxel; error over its stated sd, rms "
        f"{np.sqrt(np.mean((error / sd[whole]) ** 2)):.2f}; "
        f"{1e3 * spent / len(table):.1f} CPU-ms per particle of {len(table)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=192)
    options = parser.parse_args()
    for noise in (7.0, 14.0):
        for motion in (
            Motion(drift=0.3, shift=1.5),
            Motion(drift=1.0, shift=1.5),
            Motion(drift=0.3, shift=1.5, growth=0.02),
        ):
            measure(options.size, motion, noise)


if __name__ == "__main__":
    main()
