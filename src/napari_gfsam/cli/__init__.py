"""The command line ``napari-gfsam``: one command a file, over the API and the evaluation only.

Importing it imports neither torch nor napari; every command imports what it needs when it runs.
"""

from napari_gfsam.cli.app import app, main

__all__ = ["app", "main"]
