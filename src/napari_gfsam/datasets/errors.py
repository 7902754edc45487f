"""What can go wrong with a data set as a whole."""

from __future__ import annotations


class DatasetError(ValueError):
    """A run that cannot be done or cannot go on; the message is one sentence for the user."""
