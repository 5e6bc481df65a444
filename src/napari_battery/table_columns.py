"""Which columns each shared table has, in order; `columns` says what they mean."""

from __future__ import annotations

__all__ = [
    "CONTACTS",
    "INSIDE",
    "INSIDE_PROFILE",
    "LAYERS",
    "MATCHES",
    "MICROSTRUCTURE",
    "PARTICLES_2D",
    "PARTICLES_3D",
    "PARTICLES_BY_STATE",
    "PARTICLE_SHIFTS",
    "SERIES",
    "SHELLS",
    "STATES",
    "STATES_BY_SUBSET",
    "STUDY_GREYS",
    "STUDY_LEDGER",
    "STUDY_NOISE",
    "STUDY_PARTICLES",
    "STUDY_PARTICLES_2D",
    "SUPERRES_QUALITY",
    "SUPERRES_REGIONS",
    "TESTS_BY_SUBSET",
    "TRAINING",
    "VALIDATION",
    "VALIDATION_REGIONS",
]

PARTICLES_3D = (
    "label", "volume_voxels", "volume_um3", "equivalent_diameter_um",
    "centroid_z_um", "centroid_y_um", "centroid_x_um",
    "bbox_z0", "bbox_y0", "bbox_x0", "bbox_z1", "bbox_y1", "bbox_x1",
    "surface_area_um2", "sphericity", "n_layers", "mean", "std", "min", "max", "median",
    "core_mean", "core_std", "core_voxels", "touches_border", "note",
)  # fmt: skip
PARTICLES_2D = (
    "label", "area_pixels", "area_um2", "equivalent_diameter_um",
    "centroid_y_um", "centroid_x_um", "bbox_y0", "bbox_x0", "bbox_y1", "bbox_x1",
    "perimeter_um", "circularity", "n_layers", "mean", "std", "min", "max", "median",
    "core_mean", "core_std", "core_voxels", "touches_border", "note",
)  # fmt: skip
LAYERS = (
    "label", "layer", "depth_um", "relative_radius", "n_voxels", "mean", "std",
    "normalised_max", "normalised_surface",
)  # fmt: skip
SHELLS = ("label", "shell", "radius_um", "n_voxels", "mean", "std")
PARTICLES_BY_STATE = (
    "label", "state", "volume_voxels", "volume_um3", "volume_change",
    "centroid_z_um", "centroid_y_um", "centroid_x_um", "shift_z_um", "shift_y_um", "shift_x_um",
    "shift_radii", "iou", "cross_label", "cross_iou", "pieces", "largest_piece",
    "touches_border", "kept", "reason", "note",
)  # fmt: skip
"""Without a voxel size positions and shifts are in voxels (``shift_z_voxels``), and no µm³ is
made; in 2-D there are areas in place of volumes, and no z."""
STUDY_PARTICLES = (
    "label", "state", "volume_voxels", "volume_um3", "equivalent_diameter_um", "volume_change",
    "centroid_z_um", "centroid_y_um", "centroid_x_um", "shift_z_um", "shift_y_um", "shift_x_um",
    "surface_area_um2", "sphericity", "n_layers", "mean", "core_mean", "core_std", "core_voxels",
    "delta_core_mean", "sem", "sem_delta", "z", "p_value", "q_value", "significant",
    "shift_radii", "iou", "cross_label", "cross_iou", "pieces", "largest_piece",
    "touches_border", "kept", "reason", "note",
)  # fmt: skip
STUDY_PARTICLES_2D = (
    "label", "state", "area_pixels", "area_um2", "equivalent_diameter_um", "volume_change",
    "centroid_y_um", "centroid_x_um", "shift_y_um", "shift_x_um",
    "perimeter_um", "circularity", "n_layers", "mean", "core_mean", "core_std", "core_voxels",
    "delta_core_mean", "sem", "sem_delta", "z", "p_value", "q_value", "significant",
    "shift_radii", "iou", "cross_label", "cross_iou", "pieces", "largest_piece",
    "touches_border", "kept", "reason", "note",
)  # fmt: skip
STATES = (
    "state", "direction", "n", "mean", "sd_mean", "ses_mean", "sem_mean", "se_tot_mean",
    "delta", "sd_delta", "ses_delta", "sem_delta", "se_tot_delta", "z", "p_value", "z_means",
)  # fmt: skip
STATES_BY_SUBSET = ("subset", *STATES, "change_to_see", "n_sigma", "particles_needed")
TESTS_BY_SUBSET = (
    "subset", "first_state", "second_state", "of", "n_first", "n_second", "mean_difference",
    "standard_error", "z", "p_value", "critical", "is_rejected", "alternative",
)  # fmt: skip
STUDY_NOISE = (
    "state", "sigma", "correlation_voxels", "background_mean", "n_voxels", "source",
    "repeat_floor", "repeat_offset",
)  # fmt: skip
STUDY_GREYS = ("state", "grey", "count", "empty", "solid")
STUDY_LEDGER = ("rule", "reason", "switched_on", "particles", "only_this")
CONTACTS = ("state", "label", "neighbour", "contact_faces", "contact_area_um2")
PARTICLE_SHIFTS = (
    "label", "centroid_z_um", "centroid_y_um", "centroid_x_um",
    "shift_z_um", "shift_y_um", "shift_x_um", "shift_sd_z_um", "shift_sd_y_um", "shift_sd_x_um",
    "rotation_z_deg", "rotation_y_deg", "rotation_x_deg",
    "rotation_sd_z_deg", "rotation_sd_y_deg", "rotation_sd_x_deg",
    "correlation", "overlap", "shift_excess_um", "outlier", "touches_border", "note",
)  # fmt: skip
"""Turns only where they were asked for; in voxels while the voxel size is unknown."""
SERIES = (
    "state", "aligned", "correlation_before", "correlation_after",
    "mutual_information_before", "mutual_information_after", "overlap_fraction",
    "rotation_deg", "scale", "moved_z_um", "moved_y_um", "moved_x_um",
    "residual_median_um", "residual_p95_um", "note",
)  # fmt: skip
INSIDE = (
    "label", "state", "touches_border", "shift_z_um", "shift_y_um", "shift_x_um",
    "shift_sd_z_um", "shift_sd_y_um", "shift_sd_x_um", "correlation",
    "change_voxels", "change_mean", "change_se", "change_std", "change_independent",
    "change_sigma", "fell_share", "rose_share", "expected_share", "note",
)  # fmt: skip
"""Inside of each particle; shifts in voxels while the voxel size is unknown, no z in 2-D."""
INSIDE_PROFILE = (
    "label", "state", "layer", "depth_um", "relative_radius", "is_core",
    "change_voxels", "change_mean", "change_se", "change_std",
)  # fmt: skip
"""Inside of one particle, by radial layer (``depth_voxels`` while the voxel size is unknown)."""
MATCHES = ("label", "matched", "iou", "is_new")
MICROSTRUCTURE = (
    "volume", "region", "metric", "axis", "phase", "value", "unit", "sd", "ci_low", "ci_high",
    "n_regions", "method",
)  # fmt: skip
"""Long: one row per number; region is whole, sub-regions, or threshold ± δ."""
SUPERRES_QUALITY = (
    "method", "metric", "value", "sd", "ci_low", "ci_high", "n_regions",
    "difference", "difference_ci_low", "difference_ci_high",
)  # fmt: skip
SUPERRES_REGIONS = (
    "region", "bbox_z0", "bbox_y0", "bbox_x0", "bbox_z1", "bbox_y1", "bbox_x1", "method",
    "ssim", "psnr_db", "mse", "mae", "crack_recall", "crack_false",
)  # fmt: skip
"""Boxes are in voxels of the high scan; the crack columns only where cracks are labelled."""
VALIDATION = (
    "method", "metric", "axis", "phase", "unit", "high_value", "value",
    "bias", "bias_ci_low", "bias_ci_high", "error", "error_ci_low", "error_ci_high",
    "relative_error", "error_limit", "improvement", "improvement_ci_low", "improvement_ci_high",
    "n_regions", "n_infinite", "verdict", "why",
)  # fmt: skip
"""A metric's errors against the high scan, by method; the verdict is on models only."""
VALIDATION_REGIONS = (
    "region", "bbox_z0", "bbox_y0", "bbox_x0", "bbox_z1", "bbox_y1", "bbox_x1", "method",
    "metric", "axis", "phase", "value", "unit",
)  # fmt: skip
TRAINING = (
    "epoch", "steps", "seconds", "lr",
    "train_mse", "train_mae", "train_psnr", "train_ssim",
    "validation_mse", "validation_mae", "validation_psnr", "validation_ssim",
)  # fmt: skip
"""One row per round of a training; of normalised grey levels, whose range is taken as 1."""
