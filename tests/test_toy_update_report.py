"""What a toy tells its server of its update bundles."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pommai.bundle.state import Kept, State, Trial
from pommai.protocol.messages import Message, SoftwareReport, UpdateReport
from pommai.toy.update_report import MOST_FAILED, MOST_WORDS, UpdateReports, one_line

OFFER = "ab" * 32
OLD, NEW = Kept(11, 0, "0" * 64), Kept(12, 0, "1" * 64)


def said(version: int, **more: Any) -> UpdateReport:
    """What is said of a toy that was never given software."""
    return UpdateReport(version, "pommai", "home", **{"software": SoftwareReport(), **more})


class Line:
    """A connection that takes messages, or does not."""

    def __init__(self) -> None:
        self.connections = 1
        self.is_up = True
        self.said: list[Message] = []
        self.reports = UpdateReports("pommai", "home", lambda: self.connections, self._send)

    def _send(self, message: Message) -> bool:
        if self.is_up:
            self.said.append(message)
        return self.is_up


def test_it_is_said_once_on_every_connection_and_again_when_it_has_changed() -> None:
    line = Line()
    line.connections = 0
    line.reports.tell(None, None, None)
    assert line.said == []
    line.connections = 1
    for _ in range(3):
        line.reports.tell(None, None, None)
    assert line.said == [said(0)]
    line.connections = 2
    line.reports.tell(None, None, None)
    assert len(line.said) == 2
    line.reports.note(OFFER, "taking")
    line.reports.tell(None, None, None)
    assert line.said[-1] == said(0, offer=OFFER, outcome="taking")


def test_an_offer_that_ends_as_it_ended_before_is_told_of_again() -> None:
    line = Line()
    for _ in range(2):
        line.reports.note(OFFER, "refused", "no room")
        line.reports.tell(None, None, None)
        line.reports.tell(None, None, None)
    assert len(line.said) == 2


def test_what_could_not_be_sent_is_said_later() -> None:
    line = Line()
    line.is_up = False
    line.reports.tell(None, None, None)
    line.is_up = True
    line.reports.tell(None, None, None)
    assert len(line.said) == 1


def test_it_says_what_runs_what_waits_and_what_did_not_work() -> None:
    line = Line()
    state = State(current=OLD, waiting=NEW, failed=tuple(range(1, 100)))
    line.reports.tell(state, OLD, None)
    assert line.said[-1] == said(11, waiting=12, failed=tuple(range(1, 100))[-MOST_FAILED:])
    line.reports.tell(replace(state, current=NEW, waiting=None, trial=Trial(True), failed=()), NEW, None)
    assert line.said[-1] == said(12, trial=True)
    line.reports.tell(State(current=OLD, trial=Trial(True)), NEW, None)  # gone back by hand
    assert line.said[-1] == said(12)


def test_it_says_why_the_last_was_taken_back() -> None:
    line = Line()
    undone = State(current=NEW, previous=OLD, trial=Trial(True)).back("it does not fit\n" + "this software " * 100)
    line.reports.tell(undone, OLD, None)
    (report,) = line.said
    assert isinstance(report, UpdateReport)
    assert (report.version, report.failed, report.undone) == (11, (12,), 12)
    assert report.why.startswith("it does not fit this software")
    assert len(report.why) <= MOST_WORDS


def test_a_reason_is_one_line_that_is_cut_short_and_an_offer_without_a_hash_is_nobodys() -> None:
    line = Line()
    line.reports.note(OFFER, "refused", "no\n  room " + "x" * 1000)
    for nonsense in (None, 7, "", "AB" * 32, OFFER + "\n"):
        line.reports.note(nonsense, "taken")
    line.reports.tell(None, None, None)
    (report,) = line.said
    assert isinstance(report, UpdateReport)
    assert (report.offer, report.outcome) == (OFFER, "refused")
    assert report.reason.startswith("no room xxx")
    assert len(report.reason) == MOST_WORDS


def test_what_becomes_of_software_is_said_as_it_changes() -> None:
    line = Line()
    for software in (None, SoftwareReport(0, waiting=2), SoftwareReport(2, trial=True), SoftwareReport(2)):
        for _ in range(2):
            line.reports.tell(State(current=OLD), OLD, software)
        assert line.said[-1] == said(11, software=software or SoftwareReport())
    assert len(line.said) == 4


def test_one_line_is_short_and_shows_as_it_is() -> None:
    assert one_line("  pip\n\tfailed: \x1b]0;title\x07 \u202eno room ") == "pip failed: ]0;title no room"
    long = one_line(f"pip failed: {'WARNING ' * 1000} ERROR: no such wheel")
    assert long.startswith("pip failed: WARNING")
    assert long.endswith("WARNING ERROR: no such wheel")
    assert len(long) == MOST_WORDS
