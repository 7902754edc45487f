"""What `napari_gfsam.api.archive` is made of: predictions as arrays with a JSON header, and back."""
