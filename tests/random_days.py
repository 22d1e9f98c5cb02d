"""Random days in the life of a toy, for Hypothesis: deeds of children, servers and devices, and the time between them.

A day is a list of chapters, each a few deeds that belong together: left to chance alone, hardly a conversation would
come about.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Deed = tuple[Any, ...]
"""A name, then what it takes; see `watched_toy.WatchedToy.do_…`."""
Gap = float | str | None
"""Seconds until the next deed; AT_ONCE; or one of DUE."""
Chapter = list[tuple[Deed, Gap]]

AT_ONCE = None
"""The next deed comes before anybody has noticed this one."""
DUE = {"just before it is due": -0.0005, "as it is due": 0.0, "just after it was due": 0.0005}
"""The next deed comes when the chart's next timer does, so many seconds later."""

TOYS = ("pommai-bear", "robo-rex", "owl")
CODES = ("AUDIO_ERROR", "SAFETY_VIOLATION", "RATE_LIMITED", "BAD_MESSAGE", "TOY_NOT_FOUND", "NEWER_THAN_WE")

GAPS = st.sampled_from((AT_ONCE, 0.0, 0.0, 0.001, 0.01, 0.05, 0.3, 1.0, 3.0, 3.1, 11.0, 21.0, *DUE))
SHORT = st.sampled_from((AT_ONCE, 0.0, 0.001, 0.01, 0.02, 0.049, 0.05, 0.051))
OLDER = st.sampled_from((0, 0, 0, 1, 2))
YES = st.booleans()
FIRST = st.sampled_from((0, 0, 0, 3, 40))
FRAMES = st.sampled_from((1, 2, 5, 60))


def _deed(name: str, *how: st.SearchStrategy[Any]) -> st.SearchStrategy[Deed]:
    return st.tuples(st.just(name), *how)


DEEDS = st.one_of(
    _deed("press"),
    _deed("release"),
    _deed("talk", YES),
    _deed("wake"),
    _deed("answer", OLDER, FIRST, FRAMES, YES, st.integers(1, 6)),
    _deed("garbage"),
    _deed("nothing_to_say"),
    _deed("words", OLDER),
    _deed("refuse", st.sampled_from(CODES), st.none() | OLDER),
    _deed("switch", st.sampled_from(TOYS)),
    _deed("configure", st.sampled_from(TOYS), YES),
    _deed("pause", st.sampled_from((0.0, 0.001, 1.0, 20.0, 3600.0))),
    _deed("resume"),
    _deed("link", YES),
    _deed("call"),
    _deed("board", YES),
    _deed("stall", YES),
    _deed("microphone", YES),
    _deed("speaker", YES),
    _deed("lights", YES),
    _deed("freeze", st.sampled_from((0.1, 2.5, 60.0))),
)


TROUBLE = st.one_of(
    _deed("refuse", st.sampled_from(("AUDIO_ERROR", "SAFETY_VIOLATION")), st.just(0)),
    _deed("microphone", st.just(False)),
    _deed("speaker", st.just(False)),
    _deed("link", st.just(False)),
    _deed("switch", st.sampled_from(TOYS)),
    _deed("configure", st.just(TOYS[0]), YES),
    _deed("pause", st.sampled_from((1.0, 20.0))),
    _deed("stall", st.just(True)),
    DEEDS,
)
"""What may come in the middle of a conversation."""


@st.composite
def _bounces(draw: st.DrawFn, down: bool) -> Chapter:
    """A contact that chatters on its way down or up."""
    edges = draw(st.integers(0, 3))
    chapter: Chapter = []
    for _ in range(edges):
        for name in ("press", "release") if down else ("release", "press"):
            chapter.append(((name,), draw(st.sampled_from((0.0, 0.001, 0.004)))))
    return [*chapter, (("press" if down else "release",), 0.0)]


@st.composite
def _press(draw: st.DrawFn) -> Chapter:
    """From a press of a millisecond to one that never ends by itself."""
    held = draw(st.sampled_from((0.001, 0.049, 0.05, 0.2, 2.95, 3.05, 11.0, "as it is due")))
    down, up = draw(_bounces(True)), draw(_bounces(False))
    return [*down[:-1], (down[-1][0], held), *up[:-1], (up[-1][0], draw(GAPS))]


@st.composite
def _storm(draw: st.DrawFn) -> Chapter:
    """A child that hammers on the button."""
    count, pace = draw(st.integers(3, 25)), draw(st.sampled_from((0.0, 0.001, 0.03, 0.06, 0.12)))
    return [((("press", "release")[i % 2],), pace) for i in range(count)]


