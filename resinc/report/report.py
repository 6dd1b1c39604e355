"""What an experiment makes of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from resinc.report.chart import Panel
from resinc.report.outcome import Finding
from resinc.report.statistics import Verdict
from resinc.report.table import Table


@dataclass(frozen=True)
class Report:
    """What an experiment makes of its rows.

    Attributes:
      title: e.g. "Depth on CIFAR-10".
      answer: one sentence, computed from the rows.
      number: of the claim, its place on the claims page; 0: none.
      part: of a claim that is put to the test in several ways: 0 for the first, 1 for the next.
      claim: what is put to the test, as it is commonly told; "" where nothing is judged.
      verdict: what the rows say of it.
      notes: further sentences: what diverged, what is missing, how "worse" is decided.
      panels: of the figure, left to right.
      caption: of the figure; how to read it.
      findings: what the runs say of each hypothesis.
      table: further numbers; None: there are none.
      method: (what, how) pairs of this experiment, for "how it was measured".
    """

    title: str
    answer: str
    panels: Sequence[Panel]
    table: Table | None = None
    findings: Sequence[Finding] = ()
    number: int = 0
    part: int = 0
    claim: str = ""
    verdict: Verdict = Verdict.UNDECIDED
    caption: str = ""
    notes: Sequence[str] = ()
    method: Sequence[tuple[str, str]] = field(default_factory=tuple)
