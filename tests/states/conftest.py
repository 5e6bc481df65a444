"""Electrodes that several tests of studies share; made once."""

from __future__ import annotations

import cycled
import pytest


@pytest.fixture(scope="session")
def cycled_electrode():
    """Some 150 whole particles in four states."""
    return cycled.electrode(size=(96, 104, 112), seed=5, shift_um=0.2)


@pytest.fixture(scope="session")
def cycled_study(cycled_electrode):
    """Its study with the true labels."""
    return cycled.study_of(cycled_electrode)
