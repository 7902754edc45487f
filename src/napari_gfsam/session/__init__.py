"""The state of the work in one viewer, free of Qt and napari: what the controller holds and panels show.

A `Session` owns tables that say when they change (psygnal signals) and writes no layer. On the main thread:

>>> session = Session(Archive(lambda models: segmenter.backend))      # api.archive.Archive; no folder is made yet
>>> session.classes.ensure([1, 2]); session.classes.rename(1, "nucleus")
>>> session.references.add(ReferenceRow(uuid4().hex, plane, labels_layer, title="cells, t = 3"))

A run. The worker calls `store.put(plane, prediction)`; the main thread then puts the proposal into its layer:

>>> session.store.take(plane)                             # from now on it is what is corrected and saved
>>> session.proposals.look(plane, seen)                   # strokes since we wrote; `seen` is read from the layer
>>> write(session.proposals.compose(plane, prediction.labels))
>>> session.queue.update(plane, state=TargetState.PROPOSED, score=score, run=session.generation)

A correction. ``before`` and ``after`` are two decision lists, so undo and redo are the same step:

>>> def decide(decisions):
...     prediction = session.store.get(plane).decided(decisions)
...     session.store.correct(plane, prediction)
...     write(session.proposals.compose(plane, prediction.labels))
>>> session.proposals.look(plane, seen)
>>> decide(after)
>>> session.history.push(Command("switch cluster 3 off", lambda: decide(after), lambda: decide(before)))

A stroke (when the mouse button is released in a layer of ours) becomes a command only if there is new paint:

>>> before = session.proposals.paint(plane)
>>> after = session.proposals.look(plane, seen)
>>> def again(back):
...     paint = painting.with_stroke(session.proposals.paint(plane), change, back=back)
...     session.proposals.set_paint(plane, paint)
...     write(session.proposals.compose(plane))
>>> if after is not before:
...     change = painting.stroke(before, after)
...     session.history.push(Command("paint", lambda: again(False), lambda: again(True), nbytes=bytes_held(change)))

Accepting, which harms nothing a person made and keeps what is painted later when undone:

>>> step = session.accepted.accept(plane, read_labels(), session.proposals.compose(plane))
>>> write_labels(step.labels)
>>> session.queue.settle(plane, TargetState.ACCEPTED)      # goes on to the next target
>>> undo = lambda: write_labels(session.accepted.undo(step, read_labels()))

A run over targets already proposed ("use as reference") keeps each earlier prediction for one step back:
`painting.what_changed(proposals.merged(plane), prediction.labels)` says what is new, `store.swap(plane)` goes back.

Saving. `snapshot` is quick and belongs to the main thread, `write` to any; arrays that did not change are not written
again, and the description comes last, so that a killed process leaves the snapshot before or this one:

>>> if session.dirty:
...     saved = session.snapshot(layers=layers, sources=sources, paint={row.id: plane}, labels={plane: accepted})
...     worker(session.write, saved)

Going on where one stopped; ids of layers are new, so the caller says which is which:

>>> folder = latest_unfinished()                          # None, or ask: read_saved(folder).title
>>> resumed = session.resume(folder)                      # a worker may; folder.finish() instead starts fresh
>>> session.restore(resumed.renamed({old_id: new_id}))    # then resumed.paint(row id), resumed.labels(plane), .lost
"""

from napari_gfsam.session.books import AcceptStep
from napari_gfsam.session.folder import SessionFolder, finished_sessions, latest_unfinished
from napari_gfsam.session.history import Command, History
from napari_gfsam.session.painting import AcceptMode, Paint, what_changed
from napari_gfsam.session.resumed import Resumed
from napari_gfsam.session.saved import SavedLayer, SavedSession, SavedSource, read_saved
from napari_gfsam.session.session import Session
from napari_gfsam.session.shelf import SessionError
from napari_gfsam.session.types import ClassRow, PictureSource, PlaneKey, ReferenceRow, Target, TargetState

__all__ = [
    "AcceptMode",
    "AcceptStep",
    "ClassRow",
    "Command",
    "History",
    "Paint",
    "PictureSource",
    "PlaneKey",
    "ReferenceRow",
    "Resumed",
    "SavedLayer",
    "SavedSession",
    "SavedSource",
    "Session",
    "SessionError",
    "SessionFolder",
    "Target",
    "TargetState",
    "finished_sessions",
    "latest_unfinished",
    "read_saved",
    "what_changed",
]
