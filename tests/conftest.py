"""Fixtures that several test files share: the labelled pages, and a model trained from a part of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from cleaner.labelled import LabelledPage, read_labelled
from cleaner.model import Model
from cleaner.training import Training, train

# Times on a loaded machine say nothing about the code, so no example has a deadline; the same examples every run.
settings.register_profile("cleaner", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cleaner")

FIXTURES = Path(__file__).parent.parent / "fixtures"
# A news site with every kind of junk, and one in a script without spaces: two folds, so that training takes seconds.
SMALL_SITES = ("wqzn6news.example", "lanjiangchenbao.example")


@pytest.fixture(scope="session")
def small_items() -> list[LabelledPage]:
    """The labelled pages, HTML and text, of a few fixture sites."""
    return read_labelled([FIXTURES / site for site in SMALL_SITES])


@pytest.fixture(scope="session")
def small_training(small_items: list[LabelledPage]) -> Training:
    """What training on `small_items` gives; trained once a session."""
    return train(small_items)


@pytest.fixture(scope="session")
def small_model(small_training: Training) -> Model:
    """A real model of both kinds, for tests that need one and do not care how good it is."""
    return small_training.model
