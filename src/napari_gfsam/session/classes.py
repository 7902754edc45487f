"""The class table: what the label values mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.core.types import ClassSpec
from napari_gfsam.imaging.colors import class_color
from napari_gfsam.session.types import ClassRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST_ID = 65535


class ClassTable:
    """Classes by id. Changes to a class that is not there do nothing."""

    changed = Signal()

    def __init__(self) -> None:
        self._rows: dict[int, ClassRow] = {}
        self._removed: set[int] = set()

    def __len__(self) -> int:
        """Return the number of classes."""
        return len(self._rows)

    def __iter__(self) -> Iterator[ClassRow]:
        """Walk the rows by id."""
        return iter(self._rows[class_id] for class_id in sorted(self._rows))

    def get(self, class_id: int) -> ClassRow | None:
        """Return a row."""
        return self._rows.get(class_id)

    @property
    def removed(self) -> frozenset[int]:
        """Ids that were taken out and not added again since: what is painted with them counts as unpainted."""
        return frozenset(self._removed)

    @property
    def specs(self) -> tuple[ClassSpec, ...]:
        """The classes as a run takes them, by id."""
        return tuple(ClassSpec(row.id, row.name, row.negative) for row in self)

    def add(self, name: str | None = None) -> ClassRow:
        """Add a class with the id after the highest, so that old paint of a removed class never joins it.

        Raises
        ------
        ValueError
            If all 65535 ids are taken.
        """
        class_id = max({0, *self._rows, *self._removed}) + 1
        if class_id > LARGEST_ID:
            free = (number for number in range(1, LARGEST_ID + 1) if number not in self._rows)
            class_id = next(free, 0)
        if not class_id:
            raise ValueError(f"There are {LARGEST_ID} classes already; remove one first.")
        row = _new_row(class_id, name)
        self._put(row)
        return row

    def put(self, row: ClassRow) -> None:
        """Add a class as it is, or put it in the place of the one with its id.

        Raises
        ------
        ValueError
            If its id is not between 1 and 65535.
        """
        if not 1 <= row.id <= LARGEST_ID:
            raise ValueError(f"The label value {row.id} cannot be a class; class ids run from 1 to {LARGEST_ID}.")
        if self._rows.get(row.id) != row:
            self._put(row)

    def ensure(self, ids: Iterable[int]) -> tuple[ClassRow, ...]:
        """Add rows for ids that have none, such as those found in a label layer.

        Parameters
        ----------
        ids
            Label values; 0, the background, is passed over.

        Returns
        -------
        The new rows.

        Raises
        ------
        ValueError
            If an id is below 0 or above 65535; nothing is added then.
        """
        new = sorted({int(class_id) for class_id in ids} - {0, *self._rows})
        wrong = [class_id for class_id in new if not 1 <= class_id <= LARGEST_ID]
        if wrong:
            raise ValueError(f"The label value {wrong[0]} cannot be a class; class ids run from 1 to {LARGEST_ID}.")
        rows = tuple(_new_row(class_id, None) for class_id in new)
        if rows:
            self._put(*rows)
        return rows

    def rename(self, class_id: int, name: str) -> None:
        """Give a class another name; a blank one becomes "class N" again."""
        self._change(class_id, name=_name(class_id, name))

    def recolor(self, class_id: int, color: tuple[int, int, int]) -> None:
        """Give a class another colour, (red, green, blue) from 0 to 255."""
        red, green, blue = (min(255, max(0, int(part))) for part in color)
        self._change(class_id, color=(red, green, blue))

    def set_negative(self, class_id: int, negative: bool) -> None:
        """Say whether a class is "not this"."""
        self._change(class_id, negative=negative)

    def set_painted_fully(self, class_id: int, answer: bool | None) -> None:
        """Keep the user's answer to "is every object of it painted?"."""
        self._change(class_id, painted_fully=answer)

    def remove(self, class_id: int) -> None:
        """Take a class out of the table; its paint stays where it is."""
        if self._rows.pop(class_id, None) is not None:
            self._removed.add(class_id)
            self.changed.emit()

    def pass_over(self, ids: Iterable[int]) -> None:
        """Take ids for removed that have no row, such as those found in paint of earlier work."""
        self._removed |= {int(class_id) for class_id in ids} - {0, *self._rows}

    def restore(self, rows: Iterable[ClassRow]) -> None:
        """Put other rows in the place of all."""
        self._rows = {row.id: row for row in rows}
        self._removed = set()
        self.changed.emit()

    def _put(self, *rows: ClassRow) -> None:
        self._rows.update({row.id: row for row in rows})
        self._removed -= {row.id for row in rows}
        self.changed.emit()

    def _change(self, class_id: int, **changes: Any) -> None:
        row = self._rows.get(class_id)
        if row is None or replace(row, **changes) == row:
            return
        self._rows[class_id] = replace(row, **changes)
        self.changed.emit()


def _new_row(class_id: int, name: str | None) -> ClassRow:
    return ClassRow(class_id, _name(class_id, name or ""), class_color(class_id))


def _name(class_id: int, name: str) -> str:
    return name.strip() or f"class {class_id}"
