"""The trace, on real files."""

import json
import stat
import threading
from pathlib import Path
from types import MappingProxyType

import pytest

from pommai.errors import SettingsError
from pommai.toy import trace as module
from pommai.toy.logs import hide
from pommai.toy.trace import FileTrace, NoTrace


def clock(times=None):
    ticks = iter(times or range(1_000_000))
    return lambda: next(ticks)


def test_every_line_is_an_object_with_time_kind_name_and_turn(tmp_path):
    trace = FileTrace(tmp_path / "traces" / "t.jsonl", clock([1.5, 2.0000004]))
    trace.write("event", "button.released", 3, data=MappingProxyType({"held_s": 0.5}))
    trace.write("mark", "first_sample", 3, path=Path("/x"))
    trace.close()
    assert [json.loads(line) for line in (tmp_path / "traces" / "t.jsonl").read_text().splitlines()] == [
        {"t_us": 1_500_000, "kind": "event", "name": "button.released", "turn": 3, "data": {"held_s": 0.5}},
        {"t_us": 2_000_000, "kind": "mark", "name": "first_sample", "turn": 3, "path": "/x"},
    ]


def test_a_trace_is_its_owners_alone_and_holds_no_secret_whoever_tells_it(tmp_path):
    hide('a-secret-"with\\marks"')
    trace = FileTrace(tmp_path / "t.jsonl", clock())
    trace.write("event", "error.activity", 0, data={"reason": 'it was a-secret-"with\\marks"'})
    trace.close()
    assert stat.S_IMODE((tmp_path / "t.jsonl").stat().st_mode) == 0o600
    (line,) = (tmp_path / "t.jsonl").read_text().splitlines()
    assert json.loads(line)["data"] == {"reason": "it was ***"}


def test_closing_writes_what_is_left_and_may_be_done_twice(tmp_path):
    trace = FileTrace(tmp_path / "t.jsonl", clock())
    for _ in range(5000):
        trace.write("mark", "m", 0)
    trace.close()
    trace.close()
    trace.write("mark", "after the end", 0)
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 5000


def test_a_place_that_cannot_be_written_is_refused_by_name(tmp_path):
    with pytest.raises(SettingsError, match=r"trace cannot be written to .*: Is a directory"):
        FileTrace(tmp_path, clock())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_ends_the_trace_but_not_the_toy_and_eats_no_memory(caplog):
    trace = FileTrace(Path("/dev/full"), clock())
    trace.write("mark", "m", 0)
    trace._thread.join(5)
    assert not trace._thread.is_alive()
    for _ in range(100):
        trace.write("mark", "m", 0)
    assert trace._lines.empty()
    trace.close()
    assert "trace ended" in [record.message for record in caplog.records]


def test_a_disk_that_hangs_costs_neither_memory_without_end_nor_the_toys_end(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "WAITING", 10)
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.01)
    go_on = threading.Event()
    real = json.dumps

    def hangs(*arguments, **more):
        go_on.wait(10)
        return real(*arguments, **more)

    monkeypatch.setattr(json, "dumps", hangs)
    trace = FileTrace(tmp_path / "t.jsonl", clock())
    for _ in range(100):
        trace.write("mark", "m", 0)
    assert trace.dropped >= 89
    trace.close()
    assert "trace incomplete" in [record.message for record in caplog.records]
    go_on.set()
    trace._thread.join(5)


def test_no_trace_takes_everything_and_keeps_nothing():
    trace = NoTrace()
    trace.write("mark", "m", 0, more=1)
    trace.close()
