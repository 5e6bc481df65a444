"""How metrics of super-resolved scans are compared, and when one counts as validated."""

from __future__ import annotations

from typing import Literal

from napari_battery.errors import InputError
from napari_battery.microstructure.measure_settings import MicrostructureSettings
from napari_battery.settings import Settings, setting
from napari_battery.superres.judge_settings import JudgeSettings

__all__ = ["ValidationSettings"]


class ValidationSettings(Settings):
    """Metrics, regions, thresholds, and the tolerance of a verdict."""

    metrics: str = setting(
        "all",
        "Names of the metrics, with commas between; “all”, or “light” for those that take "
        "seconds, not minutes",
        title="Metrics",
    )
    directions: Literal["all", "z", "y", "x"] = setting(
        "all", "Axes along which transport and profiles are measured", title="Directions"
    )
    tolerance: float = setting(
        0.1,
        "Largest error of a validated metric, as a share of its mean on the high scan: the upper "
        "end of the interval of the mean absolute error over regions must not exceed it",
        title="Tolerance",
        gt=0,
        le=1,
        step=0.01,
    )
    thresholds: str = setting(
        "",
        "Grey levels of the high scan between phases, from dark to bright, with commas between; "
        "they part every method alike. Empty takes Otsu's of the high scan in all regions, or, "
        "with a segmentation, those that give its volume fractions",
        title="Thresholds",
    )
    phases: str = setting(
        "",
        "Phases from dark to bright, one more than thresholds, with commas between; empty takes "
        "pore,active or pore,binder,active",
        title="Phases",
    )
    region_size: int = setting(
        40,
        "Least edge of a region: the overlap is cut evenly into blocks of this size or a little "
        "more. It should exceed the grain of the structure, for regions count as independent",
        unit="voxels of the high scan",
        ge=16,
    )
    most_regions: int = setting(
        40, "Of more regions so many are drawn, by the seed", title="Regions at most", ge=2
    )
    mend: bool = setting(
        False,
        "Take the residual shift that is measured between the scans out first, the same for "
        "every method",
        title="Mend the residual shift",
    )
    solver_tolerance: float = setting(
        1e-3,
        "Relative residual at which the transport solver stops",
        title="Solver's tolerance",
        gt=0,
        le=0.1,
    )
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "Of the networks' arithmetic; auto takes bfloat16 where the processor has it"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = setting(
        "auto", "Where networks run; auto takes a graphics card if there is one"
    )
    resamples: int = setting(4000, "Resamples of the bootstrap over regions", ge=200, le=100_000)
    confidence: float = setting(0.95, "Coverage of the intervals", gt=0.5, le=0.999)
    seed: int = setting(2026, "Start of the random numbers", ge=0)

    def judging(self) -> JudgeSettings:
        """What of this is about matching, regions and predictions."""
        shared = set(JudgeSettings.model_fields) & set(type(self).model_fields)
        return JudgeSettings(**self.model_dump(include=shared))

    def measuring(self) -> MicrostructureSettings:
        """What of this is about metrics; each region is measured whole."""
        return MicrostructureSettings(
            metrics=self.metrics,
            directions=self.directions,
            tolerance=self.solver_tolerance,
            extrapolate=True,
            splits=1,
            most_splits=1,
            threshold_delta=0,
        )

    def given_thresholds(self) -> list[float]:
        """The thresholds typed in; none where they are to be found.

        Raises
        ------
        InputError
            If one is no number.
        """
        try:
            return [float(part) for part in self.thresholds.split(",") if part.strip()]
        except ValueError as error:
            raise InputError(
                f"“{self.thresholds}” are no thresholds: write grey levels with commas between, "
                "as 90,150."
            ) from error

    def phase_names(self) -> list[str]:
        """The phases typed in, from dark to bright."""
        return [part.strip() for part in self.phases.split(",") if part.strip()]
