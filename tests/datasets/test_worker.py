from __future__ import annotations

import pytest
import torch

from napari_gfsam.api.choice import ModelChoice
from napari_gfsam.datasets import Plan
from napari_gfsam.datasets.job import Job, Task
from napari_gfsam.datasets.worker import Stop, Stopper, on_its_card, one_row


@pytest.mark.parametrize(
    ("device", "cards", "expected"),
    [
        ("auto", 3, ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]),
        ("cuda", 2, ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]),
        ("cuda:1", 2, ["cuda:1"] * 4),
        ("cpu", 2, ["cpu"] * 4),
        ("auto", 1, ["auto"] * 4),
        ("auto", 0, ["auto"] * 4),
    ],
)
def test_workers_take_turns_on_the_cards(tmp_path, monkeypatch, device, cards, expected):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    plan = Plan(references=(), output=tmp_path, models=ModelChoice(device=device))
    assert [on_its_card(plan, number).choice().device for number in range(4)] == expected


def test_a_stop_comes_before_the_next_batch_of_prompts(folder, fake_models):
    (path,) = folder.targets("a")
    job, stop = Job(folder.plan), Stopper()
    encode = fake_models[0].encode

    def stopped_meanwhile(images):
        stop.ask()
        return encode(images)

    fake_models[0].encode = stopped_meanwhile
    with pytest.raises(Stop):
        one_row(job, Task(0, str(path), "a"), stop)
    assert fake_models[1].decodes <= 32
    assert folder.labels() == {}
