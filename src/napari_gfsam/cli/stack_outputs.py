"""Outputs of a stack: label stack, objects and record; what of them is there, and what is left to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.cli.errors import CommandError
from napari_gfsam.datasets.outputs import State, job_key, output_paths
from napari_gfsam.datasets.targets import INSTANCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_gfsam.io.records import RunRecord


@dataclass(frozen=True, slots=True)
class StackFiles:
    """The files of one stack.

    Parameters
    ----------
    labels, instances
        Label stack, and the numbered objects where they are asked for.
    record
        Run record. It vouches for the labels, and for the objects too where its ``link`` says so; so it is written
        after each of them.
    """

    labels: Path
    instances: Path
    record: Path

    @property
    def all(self) -> tuple[Path, ...]:
        """Every path."""
        return self.labels, self.instances, self.record


class Left(Enum):
    """What is left to do of a stack."""

    ALL = "all"
    LINK = "number the objects"
    NOTHING = "nothing"


def stack_files(folder: Path, name: str) -> StackFiles:
    """Return where the outputs of a stack go."""
    paths = output_paths(folder, name, "tif", overlay=False)
    return StackFiles(paths.labels, folder / f"{name}{INSTANCES}.tif", paths.record)


def what_is_left(files: StackFiles, wanted: RunRecord, *, link: bool) -> Left:
    """Tell what is left to do of a stack.

    Parameters
    ----------
    files
        Its outputs.
    wanted
        The record as far as it is known before the run.
    link
        Whether the objects are to be numbered.

    Raises
    ------
    CommandError
        If something else stands in place of an output.
    """
    from napari_gfsam.io.records import RecordError, read_record
    from napari_gfsam.io.writers import is_ours

    if link and files.instances.exists() and not is_ours(files.instances):
        raise _in_the_way(files.instances, State.NOT_OURS)
    if not files.labels.exists():
        return Left.ALL
    try:
        record = read_record(files.record)
    except RecordError:
        record = None
    if record is None or record.labels_hash != _hash_of(files.labels):
        if is_ours(files.labels):
            return Left.ALL
        raise _in_the_way(files.labels, State.NOT_OURS)
    if (job_key(record), _plan_of(record)) != (job_key(wanted), _plan_of(wanted)):
        raise _in_the_way(files.labels, State.OTHER_RUN)
    if record.stack.get("failed"):
        return Left.ALL
    linked = record.stack.get("link") and files.instances.exists()
    return Left.LINK if link and not linked else Left.NOTHING


def clear(files: StackFiles) -> None:
    """Delete what would vouch for, or belong to, other labels than those about to be written."""
    from napari_gfsam.io.writers import is_ours

    files.record.unlink(missing_ok=True)
    if files.instances.exists() and is_ours(files.instances):
        files.instances.unlink()


def link_objects(files: StackFiles) -> int:
    """Give numbers to the objects of a label stack that its record vouches for; return how many there are.

    Raises
    ------
    OSError
        If a file cannot be written (`io.writers.OutputError`).
    ValueError
        If labels or record cannot be read.
    """
    from napari_gfsam.io.records import read_record, write_record

    record = read_record(files.record)
    most = _write_instances(files)
    write_record(files.record, replace(record, stack={**record.stack, "link": True}))
    return most


def _write_instances(files: StackFiles) -> int:
    from napari_gfsam.imaging.linking import link_planes
    from napari_gfsam.io.stacks import open_label_stack, write_label_stack

    most = 0

    def numbered(planes: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        nonlocal most
        for ids in link_planes(planes):
            if ids is not None:
                most = max(most, int(ids.max(initial=0)))
                yield ids

    with open_label_stack(files.labels, 0) as stack:
        size = (len(stack), *stack.plane(0).shape)
        planes = (stack.plane(place) for place in range(len(stack)))
        write_label_stack(files.instances, numbered(planes), size, np.uint32)
    return most


def _in_the_way(path: Path, state: State) -> CommandError:
    return CommandError(f"{path} was {state.value}; --overwrite replaces it.")


def _plan_of(record: RunRecord) -> dict[str, Any]:
    """Return what the labels depend on of how planes are put together."""
    return {name: value for name, value in record.stack.items() if name not in ("failed", "link")}


def _hash_of(path: Path) -> str:
    """Return the hash of a label stack, empty where it cannot be read."""
    from napari_gfsam.io.readers import ImageFileError
    from napari_gfsam.io.stacks import StackHash, open_label_stack

    try:
        with open_label_stack(path, 0) as stack:
            height, width = stack.plane(0).shape
            digest = StackHash((len(stack), height, width))
            for place in range(len(stack)):
                digest.add(stack.plane(place))
    except ImageFileError:
        return ""
    return digest.value
