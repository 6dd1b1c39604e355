"""The page asks about all that the experiments put to the test."""

import importlib
from collections import Counter
from pathlib import Path

import pytest

import experiments
from experiments.evidence import STAGES
from experiments.questions import QUESTIONS
from experiments.recipes import RECIPES

STATED = Counter(stated.id for question in QUESTIONS for stated in question.hypotheses)
BY_ID = {stated.id: stated for question in QUESTIONS for stated in question.hypotheses}
RUN = {dataset: {stage.experiment for stage in stages} for dataset, stages in STAGES.items()}
JUDGED = [
    file.stem
    for file in sorted(Path(experiments.__file__).parent.glob("*.py"))
    if "\ndef hypotheses(" in file.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("dataset", RECIPES)
@pytest.mark.parametrize("name", JUDGED)
def test_every_hypothesis_is_in_the_questions_once(name, dataset):
    experiment = importlib.import_module(f"experiments.{name}")
    judged = experiment.hypotheses(dataset)
    ids = Counter(hypothesis.id for hypothesis in judged)
    assert all(STATED[id] == count == 1 for id, count in ids.items()), ids
    for hypothesis in judged:
        stated = BY_ID[hypothesis.id]
        assert (stated.sentence, stated.primary) == (hypothesis.sentence, hypothesis.primary)
    asked = {s.id for s in BY_ID.values() if dataset in s.datasets and s.id.startswith(f"{name}.")}
    assert asked == (ids.keys() if name in RUN[dataset] else set())


def test_every_question_asked_is_put_to_the_test():
    modules = [importlib.import_module(f"experiments.{name}") for name in JUDGED]
    judged = {h.id for m in modules for dataset in RECIPES for h in m.hypotheses(dataset)}
    assert judged == STATED.keys()


def test_questions_name_their_hypotheses_and_sources():
    for question in QUESTIONS:
        for stated in question.hypotheses:
            assert stated.id.startswith(f"{question.name}.")
            assert bool(stated.literature) == bool(stated.source), stated.id
