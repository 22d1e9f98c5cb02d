from __future__ import annotations

from pathlib import Path

from pommai.demo.trace_tail import TraceTail


def test_lines_come_whole_and_once(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    tail = TraceTail(path)
    assert tail.read() == []
    path.write_bytes(b'{"name":"a"}\n{"na')
    assert tail.read() == [{"name": "a"}]
    assert tail.read() == []
    with path.open("ab") as file:
        file.write(b'me":"b"}\n{"name":"c"}\n')
    assert tail.read() == [{"name": "b"}, {"name": "c"}]
