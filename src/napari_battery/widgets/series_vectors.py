"""Displacements of particles as a Vectors layer, coloured by length; outliers stand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Vectors
from napari.viewer import ViewerModel
from numpy.typing import NDArray

from napari_battery.registration.particle_shifts import displacement_vectors
from napari_battery.volume import AXES, Volume
from napari_battery.widgets.layers import KEY

__all__ = ["OUTLIER", "Field", "VectorLook", "add_field", "field_of", "show_field"]

OUTLIER = "#ff4fa3"
"""Colour of outliers; viridis has nothing like it."""

_COLORMAP = "viridis"
_SHAFT = 0.06
"""Width of an arrow over the typical diameter of a particle."""
_TOP_PERCENT = 98
"""The colours end at this percentile of the lengths, so that a few long ones leave some."""
_REACH = 0.8
_FEATURES = ("label", "correlation", "outlier", "touches_border")
_LONE_VOXELS = 10.0
"""Taken for the diameter of a particle without neighbours."""


@dataclass(frozen=True)
class VectorLook:
    """How displacements are drawn.

    Parameters
    ----------
    scale_factor : float
        Length drawn over true length.
    without_common : bool
        Whether the median displacement is taken off: what all particles share.
    outliers : bool
        Whether outliers are drawn.
    """

    scale_factor: float = 1.0
    without_common: bool = False
    outliers: bool = True


@dataclass(frozen=True, eq=False)
class Field:
    """Where particles are and where they went, in µm; in voxels while their size is unknown.

    Parameters
    ----------
    vectors : (n, 2, ndim) array
        Centres and displacements, z, y, x.
    features : DataFrame
        What napari shows of each one: its label, how sure it is, …
    is_outlier : (n,) array of bool
    unit : {"um", "pixel"}
    diameter : float
        Typical diameter of the particles, in the same unit.
    """

    vectors: NDArray[np.float64]
    features: pd.DataFrame
    is_outlier: NDArray[np.bool_]
    unit: str
    diameter: float

    @property
    def common(self) -> NDArray[np.float64]:
        """Median displacement of the particles that are no outliers."""
        shifts = self.vectors[:, 1]
        kept = shifts[~self.is_outlier]
        median: NDArray[np.float64] = np.median(kept if len(kept) else shifts, axis=0)
        return median

    def seen(self, look: VectorLook) -> NDArray[np.float64]:
        """The vectors as they are to be drawn, at their true lengths."""
        vectors = self.vectors.copy()
        if look.without_common:
            vectors[:, 1] -= self.common
        return vectors

    def top(self, look: VectorLook) -> float:
        """The length at which the colours end."""
        lengths = np.linalg.norm(self.seen(look)[:, 1], axis=1)
        kept = lengths[~self.is_outlier]
        top = float(np.percentile(kept if len(kept) else lengths, _TOP_PERCENT))
        return top if top > 0 else 1.0

    def clear_factor(self, look: VectorLook) -> float:
        """A round factor at which the longest arrows reach over most of a particle."""
        wanted = _REACH * self.diameter / self.top(look)
        power = 10.0 ** np.floor(np.log10(wanted))
        return float(max(step * power for step in (1, 2, 5) if step * power <= wanted))


def field_of(table: pd.DataFrame, fixed: Volume) -> Field | None:
    """The displacements of a table of particles; None where none was found.

    Parameters
    ----------
    table : DataFrame
        From `register_particles`.
    fixed : Volume
        The state that the particles were followed from.
    """
    from scipy.spatial import cKDTree

    vectors, rows = displacement_vectors(table)
    if not len(rows):
        return None
    found = table.iloc[rows].reset_index(drop=True)
    features = found[list(_FEATURES)].assign(length=np.linalg.norm(vectors[:, 1], axis=1))
    diameter = _LONE_VOXELS * min(fixed.voxel_size_um or (1.0,))
    if len(rows) > 1:  # packed particles touch: the next centre is a diameter away
        near = cKDTree(vectors[:, 0]).query(vectors[:, 0], 2)[0][:, 1]
        diameter = max(float(np.median(near)), min(fixed.voxel_size_um or (1.0,)))
    unit = "pixel" if fixed.voxel_size_um is None else "um"
    return Field(vectors, features, found["outlier"].to_numpy(bool), unit, diameter)


def add_field(
    viewer: ViewerModel, field: Field, look: VectorLook, name: str, metadata: dict[str, Any]
) -> Vectors:
    """Add a Vectors layer of a field; `metadata` says how it was made."""
    ndim = field.vectors.shape[-1]
    # napari shows the vectors that start in the shown slice, which is one of the layer's own
    # units thick: with a particle's diameter for unit every particle that is cut shows its own
    layer = viewer.add_vectors(
        field.seen(look) / field.diameter,
        scale=(field.diameter,) * ndim,
        units=(field.unit,) * ndim,
        axis_labels=AXES[-ndim:],
        name=name,
        vector_style="arrow",
        edge_width=_SHAFT,
        features=field.features,
        metadata={KEY: metadata},
    )
    show_field(layer, field, look)
    return layer


def show_field(layer: Vectors, field: Field, look: VectorLook) -> None:
    """Draw a field anew in its layer, with another look."""
    from napari.utils.colormaps import ensure_colormap
    from napari.utils.colormaps.standardize_color import transform_color

    vectors = field.seen(look)
    lengths = np.linalg.norm(vectors[:, 1], axis=1)
    colours = ensure_colormap(_COLORMAP).map(np.clip(lengths / field.top(look), 0, 1))
    colours[field.is_outlier] = transform_color(OUTLIER)[0]
    if not look.outliers:
        colours[field.is_outlier, 3] = 0
    layer.data = vectors / field.diameter
    layer.length = look.scale_factor
    layer.edge_color = colours
