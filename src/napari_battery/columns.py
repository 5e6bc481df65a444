"""The columns of the shared tables: titles, units and what they hold."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["COLUMNS", "Column", "column_title"]


@dataclass(frozen=True)
class Column:
    """What one column holds."""

    title: str
    unit: str
    description: str


_GREY = "grey level"

COLUMNS: dict[str, Column] = {
    "label": Column("Label", "", "Number of the particle; the same in every state and file"),
    "volume_voxels": Column("Volume", "voxels", "Number of voxels"),
    "volume_um3": Column("Volume", "µm³", "Voxels × voxel volume"),
    "area_pixels": Column("Area", "pixels", "Number of pixels"),
    "area_um2": Column("Area", "µm²", "Pixels × pixel area"),
    "equivalent_diameter_um": Column(
        "Equivalent diameter", "µm", "Diameter of the sphere (circle) of the same volume (area)"
    ),
    "centroid_z_um": Column("Centroid z", "µm", "Mean voxel position in the world"),
    "centroid_y_um": Column("Centroid y", "µm", "Mean voxel position in the world"),
    "centroid_x_um": Column("Centroid x", "µm", "Mean voxel position in the world"),
    "bbox_z0": Column("Box z from", "voxels", "First voxel of the bounding box"),
    "bbox_y0": Column("Box y from", "voxels", "First voxel of the bounding box"),
    "bbox_x0": Column("Box x from", "voxels", "First voxel of the bounding box"),
    "bbox_z1": Column("Box z to", "voxels", "One past the last voxel of the bounding box"),
    "bbox_y1": Column("Box y to", "voxels", "One past the last voxel of the bounding box"),
    "bbox_x1": Column("Box x to", "voxels", "One past the last voxel of the bounding box"),
    "surface_area_um2": Column("Surface area", "µm²", "Crofton estimate from 13 directions"),
    "sphericity": Column(
        "Sphericity", "", "Area of the sphere of the same volume / surface area (1 for a sphere)"
    ),
    "perimeter_um": Column("Perimeter", "µm", "Crofton estimate from 4 directions"),
    "circularity": Column("Circularity", "", "4π·area / perimeter² (1 for a circle)"),
    "n_layers": Column("Layers", "", "Number of radial layers"),
    "mean": Column("Mean", _GREY, "Mean grey level"),
    "std": Column("Std", _GREY, "Standard deviation of the grey level (ddof 0)"),
    "min": Column("Min", _GREY, "Smallest grey level"),
    "max": Column("Max", _GREY, "Largest grey level"),
    "median": Column("Median", _GREY, "Median grey level"),
    "core_mean": Column("Core mean", _GREY, "Mean grey level without the outer layers"),
    "core_std": Column("Core std", _GREY, "Standard deviation without the outer layers (ddof 0)"),
    "core_voxels": Column("Core voxels", "voxels", "Voxels left without the outer layers"),
    "touches_border": Column(
        "Touches border", "", "Cut by a face of the volume or of the region analysed"
    ),
    "note": Column("Note", "", "What to know about this particle"),
    "layer": Column("Layer", "", "Counts from 1 at the surface inward"),
    "depth_um": Column("Depth", "µm", "Depth of the middle of the layer below the surface"),
    "relative_radius": Column("Relative radius", "", "1 at the surface, 0 at the centre"),
    "n_voxels": Column("Voxels", "voxels", "Voxels with a grey level"),
    "normalised_max": Column(
        "Normalised (max)", "", "(g − g₁) / (max g − g₁), g₁ the surface layer (GREAT2 paper)"
    ),
    "normalised_surface": Column("Normalised (surface)", "", "g / g₁, g₁ the surface layer"),
    "shell": Column("Shell", "", "Counts from 1 at the centroid outward"),
    "radius_um": Column("Radius", "µm", "Distance of the middle of the shell from the centroid"),
    "delta_core_mean": Column(
        "ΔĪ_prist", _GREY, "Change of the core mean since the reference state"
    ),
    "state": Column("State", "", "Name of the state of charge"),
    "volume_change": Column(
        "Volume change", "", "Volume (2-D: area) over that in the reference, less 1"
    ),
    "centroid_z_voxels": Column(
        "Centroid z", "voxels", "Mean voxel position, while the voxel size is unknown"
    ),
    "centroid_y_voxels": Column(
        "Centroid y", "voxels", "Mean voxel position, while the voxel size is unknown"
    ),
    "centroid_x_voxels": Column(
        "Centroid x", "voxels", "Mean voxel position, while the voxel size is unknown"
    ),
    "shift_z_um": Column("Shift z", "µm", "Displacement since the reference, in the world"),
    "shift_y_um": Column("Shift y", "µm", "Displacement since the reference, in the world"),
    "shift_x_um": Column("Shift x", "µm", "Displacement since the reference, in the world"),
    "shift_z_voxels": Column(
        "Shift z", "voxels", "Displacement since the reference; voxel size unknown"
    ),
    "shift_y_voxels": Column(
        "Shift y", "voxels", "Displacement since the reference; voxel size unknown"
    ),
    "shift_x_voxels": Column(
        "Shift x", "voxels", "Displacement since the reference; voxel size unknown"
    ),
    "shift_radii": Column(
        "Shift over radius",
        "",
        "Shift beyond the median of the state's whole particles, over the particle's own "
        "equivalent radius in the reference",
    ),
    "iou": Column(
        "Overlap (IoU)", "", "Intersection over union with the same particle in the reference"
    ),
    "cross_label": Column(
        "Cross-check label", "", "What the other method calls the particle that lies here; 0: none"
    ),
    "cross_iou": Column(
        "Cross-check IoU",
        "",
        "Intersection over union with what the other method found here; empty: not checked",
    ),
    "pieces": Column("Pieces", "", "Parts that are not joined by voxel faces; 0: missing"),
    "largest_piece": Column("Largest piece", "", "Voxels of the largest piece over all"),
    "kept": Column("Kept", "", "Whether the particle is consistent through all states"),
    "reason": Column(
        "Reason", "", "Rules of consistency that the particle breaks in this state, joined by ;"
    ),
    "shift_sd_z_um": Column(
        "Shift z ±",
        "µm",
        "Standard deviation: noise of its fit, and its neighbours' pull",
    ),
    "shift_sd_y_um": Column(
        "Shift y ±",
        "µm",
        "Standard deviation: noise of its fit, and its neighbours' pull",
    ),
    "shift_sd_x_um": Column(
        "Shift x ±",
        "µm",
        "Standard deviation: noise of its fit, and its neighbours' pull",
    ),
    "shift_sd_z_voxels": Column(
        "Shift z ±",
        "voxels",
        "Standard deviation: noise of its fit, and its neighbours' pull",
    ),
    "shift_sd_y_voxels": Column(
        "Shift y ±",
        "voxels",
        "Standard deviation: noise of its fit, and its neighbours' pull",
    ),
    "shift_sd_x_voxels": Column(
        "Shift x ±",
        "voxels",
        "Standard deviation: noise of its fit, and its neighbours' pull",
    ),
    "rotation_z_deg": Column(
        "Turn about z", "°", "Rotation vector, right-handed in x, y, z, in the world"
    ),
    "rotation_sd_z_deg": Column(
        "Turn about z ±", "°", "Standard deviation; near-spheres hardly show how they turn"
    ),
    "rotation_y_deg": Column(
        "Turn about y", "°", "Rotation vector, right-handed in x, y, z, in the world"
    ),
    "rotation_sd_y_deg": Column(
        "Turn about y ±", "°", "Standard deviation; near-spheres hardly show how they turn"
    ),
    "rotation_x_deg": Column(
        "Turn about x", "°", "Rotation vector, right-handed in x, y, z, in the world"
    ),
    "rotation_sd_x_deg": Column(
        "Turn about x ±", "°", "Standard deviation; near-spheres hardly show how they turn"
    ),
    "correlation": Column(
        "Correlation", "", "Of the smoothed grey levels in both states, on the particle's voxels"
    ),
    "overlap": Column("Overlap", "", "Share of the particle's voxels with data in both states"),
    "shift_excess_um": Column(
        "Shift excess", "µm", "Distance of the shift from the median of the neighbours' shifts"
    ),
    "shift_excess_voxels": Column(
        "Shift excess", "voxels", "Distance of the shift from the median of the neighbours' shifts"
    ),
    "outlier": Column("Outlier", "", "Whether the shift is unlike those of the neighbours"),
    "aligned": Column("Aligned", "", "Whether the state could be aligned"),
    "correlation_before": Column(
        "Correlation before", "", "Of the grey levels, where the state lay"
    ),
    "correlation_after": Column("Correlation after", "", "Of the grey levels, as aligned"),
    "mutual_information_before": Column(
        "Mutual information before", "nats", "Of the grey levels, where the state lay"
    ),
    "mutual_information_after": Column(
        "Mutual information after", "nats", "Of the grey levels, as aligned"
    ),
    "overlap_fraction": Column("Overlap", "", "Share of the smaller field of view"),
    "rotation_deg": Column("Rotation", "°", "Angle that the alignment turns by"),
    "scale": Column("Scale", "", "Magnification by the alignment"),
    "moved_z_um": Column("Moved z", "µm", "How far the alignment moves the middle of the stack"),
    "moved_y_um": Column("Moved y", "µm", "How far the alignment moves the middle of the stack"),
    "moved_x_um": Column("Moved x", "µm", "How far the alignment moves the middle of the stack"),
    "residual_median_um": Column(
        "Residual median", "µm", "Length of the shifts left, over a grid of blocks"
    ),
    "residual_p95_um": Column(
        "Residual 95th percentile", "µm", "Length of the shifts left, over a grid of blocks"
    ),
    "moved_z_voxels": Column(
        "Moved z", "voxels", "How far the alignment moves the middle of the stack"
    ),
    "moved_y_voxels": Column(
        "Moved y", "voxels", "How far the alignment moves the middle of the stack"
    ),
    "moved_x_voxels": Column(
        "Moved x", "voxels", "How far the alignment moves the middle of the stack"
    ),
    "residual_median_voxels": Column(
        "Residual median", "voxels", "Length of the shifts left, over a grid of blocks"
    ),
    "residual_p95_voxels": Column(
        "Residual 95th percentile", "voxels", "Length of the shifts left, over a grid of blocks"
    ),
    "neighbour": Column("Neighbour", "", "Number of a particle that shares voxel faces"),
    "contact_faces": Column("Contact faces", "", "Voxel faces (2-D: pixel edges) shared"),
    "contact_area_um2": Column(
        "Contact area", "µm²", "Sum of the voxel faces shared; up to √3 times a slanted flat area"
    ),
    "contact_length_um": Column(
        "Contact length", "µm", "Sum of the pixel edges shared; up to √2 times a slanted line"
    ),
    "matched": Column("Matched label", "", "Number in the reference; above all of its if new"),
    "is_new": Column("Is new", "", "Whether no label of the reference matches"),
    "n": Column("Particles", "", "Number of particles"),
    "ses_mean": Column("SES of the mean", _GREY, "Sampling error of the mean, σ/√n"),
    "delta": Column("Mean ΔĪ_prist", _GREY, "Mean over particles of the change of the core mean"),
    "ses_delta": Column("SES of mean ΔĪ_prist", _GREY, "Sampling error of that mean, σ/√n"),
    "sd_mean": Column("Spread of core means", _GREY, "Between particles (ddof 1)"),
    "sem_mean": Column(
        "SEM of the mean", _GREY, "As published: root mean square over particles of SEM_P"
    ),
    "se_tot_mean": Column(
        "SE_tot of the mean",
        _GREY,
        "As published: √(SES² + SEM²); overstates the error of the mean, which is SES",
    ),
    "sd_delta": Column("Spread of ΔĪ_prist", _GREY, "Between particles (ddof 1)"),
    "sem_delta": Column(
        "SEM of ΔĪ_prist",
        _GREY,
        "By noise: of a particle √(SEM_P0² + SEM_PSoC² + floor²); of a state their root mean "
        "square over particles, as published",
    ),
    "se_tot_delta": Column(
        "SE_tot of mean ΔĪ_prist",
        _GREY,
        "As published: √(SES² + SEM²); overstates the error of the mean, which is SES",
    ),
    "z": Column("z", "", "ΔĪ_prist over its error: of a particle SEM, of a state's mean SES"),
    "p_value": Column("p-value", "", "Two-sided, of z"),
    "z_means": Column(
        "Z of the means", "", "Of two populations' means against the first state (GREAT2 paper)"
    ),
    "subset": Column("Subset", "", "Name of the particles that the row is of"),
    "change_to_see": Column("Change to see", _GREY, "Mean change that shall be seen"),
    "n_sigma": Column("At", "σ", "Standard errors that it shall be"),
    "particles_needed": Column(
        "Particles needed",
        "",
        "So many particles (of populations that are not matched: in each state) show a change "
        "of that size at that many standard errors",
    ),
    "first_state": Column("Compared with", "", "Name of the state of charge compared with"),
    "second_state": Column("Compared", "", "Name of the state of charge that is compared"),
    "of": Column(
        "Test of", "", "means: of two populations' means; changes: of the same particles' changes"
    ),
    "n_first": Column("Particles, first", "", "Sample size in the state compared with"),
    "n_second": Column("Particles, second", "", "Sample size in the state that is compared"),
    "mean_difference": Column("Difference", _GREY, "Second mean less the first"),
    "standard_error": Column("Standard error", _GREY, "Of the difference"),
    "critical": Column("Critical z", "", "Value that z must pass (less: fall below)"),
    "is_rejected": Column(
        "Beyond critical", "", "Whether z lies beyond it, so that “no difference” is rejected"
    ),
    "alternative": Column(
        "Alternative", "", "two-sided, less (the second mean is lower) or greater"
    ),
    "sem": Column("SEM_P", _GREY, "Error of the core mean by noise: σ_bg·√(V/n)"),
    "q_value": Column(
        "q-value", "", "False discovery rate (Benjamini–Hochberg) among the state's kept particles"
    ),
    "significant": Column(
        "Significant", "", "Whether the q-value is within the false discovery rate asked for"
    ),
    "direction": Column("Direction", "", "charge, discharge or empty"),
    "grey": Column("Grey level", _GREY, "Middle of the bin"),
    "count": Column("Voxels", "voxels", "Voxels of this grey level"),
    "empty": Column("Voxels, empty", "voxels", "Of them outside particles"),
    "solid": Column("Voxels, solid", "voxels", "Of them inside particles"),
    "sigma": Column("σ_bg", _GREY, "Standard deviation of the noise in one voxel, as scanned"),
    "correlation_voxels": Column(
        "Correlation volume", "voxels", "n voxels are worth n over this many independent ones"
    ),
    "background_mean": Column("Background", _GREY, "Mean grey level where noise was measured"),
    "source": Column("Source", "", "Whether the background was given, proposed, or σ typed in"),
    "repeat_floor": Column(
        "Repeat-scan floor", _GREY, "Spread of a repeated scan's ΔĪ beyond its noise"
    ),
    "repeat_offset": Column("Repeat-scan offset", _GREY, "Largest mean ΔĪ of a repeated scan"),
    "rule": Column("Rule", "", "Name of the rule's switch"),
    "switched_on": Column("Switched on", "", "Whether the rule was applied"),
    "particles": Column("Particles", "", "Particles that break the rule in any state"),
    "only_this": Column("Only this", "", "Of them, those that break no other rule"),
    "true_delta": Column("True mean ΔĪ_prist", _GREY, "What a synthetic sample was given"),
    "method": Column("Method", "", "How the number, or the scan that is judged, was made"),
    "metric": Column("Metric", "", "Name of the number; which column of regions is summed up"),
    "value": Column("Value", "", "Of the whole volume, or the mean over regions"),
    "sd": Column("SD", "", "Standard deviation between regions (ddof 1)"),
    "ci_low": Column("Interval from", "", "Of the mean over regions, as its method says"),
    "ci_high": Column("Interval to", "", "Of the mean over regions, as its method says"),
    "n_regions": Column("Regions", "", "Regions that have this metric"),
    "difference": Column(
        "Difference", "", "Mean over regions of the method less “cubic + grey match” in the same"
    ),
    "difference_ci_low": Column("Difference from", "", "Interval of the paired difference"),
    "difference_ci_high": Column("Difference to", "", "Interval of the paired difference"),
    "region": Column("Region", "", "Number of the region, from 1, or which part of the volume"),
    "volume": Column("Volume", "", "Name of the volume that was measured"),
    "axis": Column("Axis", "", "Direction of a number that has one"),
    "phase": Column("Phase", "", "What it is of; two phases for what lies between them"),
    "diameter_um": Column("Diameter", "µm", "Middle of the bin"),
    "length_um": Column("Chord length", "µm", "Middle of the bin"),
    "distance_um": Column("Distance", "µm", "Between two points"),
    "density_per_um": Column("Density", "1/µm", "Share per µm; its integral is 1"),
    "coordination": Column("Particles touched", "", "Number of contacts of a particle"),
    "position_um": Column("Position", "µm", "Of the plane's middle, from the volume's first face"),
    "fraction": Column("Fraction", "", "Share of the phase"),
    "unit": Column("Unit", "", "Of value, sd and interval"),
    "high_value": Column("High scan", "", "Mean over regions of the high scan"),
    "bias": Column("Bias", "", "Mean over regions of the method less the high scan"),
    "bias_ci_low": Column("Bias from", "", "Interval of the bias"),
    "bias_ci_high": Column("Bias to", "", "Interval of the bias"),
    "error": Column("Error", "", "Mean over regions of |method − high scan|"),
    "error_ci_low": Column("Error from", "", "Interval of the error"),
    "error_ci_high": Column("Error to", "", "Interval of the error"),
    "relative_error": Column("Relative error", "", "Error over the mean of |high scan|"),
    "error_limit": Column("Error allowed", "", "Tolerance × mean of |high scan|"),
    "improvement": Column(
        "Improvement", "", "Mean over regions of the error of “cubic + grey match” less the own"
    ),
    "improvement_ci_low": Column("Improvement from", "", "Interval of the improvement"),
    "improvement_ci_high": Column("Improvement to", "", "Interval of the improvement"),
    "n_infinite": Column("Infinite", "", "Regions where one of the two is infinite, not both"),
    "verdict": Column(
        "Verdict",
        "",
        "Of models: validated if the improvement's interval is above 0 and the error's ends below "
        "what is allowed",
    ),
    "why": Column("Why", "", "What decided the verdict, in numbers"),
    "ssim": Column("SSIM", "", "Structural similarity with the high scan (Wang et al. 2004)"),
    "psnr_db": Column("PSNR", "dB", "Peak signal to noise; the peak is the high scan's range"),
    "mse": Column("MSE", "", "Mean squared error; the high scan's robust range is 1"),
    "mae": Column("MAE", "", "Mean absolute error; the high scan's robust range is 1"),
    "crack_recall": Column(
        "Crack recall", "", "Share of labelled crack voxels with a crack of the prediction near"
    ),
    "crack_false": Column(
        "False cracks", "", "Share of the prediction's crack voxels with no labelled crack near"
    ),
    "epoch": Column("Round", "", "Number of the round, from 1"),
    "steps": Column("Steps", "", "Steps of the optimiser so far"),
    "seconds": Column("Time", "s", "Spent in training and validation so far"),
    "lr": Column("Learning rate", "", "At the end of the round"),
    "train_mse": Column("MSE, training", "", "Mean squared error over the round's patches"),
    "train_mae": Column("MAE, training", "", "Mean absolute error over the round's patches"),
    "train_psnr": Column("PSNR, training", "dB", "Of the mean squared error, for a range of 1"),
    "train_ssim": Column("SSIM, training", "", "Mean over the round's patches, for a range of 1"),
    "validation_mse": Column(
        "MSE, validation", "", "Mean squared error over the validation's patches"
    ),
    "validation_mae": Column(
        "MAE, validation", "", "Mean absolute error over the validation's patches"
    ),
    "validation_psnr": Column(
        "PSNR, validation", "dB", "Of the mean squared error, for a range of 1"
    ),
    "validation_ssim": Column(
        "SSIM, validation", "", "Mean over the validation's patches, for a range of 1"
    ),
    "change_voxels": Column("Compared voxels", "voxels", "Voxels with data in both states"),
    "change_mean": Column(
        "Change inside", _GREY, "Mean of the smoothed difference to the pristine state"
    ),
    "change_se": Column(
        "Change inside ±", _GREY, "Standard error of that mean by the noise, which is correlated"
    ),
    "change_std": Column(
        "Spread of change", _GREY, "Standard deviation of the smoothed difference, noise included"
    ),
    "change_independent": Column(
        "Independent voxels", "", "As many independent voxels would have as exact a mean"
    ),
    "change_sigma": Column(
        "Noise of change", _GREY, "Standard deviation of the smoothed difference by noise alone"
    ),
    "fell_share": Column("Fell", "", "Share of the core that fell by more than k times the noise"),
    "rose_share": Column("Rose", "", "Share of the core that rose by more than k times the noise"),
    "expected_share": Column("By noise alone", "", "Share that normal noise takes beyond k times"),
    "is_core": Column("Is core", "", "Whether the layer is deeper than the outer layers left out"),
    "depth_voxels": Column(
        "Depth", "voxels", "Of the layer's middle below the surface, in longest voxel edges"
    ),
}


def column_title(name: str, *, assumed: bool = False) -> str:
    """Title with unit for headers and axes; `assumed` marks lengths on an assumed voxel size."""
    column = COLUMNS.get(name)
    if column is None:
        return name
    unit = f"{column.unit}, assumed" if assumed and column.unit.startswith("µm") else column.unit
    return f"{column.title} ({unit})" if unit else column.title
