"""The natural order of names: as people count, the same for one name and for many, whatever the names are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.natural_order import natural_key, natural_sorted

names = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.from_regex(r"[aAbß]{0,2}[0-9]{0,3}[._ ]?[0-9]{0,12}(\.jpg)?", fullmatch=True),
        st.text(st.sampled_from("\x00\x01\x02\n\udcffa0 9"), max_size=6),
    ),
    max_size=30,
    unique=True,
)


def test_numbers_count_as_numbers_however_long() -> None:
    assert natural_sorted(["a10", "a9", "a", "a09", "9" * 5000, "a0", "B1", "a10b", "a9.jpg"]) == [
        "9" * 5000, "a", "a0", "a09", "a9", "a9.jpg", "a10", "a10b", "B1",
    ]  # fmt: skip


@given(names)
def test_many_names_stand_as_their_keys_do(many: list[str]) -> None:
    ordered = natural_sorted(many)
    assert ordered == sorted(many, key=natural_key)
    assert sorted(ordered) == sorted(many)


def test_more_names_than_are_sorted_at_once() -> None:
    wanted = [f"IMG {number}.jpg" for number in range(20_000)]
    assert natural_sorted(sorted(wanted)) == wanted
