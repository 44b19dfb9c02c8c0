"""Names of files as they are shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cuoshi.classifier.names import SHOWN, printable, shortened


@given(st.text(st.characters(), max_size=200))
def test_any_name_can_be_written(name: str) -> None:
    printable(name).encode()
    assert 1 <= len(shortened(name)) <= SHOWN
    assert "\n" not in shortened(name)


def test_names_are_kept_where_they_can_be() -> None:
    assert printable("通报.txt") == "通报.txt"
    assert printable("a\udcff.txt") == "a\ufffd.txt"
    assert shortened("folder/" * 20 + "gone.txt").endswith("folder/gone.txt")
