"""What tiles vote for at a pixel."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.api.tiles.ballot import Ballot, Voter

HERE = (slice(0, 1), slice(0, 1))
ONE, NONE, SURE = np.ones((1, 1), np.uint8), np.zeros((1, 1), np.uint8), np.full((1, 1), 0.5, np.float32)


def elected(votes: list[int], trust: list[float] | None = None, by_hand: int | None = None) -> int:
    """Return the label of a pixel that so many tiles see, of which each says one label."""
    ballot = Ballot((1, 1), (1, 2))
    for number, (label, each) in enumerate(zip(votes, trust or [1.0] * len(votes), strict=True)):
        voter = Voter(HERE, np.ones((1, 1), np.float32), {1: each, 2: each})
        ballot.vote(voter, ONE * label, SURE * (label > 0), np.full((1, 1), number == by_hand))
    labels, sure = ballot.count(np.uint8)
    assert (sure > 0) == (labels > 0)
    return int(labels[0, 0])


@pytest.mark.parametrize(
    ("votes", "label"),
    [([1], 1), ([0], 0), ([1, 0], 1), ([1, 0, 0], 0), ([1, 1, 0], 1), ([1, 1, 0, 0], 1), ([1, 0, 0, 0], 0)],
)
def test_one_of_two_tiles_is_enough_and_most_of_more(votes, label):
    assert elected(votes) == label


def test_a_tile_that_is_trusted_little_says_little():
    assert elected([1, 0], [1.0, 2.5]) == 0  # less than a third
    assert elected([1, 0], [1.0, 1.9]) == 1
    assert elected([1, 0, 0], [2.1, 1.0, 1.0]) == 1


def test_classes_share_their_votes_and_the_larger_share_wins():
    assert elected([1, 2, 2, 0]) == 2
    assert elected([1, 2, 0, 0]) in (1, 2)


def test_a_person_outvotes_all_tiles():
    assert elected([1, 0, 0, 0], by_hand=0) == 1


def test_tiles_in_which_nothing_is_likely_count_as_seen():
    ballot, voter = Ballot((1, 1), (1,)), Voter(HERE, np.ones((1, 1), np.float32), {1: 1.0})
    ballot.vote(voter, ONE, SURE)
    ballot.abstain(voter)
    assert ballot.count(np.uint8)[0].all()
    ballot.abstain(voter)
    assert not ballot.count(np.uint8)[0].any()
