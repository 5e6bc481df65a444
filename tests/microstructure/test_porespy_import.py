"""PoreSpy is imported by who asks for it, and changes nothing that stays."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np

from napari_battery.microstructure.porespy_import import porespy


def test_numpy_and_logging_are_as_before() -> None:
    errors, root = np.geterr(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with porespy() as ps:
        assert ps.__name__ == "porespy"
    assert np.geterr() == errors
    assert (root.handlers, root.level) == (handlers, level)


def test_nothing_imports_it_on_start_up() -> None:
    code = (
        "import sys, napari_battery.microstructure.diffusivity, "
        "napari_battery.microstructure.fractions; "
        "sys.exit(any(name in sys.modules for name in ('porespy', 'numba', 'torch', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
