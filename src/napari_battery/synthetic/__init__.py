"""Made-up electrodes whose truth is known."""

from napari_battery.synthetic.electrode import (
    STATES,
    TRUTH_COLUMNS,
    State,
    SyntheticElectrode,
    synthetic_electrode,
    write_truth,
)
from napari_battery.synthetic.settings import ElectrodeSettings

__all__ = [
    "STATES",
    "TRUTH_COLUMNS",
    "ElectrodeSettings",
    "State",
    "SyntheticElectrode",
    "synthetic_electrode",
    "write_truth",
]
