"""Training images from pairs of scans."""

from __future__ import annotations

from napari_battery.superres.training_image import TrainingImage

__all__ = ["TrainingImage"]
