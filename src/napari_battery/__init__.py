"""From X-ray tomograms of battery electrodes to numbers that can be published."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-battery")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
