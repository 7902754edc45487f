"""``python -m napari_gfsam`` is the command line."""

from napari_gfsam.cli import main

if __name__ == "__main__":
    main()
