from __future__ import annotations

import shutil

import pytest

from tests.evaluation.layouts import miniatures


@pytest.fixture(scope="session")
def datasets(tmp_path_factory):
    """The official folder ``datasets`` beside ``matcher/data/splits``, in miniature."""
    top = tmp_path_factory.mktemp("official")
    root, splits = top / "datasets", top / "matcher/data/splits"
    miniatures.pascal(root, splits)
    miniatures.isaid(root, splits)
    miniatures.coco(root)
    miniatures.fss(root)
    miniatures.deepglobe(root)
    miniatures.isic(root, top / "matcher/data/isic/class_id.csv")
    miniatures.lvis(root)
    miniatures.paco(root)
    miniatures.pascal_part(root)
    return root


@pytest.fixture
def own(datasets, tmp_path):
    """A copy that a test may damage."""
    shutil.copytree(datasets.parent, tmp_path / "official")
    return tmp_path / "official/datasets"
