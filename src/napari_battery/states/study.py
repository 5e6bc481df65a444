"""A study of the states of an electrode: from images or tables to ΔĪ_prist with its errors."""

from napari_battery.states.run import run_study
from napari_battery.states.study_files import STUDY_FILES, read_study, write_study
from napari_battery.states.tabulate import Study, apply_rules, compare_states, tabulate

__all__ = [
    "STUDY_FILES",
    "Study",
    "apply_rules",
    "compare_states",
    "read_study",
    "run_study",
    "tabulate",
    "write_study",
]
