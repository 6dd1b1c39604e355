"""What an experiment makes of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from resinc.report.chart import Panel
from resinc.report.outcome import Finding
from resinc.report.table import Table


@dataclass(frozen=True)
class Report:
    """What an experiment makes of its rows.

    Attributes:
      title: e.g. "Depth on CIFAR-10".
      answer: one sentence, computed from the rows.
      notes: further sentences: what diverged, what is missing.
      panels: of the figure, left to right.
      caption: of the figure; how to read it.
      findings: what the runs say of each hypothesis; none where facts are reported.
      table: further numbers; None: there are none.
      method: (what, how) pairs of this experiment, for "how it was measured".
    """

    title: str
    answer: str
    panels: Sequence[Panel]
    table: Table | None = None
    findings: Sequence[Finding] = ()
    caption: str = ""
    notes: Sequence[str] = ()
    method: Sequence[tuple[str, str]] = field(default_factory=tuple)
