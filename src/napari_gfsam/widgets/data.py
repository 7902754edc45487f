"""What the panels show and ask for, as plain data: no Qt here, so that anyone may make it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """An entry of a combo box.

    Parameters
    ----------
    value
        What the signal carries.
    text
        For people.
    tip
        More about it.
    """

    value: str
    text: str
    tip: str = ""


@dataclass(frozen=True, slots=True)
class PictureRow:
    """An image layer or a folder that can be picked as a target.

    Parameters
    ----------
    id
        What the signals carry.
    title
        For people.
    detail
        A few words beside the title: "24 planes", "12 files".
    picked
        Whether it is a target.
    removable
        Whether it can be taken off the list (a folder; layers go when they are deleted).
    why_not
        Why it cannot be picked; empty where it can.
    """

    id: str
    title: str
    detail: str = ""
    picked: bool = False
    removable: bool = False
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A pair of models that can be used.

    Parameters
    ----------
    id
        Of the model preset.
    title
        For people.
    detail
        Where it is, size, licence, or how far a download is.
    used
        Whether the next run uses it.
    here
        Whether its files are on this machine.
    terms
        Licences, and what they ask.
    """

    id: str
    title: str
    detail: str = ""
    used: bool = False
    here: bool = True
    terms: str = ""


@dataclass(frozen=True, slots=True)
class ReviewActions:
    """What can be done now in the review.

    Parameters
    ----------
    accept, skip, step, alternatives, use_as_reference, export
        Whether the button works; ``step`` is for Next and Previous.
    undo, redo
        Title of the command that it would undo or redo; empty for none.
    cluster
        Name of the chosen cluster that can be moved to another class; empty for none.
    exporting
        Whether an export is under way, which can be stopped.
    """

    accept: bool = False
    skip: bool = False
    step: bool = False
    alternatives: bool = False
    use_as_reference: bool = False
    export: bool = False
    undo: str = ""
    redo: str = ""
    cluster: str = ""
    exporting: bool = False
