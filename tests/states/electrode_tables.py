"""Tables of a made-up cycled electrode, with what is true of it known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_battery.states.frames import Frames
from napari_battery.states.manifest import State
from napari_battery.states.settings import StudyRules, StudySettings
from napari_battery.states.study import Study
from napari_battery.states.table import states_table

STATES = ("pristine", "4.0 V", "4.4 V", "2.5 V")
DIRECTIONS = {"4.0 V": "charge", "4.4 V": "charge", "2.5 V": "discharge"}
CHANGES = (0.0, -1.4, -3.0, -2.0)


def particles_by_state(n=400, seed=0, matched=True):
    """Long table; the change grows along z, towards a collector at the high end."""
    rng = np.random.default_rng(seed)
    first = rng.normal(174, 11, n)
    z, y, x = rng.uniform(0, 100, (3, n))
    volume = rng.lognormal(6, 0.6, n)
    kept = rng.random(n) > 0.1
    frames = []
    for number, (state, change) in enumerate(zip(STATES, CHANGES, strict=True)):
        true = change * (0.5 + z / 100)
        sem = rng.uniform(0.15, 0.3, n)
        grey = (first if matched else rng.normal(174, 11, n)) + true + rng.normal(0, sem)
        delta = grey - (frames[0]["core_mean"].to_numpy() if number else grey)
        zscore = delta / (sem * np.sqrt(2))
        frames.append(
            pd.DataFrame(
                {
                    "label": np.arange(1, n + 1) * 2,
                    "state": state,
                    "volume_um3": volume,
                    "centroid_z_um": z,
                    "centroid_y_um": y,
                    "centroid_x_um": x,
                    "core_mean": grey,
                    "delta_core_mean": delta if matched else np.nan,
                    "sem": sem,
                    "sem_delta": sem * np.sqrt(2),
                    "z": zscore,
                    "q_value": np.exp(-np.abs(zscore)),
                    "kept": kept,
                    "reason": "",
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def layers_by_state(particles, n_layers=12, seed=1):
    """Layers of every particle and state; grey rises from the surface inward."""
    rng = np.random.default_rng(seed)
    n = len(particles)
    layer = np.tile(np.arange(1, n_layers + 1), n)
    row = np.repeat(np.arange(n), n_layers)
    depth = layer - 0.5
    rise = 20 * (1 - np.exp(-depth / 2))
    fall = particles["delta_core_mean"].fillna(0).to_numpy()[row] * depth / n_layers
    grey = 150 + rise + fall + rng.normal(0, 0.5, len(row))
    by = grey.reshape(n, n_layers)
    first = by[:, :1]
    scaled = (by - first) / (by.max(axis=1, keepdims=True) - first)
    return pd.DataFrame(
        {
            "state": particles["state"].to_numpy()[row],
            "label": particles["label"].to_numpy()[row],
            "layer": layer,
            "depth_um": depth,
            "relative_radius": 1 - depth / n_layers,
            "n_voxels": 100,
            "mean": grey,
            "std": 5.0,
            "normalised_max": scaled.ravel(),
            "normalised_surface": (by / first).ravel(),
        }
    )


def grey_counts():
    """Histograms with a peak of empty space at 60 and one of solid at 175."""
    grey = np.arange(256)
    frames = []
    for number, state in enumerate(STATES):
        peaks = [(60 + number, 12, 4e5), (175, 11, 5e5)]
        count = sum(n * np.exp(-((grey - m) ** 2) / 2 / s**2) / s for m, s, n in peaks)
        frames.append(pd.DataFrame({"state": state, "grey": grey, "count": count.astype(int)}))
    return pd.concat(frames, ignore_index=True)


def electrode(n=400, matched=True, **more):
    particles = particles_by_state(n, matched=matched)
    return Frames(particles, STATES, DIRECTIONS, layers_by_state(particles), grey_counts(), **more)


def study(n=300, matched=True, **changes):
    """A study of such particles, with layers and histograms."""
    particles = particles_by_state(n, matched=matched)
    if not matched:
        particles["delta_core_mean"] = np.nan
    states = [State(name, direction=DIRECTIONS.get(name, "")) for name in STATES]
    settings = StudySettings(matching="labels" if matched else "populations")
    return Study(
        states=states, particles=particles, summary=states_table(particles, states, settings),
        layers=layers_by_state(particles), ledger=pd.DataFrame(), greys=grey_counts(),
        noise=pd.DataFrame(), notes=[], made={"synthetic": True}, settings=settings,
        rules=StudyRules(), warnings=[], **changes,
    )  # fmt: skip
