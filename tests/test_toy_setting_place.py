"""Where a setting stands in its file."""

from __future__ import annotations

import pytest

from pommai.toy.setting_place import line_of

TEXT = '''# volume = 1
text = """
volume = 2
"""
"volume" = 3
[table]
toy = 1
'''


@pytest.mark.parametrize(("key", "line"), [("text", 2), ("volume", 5), ("table", 6), ("absent", 1)])
def test_a_key_is_found_and_what_only_looks_like_it_is_not(key: str, line: int) -> None:
    assert line_of(TEXT, key) == line
