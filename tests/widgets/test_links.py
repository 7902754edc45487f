from __future__ import annotations

from napari.utils import notifications

from napari_gfsam.widgets.links import Links
from tests.controller.hands import picture


def test_a_last_save_that_fails_is_told_when_the_dock_is_gone(at, monkeypatch):
    told, shown = [], []
    image, labels = at.image("cells", picture(1)[0]), picture(1)[1]
    links = Links(at.desk)
    links.connect(at.desk.problem, shown.append)
    at.paint(image, labels)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_gfsam.session.session.write_saved", full)
    monkeypatch.setattr(notifications.notification_manager, "dispatch", told.append)
    links.close()
    links.close()
    assert shown == []
    assert [one.message for one in told] == ["While GF-SAM closed: The disk is full; make room, then run again."]
    at.close = lambda: None
