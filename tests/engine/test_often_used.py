"""What is used often stays, whatever else is asked for."""

import pytest

from engine.execution.often_used import OftenUsed


def test_the_least_used_goes_first_and_of_equals_the_oldest() -> None:
    some: OftenUsed[str, int] = OftenUsed()
    for number, key in enumerate("abcd"):
        some.put(key, number)
    some.get("a")
    assert some.drop_least() == 1
    assert some.drop_least() == 2
    assert list(some) == [3, 0]


def test_what_was_put_in_last_is_not_the_first_to_go() -> None:
    some: OftenUsed[str, int] = OftenUsed()
    some.put("a", 0)
    for _ in range(3):
        some.get("a")
    some.put("b", 1)
    assert some.drop_least() == 0
    assert some.drop_least() == 1
    with pytest.raises(KeyError):
        some.drop_least()


def test_new_keys_push_out_each_other() -> None:
    some: OftenUsed[int, int] = OftenUsed()
    for key in range(4):
        some.put(key, key)
    for key in range(100, 200):
        for often in range(3):
            assert some.get(often) == often
        some.drop_least()
        some.put(key, key)


def test_what_nobody_uses_any_more_goes_in_the_end() -> None:
    some: OftenUsed[int, int] = OftenUsed()
    some.put(0, 0)
    for _ in range(100_000):
        some.get(0)
    for key in range(1, 4):
        some.put(key, key)
    for key in range(4, 20):
        some.drop_least()
        some.put(key, key)
    assert 0 not in some
    assert len(some) == 4
