"""What the page of all findings is about: questions, each of several hypotheses."""

from typing import NamedTuple

DATASETS = {"digits": "digits", "cifar10": "CIFAR-10"}  # Name in configs -> in print.


class Stated(NamedTuple):
    """A hypothesis as it stands on the page, whether or not it was run.

    Attributes:
      id: e.g. "degradation.plain".
      sentence: what is claimed.
      literature: what others found, one clause; "": nothing that was looked up.
      source: where it stands.
      primary: see Finding.
      datasets: keys of DATASETS that it is put to the test on.
    """

    id: str
    sentence: str
    literature: str = ""
    source: str = ""
    primary: bool = False
    datasets: tuple[str, ...] = tuple(DATASETS)


class Question(NamedTuple):
    """One experiment's.

    Attributes:
      name: of the experiment, e.g. "degradation"; its hypotheses' ids begin so.
      title: as a question.
      story: the sentence of the common story that it tests.
      hypotheses: in the order of the page.
    """

    name: str
    title: str
    story: str
    hypotheses: tuple[Stated, ...]
