"""A pair of scans that several tests judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_battery.superres.degradation import DegradationSettings, degrade
from napari_battery.volume import Volume

SCAN = DegradationSettings(
    ratio=2.3, ratio_jitter=0, psf_smallest=0.5, psf_largest=0.5, noise_smallest=0.03,
    noise_largest=0.03, gain=120, offset=30,
)  # fmt: skip


@pytest.fixture(scope="module")
def scans() -> tuple[Volume, Volume]:
    """A texture, and a coarser scan of it on another grey scale; both synthetic."""
    texture = gaussian_filter(np.random.default_rng(0).standard_normal((46, 69, 92)), 1.5)
    data = (0.5 + 0.2 * texture / texture.std()).astype(np.float32)
    high = Volume(data, (0.7,) * 3, (5.0, 6.0, 7.0), name="high", metadata={"synthetic": True})
    return replace(degrade(high, SCAN), name="low"), high
