"""The only place that reads or writes napari layers."""
