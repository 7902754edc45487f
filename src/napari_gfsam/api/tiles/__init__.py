"""Pictures in tiles: found over the whole picture, read tile by tile, merged into one answer."""
