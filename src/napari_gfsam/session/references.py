"""The painted planes that a run learns from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_gfsam.session.types import PlaneKey, ReferenceRow


class ReferenceList:
    """Reference rows in the order in which they came. Changes to a row that is not there do nothing."""

    changed = Signal()

    def __init__(self) -> None:
        self._rows: dict[str, ReferenceRow] = {}
        self._removed: dict[str, ReferenceRow] = {}

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def __iter__(self) -> Iterator[ReferenceRow]:
        """Walk the rows in order."""
        return iter(tuple(self._rows.values()))

    def get(self, row_id: str) -> ReferenceRow | None:
        """Return a row."""
        return self._rows.get(row_id)

    @property
    def enabled(self) -> tuple[ReferenceRow, ...]:
        """The rows that the next run uses."""
        return tuple(row for row in self if row.enabled)

    @property
    def removed(self) -> tuple[ReferenceRow, ...]:
        """The rows that were taken out and not added again since, whose paint is still in its layer."""
        return tuple(self._removed.values())

    @property
    def with_removed(self) -> tuple[ReferenceRow, ...]:
        """All rows, those that were taken out at the end."""
        return (*self, *self.removed)

    def add(self, row: ReferenceRow) -> ReferenceRow:
        """Add a row at the end, or return the one that holds the same plane of the same Labels layer already."""
        for known in self:
            if _place(known) == _place(row):
                return known
        self._rows[row.id] = row
        self._removed = {known.id: known for known in self.removed if _place(known) != _place(row)}
        self.changed.emit()
        return row

    def replace(self, row_id: str, **changes: Any) -> ReferenceRow | None:
        """Change named fields of a row (such as ``ignore`` or ``region_yx``), taken out or not, and return it."""
        rows = self._removed if row_id in self._removed else self._rows
        row = rows.get(row_id)
        if row is None:
            return None
        changed = replace(row, **changes)
        if changed != row:
            rows[row_id] = changed
            self.changed.emit()
        return changed

    def enable(self, row_id: str, on: bool = True) -> None:
        """Say whether the next run uses a row."""
        self.replace(row_id, enabled=on)

    def remove(self, *row_ids: str) -> None:
        """Take rows out of the list; the paint stays in its layer."""
        gone = [self._rows.pop(row_id) for row_id in row_ids if row_id in self._rows]
        if gone:
            self._removed |= {row.id: row for row in gone}
            self.changed.emit()

    def was_removed(self, plane: PlaneKey, labels_layer: str) -> bool:
        """Tell whether a plane of a Labels layer was taken out and not added again since."""
        return (plane, labels_layer) in map(_place, self._removed.values())

    def forget(self, *row_ids: str) -> None:
        """Take rows out for good, also those that were taken out before: their picture or paint is gone."""
        known = {row.id for row in self.with_removed} & set(row_ids)
        if known:
            self._rows = {row.id: row for row in self if row.id not in known}
            self._removed = {row.id: row for row in self.removed if row.id not in known}
            self.changed.emit()

    def forget_source(self, source: str) -> None:
        """Forget all rows of a source that is gone."""
        self.forget(*(row.id for row in self.with_removed if row.plane.source == source))

    def of_layer(self, labels_layer: str) -> tuple[ReferenceRow, ...]:
        """Return the rows whose paint is in a Labels layer."""
        return tuple(row for row in self if row.labels_layer == labels_layer)

    def of_source(self, source: str) -> tuple[ReferenceRow, ...]:
        """Return the rows whose picture is a plane of a source."""
        return tuple(row for row in self if row.plane.source == source)

    def restore(self, rows: Iterable[ReferenceRow], removed: Iterable[ReferenceRow] = ()) -> None:
        """Put other rows in the place of all."""
        self._rows = {row.id: row for row in rows}
        self._removed = {row.id: row for row in removed}
        self.changed.emit()


def _place(row: ReferenceRow) -> tuple[PlaneKey, str]:
    return row.plane, row.labels_layer
