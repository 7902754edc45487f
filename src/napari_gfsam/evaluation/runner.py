"""Running episodes: references in, answer out, counts and a CSV line per episode and settings."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from napari_gfsam.evaluation.metrics import overlap, squash
from napari_gfsam.evaluation.rows import SEPARATOR, EpisodeRow, RowFile, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.evaluation.episodes import Episode, EpisodeSet, LoadedPicture

OBJECT, IGNORED = 1, 255
"""Labels of the class and of pixels that count as neither, as the segmenter is told."""


class EpisodePrediction(Protocol):
    """What is asked of an answer; `napari_gfsam.api.Prediction` is one."""

    @property
    def labels(self) -> NDArray[np.integer[Any]]:
        """(H, W) class ids."""
        ...

    @property
    def classes(self) -> Mapping[int, Any]:
        """`ClassPrediction` by class id."""
        ...

    def model_mask(self, class_id: int) -> NDArray[np.bool_]:
        """(1024, 1024) bool answer in the squashed frame."""
        ...


class EpisodeSegmenter(Protocol):
    """What is asked of a segmenter; `napari_gfsam.api.Segmenter` is one."""

    def clear_references(self) -> None:
        """Forget all references."""
        ...

    def add_reference(
        self, image: ArrayLike, labels: ArrayLike, *, classes: Mapping[int, str], ignore: int | None
    ) -> object:
        """Add a painted picture."""
        ...

    def segment(self, target: ArrayLike, *, settings: GFSAMConfig, scale: Literal["whole"]) -> EpisodePrediction:
        """Segment a picture, looked at whole."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One episode under one settings: the row as far as it is known before the answer, and the settings."""

    row: EpisodeRow
    settings: GFSAMConfig


def evaluate(
    episode_set: EpisodeSet,
    segmenter: EpisodeSegmenter,
    settings: Mapping[str, GFSAMConfig],
    csv_path: str | Path,
    *,
    model: str = "bundled",
) -> Iterator[EpisodeRow]:
    """Run episodes and yield a row per episode and settings, in order; each is on the disk before it is yielded.

    Rows that the CSV already holds for the same files, episode, settings and model are yielded without computing;
    rows with an error are tried again. Settings of one episode share encoded pictures and decoded masks.

    Parameters
    ----------
    episode_set
        What to run.
    segmenter
        Answers; its references are replaced.
    settings
        Settings by name.
    csv_path
        The CSV; made when missing, appended to otherwise. Several sets, shots and models may share one.
    model
        Name of the segmenter's model, for the rows.

    Yields
    ------
    EpisodeRow
        A picture that cannot be read, or paint that cannot serve, gives a row with ``error``.

    Raises
    ------
    OSError
        If the CSV cannot be written.
    ValueError
        If the CSV is another file, or is damaged.
    """
    file = RowFile(csv_path)
    for number, episode in enumerate(episode_set):
        questions = _questions(episode_set, number, settings, model)
        done = [file.find(question.row.identity, question.row.fingerprint) for question in questions]
        if all(done):
            yield from (row for row in done if row is not None)
            continue
        yield from _run(file, segmenter, episode, list(zip(questions, done, strict=True)))


def pending_rows(
    episode_set: EpisodeSet, settings: Mapping[str, GFSAMConfig], csv_path: str | Path, *, model: str = "bundled"
) -> int:
    """Return how many rows `evaluate` would compute (it yields ``len(episode_set) * len(settings)`` in all).

    Raises
    ------
    OSError, ValueError
        As `evaluate`.
    """
    file = RowFile(csv_path)
    asked = (q for number in range(len(episode_set)) for q in _questions(episode_set, number, settings, model))
    return sum(file.find(question.row.identity, question.row.fingerprint) is None for question in asked)


