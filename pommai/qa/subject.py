"""What a campaign is about: a chart's table, what must hold of it, and who plays with it. Goes to other
processes, and to other machines: so it holds texts, not paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from pommai.chart import table as tables
from pommai.chart.prove_space import Space
from pommai.lights.load import parse_patterns
from pommai.qa.campaign import Engine
from pommai.qa.claims import checks_of
from pommai.qa.coverage import Ground
from pommai.qa.profile import Profile
from pommai.qa.situation import Check
from pommai.qa.table_engine import TableEngine
from pommai.qa.toy_engine import ToyEngine


@dataclass
class Subject:
    """Makes engines: called, it is a `MakeEngine`. `table_text` is a compiled chart, `patterns` its lights as YAML.

    `patterns` is needed by whole toys only; without it, the engine is the table's.
    """

    table_text: str
    profile: Profile
    patterns: str | None = None

    def __call__(self) -> Engine:
        return self.table_engine() if self.patterns is None else self.toy_engine()

    def table_engine(self) -> TableEngine:
        """A new engine for the table alone."""
        return TableEngine(self.ground, self.profile, self.checks)

    def toy_engine(self) -> ToyEngine:
        """A new engine for whole toys. Raises LightsError."""
        assert self.patterns is not None
        return ToyEngine(self.ground, self.profile, parse_patterns(self.patterns), self._table.specification.resting)

    @cached_property
    def checks(self) -> Sequence[Check]:
        """What must hold of this chart in each step, besides what must hold of every one."""
        return checks_of(self._space)

    @cached_property
    def ground(self) -> Ground:
        """All there is to cover."""
        return Ground(self._table, self._space.possible)

    @cached_property
    def _table(self) -> tables.DecisionTable:
        return tables.load(self.table_text)

    @cached_property
    def _space(self) -> Space:
        return Space(self._table)

    def __getstate__(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}
