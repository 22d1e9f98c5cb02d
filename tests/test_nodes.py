"""Values of a file that know where they stand."""

from __future__ import annotations

import pytest

from pommai.nodes import Mapping, Node, Scalar, position


def test_a_mapping_gives_values_and_the_places_of_its_keys() -> None:
    key, value = Scalar(3, 1, "led"), Scalar(3, 6, "blue")
    mapping = Mapping(3, 1, {"led": (key, value)})
    assert "led" in mapping
    assert (mapping.get("led"), mapping.key("led"), list(mapping), len(mapping)) == (value, key, [(key, value)], 1)
    assert mapping.get("sound") is None
    with pytest.raises(KeyError):
        mapping.key("sound")


def test_nothing_written_is_empty_and_quotes_are_something() -> None:
    assert Scalar(1, 1, "~").is_empty
    assert not Scalar(1, 1, "~", plain=False).is_empty


@pytest.mark.parametrize(("index", "place"), [(0, (1, 1)), (3, (2, 1)), (6, (3, 2))])
def test_lines_are_counted_as_yaml_counts_them(index: int, place: tuple[int, int]) -> None:
    assert position("ab\ncd\u2028ef", index if index < 6 else 7) == place
    assert Node(*place).line == place[0]
