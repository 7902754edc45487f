from __future__ import annotations

import re
from pathlib import Path

from napari_gfsam.core.config import PUBLISHED, TUNED, choices

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_tells_every_setting_and_both_presets():
    rows = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        if re.match(r"\| `", line):
            rows[cells[0]] = cells[1:4]
    assert set(rows) == set(choices()) - {"kmeans_clusters"}
    for name, (published, tuned, others) in rows.items():
        assert published == str(getattr(PUBLISHED, name))
        assert tuned == str(getattr(TUNED, name))
        told = {published, tuned, *(word.strip() for word in others.split(",") if word.strip())}
        if choices()[name]:
            assert told == set(choices()[name])
