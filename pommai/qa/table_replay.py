"""A replay on the decision table: the events of a file, one after the other, with the answers that stand beside them.

Time does not pass here, so a timer fires when the file says so; the event of a timer that is not pending is dropped, as
the toy drops it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pommai.chart.machine import ChartMachine
from pommai.chart.table import DecisionTable
from pommai.errors import Problem, ReplayError
from pommai.events import EVENTS
from pommai.qa.profile import DEEDS
from pommai.qa.replay_file import START, Happening
from pommai.qa.situation import BEGINNING, Check, Moment, after, first_wrong, sound_step
from pommai.source import did_you_mean


@dataclass(frozen=True, slots=True)
class Told:
    """What one line of a replay came to."""

    happening: Happening
    moment: Moment
    wrong: str
    """What must not be, as a sentence; empty when all is well."""
    assumed: tuple[str, ...]
    """Guards that were asked and that the line does not answer: taken for no."""
    dropped: bool
    """The event of a timer that is not pending."""


class TableReplay:
    """Takes happenings one by one. `checks` are asked besides `sound_step`."""

    def __init__(self, table: DecisionTable, checks: Sequence[Check] = ()) -> None:
        self.table = table
        self.situation = BEGINNING
        self._machine = ChartMachine(table)
        self._checks = (sound_step(table), *checks)

    def take(self, happening: Happening) -> list[Told]:
        """One line; two things are told when the chart is started by a line that is not `start`."""
        told = []
        if self.situation is BEGINNING and happening.name != START:
            told.append(self._take(Happening(0.0, START)))
        if happening.name not in DEEDS:
            told.append(self._take(happening))
        return told

    def _take(self, happening: Happening) -> Told:
        before, name = self.situation, happening.name
        if name.startswith("timer.") and name not in before.pending:
            return Told(happening, Moment(before, name, (), self._machine.step, before), "", (), True)
        asked: dict[str, bool] = {}

        def ask(guard: str) -> bool:
            asked[guard] = happening.guards.get(guard, False)
            return asked[guard]

        step = self._machine.start(ask) if name == START else self._machine.receive(name, ask)
        self.situation = after(before, name, step)
        moment = Moment(before, name, tuple(asked.items()), step, self.situation)
        assumed = tuple(guard for guard in asked if guard not in happening.guards)
        return Told(happening, moment, first_wrong(moment, self._checks), assumed, False)


def check_names(happenings: Iterable[Happening], table: DecisionTable, file: str = "replay") -> None:
    """Raise ReplayError when a happening has a name that neither a device, a timer nor the table knows."""
    known = {START, *EVENTS, *DEEDS, *table.events}
    unknown = {happening.name for happening in happenings} - known
    if unknown:
        words = ((name, did_you_mean(name, known)) for name in sorted(unknown))
        raise ReplayError([Problem(file, 1, 1, f"no event is called '{name}'", hint) for name, hint in words])


def play(table: DecisionTable, happenings: Iterable[Happening], checks: Sequence[Check] = ()) -> list[Told]:
    """All that happens, up to the first thing that is wrong."""
    replay, told = TableReplay(table, checks), []
    for happening in happenings:
        for one in replay.take(happening):
            told.append(one)
            if one.wrong:
                return told
    return told


def asked_only(told: Iterable[Told]) -> tuple[Happening, ...]:
    """The happenings with the answers to the questions that were really asked; what was dropped is left out."""
    return tuple(replace(one.happening, guards=dict(one.moment.guards)) for one in told if not one.dropped)
