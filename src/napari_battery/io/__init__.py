"""Opening and saving stacks; voxel size and unit are kept, and where they came from."""

from napari_battery.io.read import describe_file, list_datasets, read_volume, readable
from napari_battery.io.write import write_volume

__all__ = ["describe_file", "list_datasets", "read_volume", "readable", "write_volume"]