def fingerprint(row: EpisodeRow, episode: Episode, settings: GFSAMConfig) -> str:
    """Return a hash of the question and all its answer depends on: files with their sizes, class, settings, model."""
    files = [[picture.name, *map(_file_id, picture.files)] for picture in (*episode.references, episode.target)]
    text = json.dumps([row.identity, episode.class_id, files, settings.as_dict()], sort_keys=True)
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def _run(
    file: RowFile,
    segmenter: EpisodeSegmenter,
    episode: Episode,
    questions: list[tuple[Question, EpisodeRow | None]],
) -> Iterator[EpisodeRow]:
    prepared: LoadedPicture | str
    try:
        prepared = _prepare(segmenter, episode)
    except (OSError, ValueError) as error:
        prepared = _message(error)
    for question, done in questions:
        row = done
        if row is None:
            row = _answer(segmenter, question, prepared)
            file.append(row)
        yield row


def _prepare(segmenter: EpisodeSegmenter, episode: Episode) -> LoadedPicture:
    """Give the segmenter the episode's references and return the loaded target."""
    segmenter.clear_references()
    name = episode.class_name or str(episode.class_id)
    for reference in episode.references:
        loaded = reference.load()
        labels = loaded.mask.astype(np.uint8) * np.uint8(OBJECT)
        if loaded.ignore is not None:
            labels[loaded.ignore] = IGNORED
        ignore = None if loaded.ignore is None else IGNORED
        segmenter.add_reference(loaded.image, labels, classes={OBJECT: name}, ignore=ignore)
    return episode.target.load()


def _answer(segmenter: EpisodeSegmenter, question: Question, target: LoadedPicture | str) -> EpisodeRow:
    if isinstance(target, str):
        return replace(question.row, error=target)
    start = time.perf_counter()
    try:
        prediction = segmenter.segment(target.image, settings=question.settings, scale="whole")
    except (OSError, ValueError) as error:
        return replace(question.row, error=_message(error))
    seconds = time.perf_counter() - start
    return _counted(question.row, prediction, target, seconds)


def _counted(row: EpisodeRow, prediction: EpisodePrediction, target: LoadedPicture, seconds: float) -> EpisodeRow:
    native = prediction.labels == OBJECT
    ignore = None if target.ignore is None else squash(target.ignore)
    square = overlap(prediction.model_mask(OBJECT), squash(target.mask), ignore)
    own = overlap(native, target.mask, target.ignore)
    found = prediction.classes[OBJECT]
    return replace(
        row,
        iou_1024=square.iou,
        iou_native=own.iou,
        fg_intersection_1024=square.fg_intersection,
        fg_union_1024=square.fg_union,
        bg_intersection_1024=square.bg_intersection,
        bg_union_1024=square.bg_union,
        fg_intersection_native=own.fg_intersection,
        fg_union_native=own.fg_union,
        bg_intersection_native=own.bg_intersection,
        bg_union_native=own.bg_union,
        score=float(found.score),
        empty=not native.any(),
        prompts=len(found.points),
        clusters=len(np.unique(found.cluster)),
        seconds=round(seconds, 4),
    )


def _questions(episode_set: EpisodeSet, number: int, settings: Mapping[str, GFSAMConfig], model: str) -> list[Question]:
    episode = episode_set.episodes[number]
    blank = EpisodeRow(
        fingerprint="",
        data_set=one_line(episode_set.name),
        seed=episode_set.seed,
        shots=episode_set.shots,
        model=one_line(model),
        settings="",
        episode=number,
        absent=episode.absent,
        class_id=episode.class_id,
        class_name=one_line(episode.class_name),
        references=SEPARATOR.join(one_line(reference.name) for reference in episode.references),
        target=one_line(episode.target.name),
    )
    return [_question(replace(blank, settings=one_line(name)), episode, config) for name, config in settings.items()]


def _question(row: EpisodeRow, episode: Episode, settings: GFSAMConfig) -> Question:
    return Question(replace(row, fingerprint=fingerprint(row, episode, settings)), settings)


def _file_id(path: Path) -> list[str | int]:
    """Name and size of a file: a data set may be moved, but not changed."""
    try:
        return [path.name, path.stat().st_size]
    except OSError:
        return [path.name, -1]


def _message(error: OSError | ValueError) -> str:
    return one_line(str(error))[:1000] or type(error).__name__
