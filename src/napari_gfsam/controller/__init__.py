"""What the dock does: viewer actions put together from session, bridge and workers; no widget is known here."""
