"""What a campaign is about: a chart's table, what must hold of it, and who plays with it. Goes to other processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pommai.chart import table as tables
from pommai.qa.coverage import Ground
from pommai.qa.profile import Profile
from pommai.qa.situation import Check
from pommai.qa.table_engine import TableEngine


@dataclass
class Subject:
    """Makes engines: called, it is a `MakeEngine`. `table_text` is a compiled chart."""

    table_text: str
    profile: Profile

    def __call__(self) -> TableEngine:
        return self.engine()

    def engine(self) -> TableEngine:
        """A new engine."""
        return TableEngine(self.ground, self.profile, self.checks())

    def checks(self) -> Sequence[Check]:
        """What must hold of this chart, besides what must hold of every one."""
        return ()

    @cached_property
    def ground(self) -> Ground:
        """All there is to cover."""
        return Ground(tables.load(self.table_text))

    def __getstate__(self) -> dict[str, object]:
        return {"table_text": self.table_text, "profile": self.profile}
