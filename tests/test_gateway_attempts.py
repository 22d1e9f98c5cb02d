from __future__ import annotations

from pommai.gateway.attempts import Attempts


def test_each_key_has_a_limit_of_its_own() -> None:
    attempts = Attempts(2, 60.0)
    assert [attempts.allow(name, 0.0) for name in ("a", "a", "a", "b")] == [True, True, False, True]
    assert attempts.retry_after("a", 20.0) == 40.0
    assert attempts.retry_after("b", 20.0) == 0.0
    assert attempts.retry_after("nobody", 20.0) == 0.0
    assert attempts.allow("a", 60.0)


def test_it_remembers_a_bounded_number_and_forgets_the_quietest() -> None:
    attempts = Attempts(1, 60.0, most_kept=3)
    for name in ("a", "b", "c", "a", "d"):
        attempts.allow(name, 0.0)
    assert not attempts.allow("a", 1.0)
    assert attempts.allow("b", 1.0), "it was quiet longest when d came"
    assert len(attempts._limits) == 3
