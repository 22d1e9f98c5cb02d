"""What the tests of campaigns share: the shipped table, a table with a fault, a small profile."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from functools import cache
from pathlib import Path

from msgspec import structs

from pommai.chart.table import DecisionTable, Step, Tree, dump
from pommai.cli.fuzz import subject_of
from pommai.errors import ProfileError
from pommai.qa.coverage import Ground
from pommai.qa.profile import Profile, load_profile, read_profile
from pommai.qa.subject import Subject
from pommai.source import Reader

ROOT = Path(__file__).resolve().parent.parent


@cache
def shipped_table() -> DecisionTable:
    return shipped_subject().ground.table


@cache
def shipped_subject(profile: str = "child", engine: str = "table") -> Subject:
    return replace(_of_a_child(engine), profile=load_profile(profile))


@cache
def _of_a_child(engine: str) -> Subject:
    """To compile the chart takes longest, and it is the same whoever plays."""
    return subject_of(ROOT / "statechart.yaml", load_profile("child"), engine)


@cache
def ground() -> Ground:
    return shipped_subject().ground


@cache
def forgetful_table() -> DecisionTable:
    """The shipped table, compiled by somebody who forgets to stop the recording when a reply fails."""

    def forget(tree: Tree) -> Tree:
        if isinstance(tree, Step):
            return tree._replace(operations=tuple(o for o in tree.operations if (o.kind, o.name) != ("stop", "record")))
        return (tree[0], forget(tree[1]), forget(tree[2]))

    table = shipped_table()
    nodes = tuple(
        structs.replace(
            node, events={e: forget(tree) if e == "reply.failed" else tree for e, tree in node.events.items()}
        )
        for node in table.nodes
    )
    return structs.replace(table, nodes=nodes)


def profile_of(text: str, name: str = "test") -> Profile:
    return read_profile(Reader(textwrap.dedent(text), f"{name}.yaml", ProfileError), name)


def forgetful_subject(profile: str = "child", engine: str = "table") -> Subject:
    shipped = shipped_subject(profile, engine)
    return replace(shipped, table_text=dump(forgetful_table()))