@st.composite
def _flap(draw: st.DrawFn) -> Chapter:
    """A connection that comes and goes, in the middle of whatever it carries."""
    return [(("link", bool(i % 2)), draw(SHORT)) for i in range(draw(st.integers(1, 6)))]


@st.composite
def _exchange(draw: st.DrawFn) -> Chapter:
    """A conversation as it should be, up to some moment, and something in between."""
    called = draw(st.integers(0, 3)) == 0
    chapter: Chapter = [
        (("wake",) if called else ("press",), 0.1),
        (("talk", True), draw(st.sampled_from((0.2, 1.0)))),
        (("talk", False), 1.5 if called else 0.05),
        (("release",), draw(st.sampled_from((0.0, 0.1, "as it is due")))),
    ]
    first = 0
    for final in draw(st.lists(YES, max_size=3)):
        chapter.append((("answer", 0, first, 20, final, 1), draw(st.sampled_from((0.0, 0.2, 1.0)))))
        first += draw(st.sampled_from((20, 20, 20, 0)))  # 0: the same once more
    chapter = chapter[: draw(st.integers(2, 7))]
    if draw(YES):
        at = draw(st.integers(1, len(chapter)))
        trouble = st.tuples(TROUBLE, SHORT).map(lambda one: [one])
        chapter[at:at] = draw(st.one_of(trouble, trouble, _flap(), _press()))
    return chapter


@st.composite
def _barge_in(draw: st.DrawFn) -> Chapter:
    """A child that interrupts the toy, and a server that has not noticed."""
    talk: Chapter = [(("press",), 0.1), (("talk", True), 0.5), (("talk", False), 0.05), (("release",), 0.05)]
    pieces = draw(st.integers(1, 60))
    late = draw(st.sampled_from((("answer", 1, 0, 60, True, 1), ("answer", 1, 20, 40, True, 1), ("words", 1))))
    interrupted = [*talk, (("answer", 0, 0, pieces, draw(YES), 1), draw(SHORT))]
    if draw(YES):
        interrupted += [(("press",), AT_ONCE), (("refuse", "AUDIO_ERROR", 0), AT_ONCE)]
    else:
        interrupted.append((("press",), draw(SHORT)))
    return [*interrupted, *talk[1:], (late, draw(SHORT)), (("answer", 0, 0, 20, True, 1), draw(GAPS))]


@st.composite
def _story(draw: st.DrawFn) -> Chapter:
    """An answer longer than any child listens: of two and a half minutes."""
    talk: Chapter = [(("press",), 0.1), (("talk", True), 0.5), (("talk", False), 0.05), (("release",), 0.1)]
    pieces: Chapter = [(("answer", 0, 250 * i, 250, False, 1), 5.0) for i in range(30)]
    return [*talk, *pieces[: draw(st.sampled_from((1, 5, 30)))]]


@st.composite
def _switch(draw: st.DrawFn) -> Chapter:
    """Another toy is wanted, and comes, or does not."""
    toy = draw(st.sampled_from(TOYS))
    then = st.one_of(
        _deed("configure", st.just(toy), YES),
        _deed("configure", st.just(toy), YES),
        _deed("refuse", st.just("TOY_NOT_FOUND"), st.none()),
        _deed("switch", st.sampled_from(TOYS)),
        _deed("press"),
        _deed("link", YES),
    )
    return [
        (("link", True), 0.0),
        (("configure", TOYS[0], False), draw(st.sampled_from((0.0, 9.0)))),
        (("switch", toy), draw(SHORT)),
        (draw(then), draw(GAPS)),
        (draw(then), draw(GAPS)),
    ]


@st.composite
def _far_away(draw: st.DrawFn) -> Chapter:
    """A server that does not answer, and a child who talks to the toy meanwhile."""
    board = draw(YES)
    talk: Chapter = [(("press",), 0.1), (("talk", True), 0.5), (("talk", False), 0.05), (("release",), 0.1)]
    gap = draw(st.sampled_from((0.0, 5.0, 16.0)))
    return [(("board", board), 0.0), (("link", False), 0.0), (("call",), gap), *talk, (("board", True), 0.0)]


DAYS = st.lists(
    st.one_of(
        st.tuples(DEEDS, GAPS).map(lambda one: [one]),
        _exchange(),
        _exchange(),
        _barge_in(),
        _press(),
        _storm(),
        _flap(),
        _switch(),
        _far_away(),
        _story(),
    ),
    min_size=1,
    max_size=14,
).map(lambda chapters: [deed for chapter in chapters for deed in chapter])
