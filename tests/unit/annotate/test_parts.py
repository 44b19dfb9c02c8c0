"""Parts of runs: counts, ids, the pipeline, progress, names of outputs, cells."""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Generator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuoshi.classifier.annotate.columns import Columns, as_text
from cuoshi.classifier.annotate.encode import csv_bytes, jsonl_bytes, packed
from cuoshi.classifier.annotate.feed import Position
from cuoshi.classifier.annotate.inputs import find_inputs
from cuoshi.classifier.annotate.journal import State
from cuoshi.classifier.annotate.pipeline import Pipeline
from cuoshi.classifier.annotate.progress import EVERY, Pace, PlainProgress, duration, line
from cuoshi.classifier.annotate.tally import _RECENT, SeenIds, Tally
from cuoshi.classifier.annotate.target import choose_target
from cuoshi.classifier.annotate.units import carried, is_own
from cuoshi.classifier.annotate.values import as_json
from cuoshi.classifier.errors import UsageError, WorkerError
from cuoshi.classifier.rows import Row, read_rows
from cuoshi.classifier.rows.csvfile import csv_rows
from cuoshi.classifier.rows.lines import text_lines


@given(st.lists(st.sampled_from("abcdefgh疫情防控")))
def test_seen_ids_are_a_set(idents: list[str]) -> None:
    seen, known = SeenIds(), set()
    for ident in idents:
        assert seen.met(ident) == (ident in known)
        known.add(ident)


def test_seen_ids_beyond_the_recent_ones() -> None:
    seen = SeenIds()
    count = _RECENT + 1_000
    assert not any(seen.met(str(number)) for number in range(count))
    assert all(seen.met(str(number)) for number in range(0, count, 97))
    assert not seen.met(str(count))


def test_tallies_add_up_and_come_back() -> None:
    tally = Tally(inputs=2, paragraphs=3, duplicates=1, duplicate_places=["a:1"])
    tally.labels.update(["x", "x"])
    other = Tally(inputs=1, duplicates=9, duplicate_places=list("bcdefg"))
    other.labels.update(["y"])
    tally.add(other)
    assert (tally.inputs, tally.duplicates, tally.labels) == (3, 10, {"x": 2, "y": 1})
    assert tally.duplicate_places == ["a:1", "b", "c", "d", "e"]
    assert Tally.from_dict(json.loads(json.dumps(tally.as_dict()))) == tally
    assert tally.as_dict(["y", "z"])["labels"] == {"y": 1, "z": 0}


def test_the_pipeline_keeps_the_order_and_overlaps() -> None:
    stored: list[int] = []
    threads = set()

    def store(item: int) -> None:
        threads.add(threading.current_thread().name)
        time.sleep(0.001)
        stored.append(item)

    Pipeline((item for item in range(50)), lambda item: item * 2, store).run()
    assert stored == list(range(0, 100, 2))
    assert threads == {"writer"}


def test_a_source_that_falls_silent_is_given_up() -> None:
    def source() -> Iterator[int]:
        time.sleep(0.5)  # before the first there is all the time
        yield from (1, 2)
        end.wait(10)

    end, stored = threading.Event(), list[int]()
    pipeline = Pipeline(source(), lambda item: item, stored.append, patience=0.3)
    with pytest.raises(WorkerError, match="no result came"):
        pipeline.run()
    end.set()
    assert stored == [1, 2]


@pytest.mark.parametrize("where", ["source", "work", "store"])
def test_an_error_in_the_pipeline_comes_out_and_what_was_done_is_stored(where: str) -> None:
    stored: list[int] = []

    def fail(item: int, here: str) -> None:
        if where == here and item == 7:
            raise KeyboardInterrupt

    def source() -> Generator[int, None, None]:
        for item in range(1_000):
            fail(item, "source")
            yield item

    def work(item: int) -> int:
        fail(item, "work")
        return item

    def store(item: int) -> None:
        fail(item, "store")
        stored.append(item)

    with pytest.raises(KeyboardInterrupt):
        Pipeline(source(), work, store).run()
    assert stored == list(range(7))
    assert not [thread for thread in threading.enumerate() if thread.name == "writer"]


def test_a_plain_line_a_minute() -> None:
    now = 0.0
    said: list[str] = []
    progress = PlainProgress(said.append, lambda: now)
    state = State(tally=Tally(paragraphs=100, characters=1_000))
    progress.begun(state, 4_000)
    for step in range(1, 13):
        now += 11.0
        state.tally.paragraphs += 110
        state.tally.characters += 1_100
        state.position = Position(0, step, step * 100, "", step * 100)
        progress.stored(state)
    assert len(said) == int(12 * 11 // EVERY)
    assert said[0] == "15.0% · 760 paragraphs · 10/s, 100 characters/s · 6:14 left · 0 rejected"
    with progress:
        progress.notice("x")
    assert said[-1] == "cuoshi: x"


def test_pace_without_a_known_size() -> None:
    pace = Pace(lambda: 1.0)
    state = State()
    pace.begin(state, None)
    assert pace.share(state) is None
    assert "left" not in line(state, pace)
    assert duration(3_725) == "1:02:05"


@pytest.mark.parametrize(
    ("name", "form", "shards", "found"),
    [
        ("a.jsonl", None, None, ("jsonl", "")),
        ("a.CSV.gz", None, None, ("csv", "gz")),
        ("a.zst", "csv.zst", None, ("csv", "zst")),
        ("out", None, 5, ("jsonl", "")),
        ("out", "csv.gz", 5, ("csv", "gz")),
        ("a.parquet", "parquet", None, ("parquet", "")),
        ("a.txt", None, None, None),
        ("a.jsonl", "csv", None, None),
        ("a.parquet.zst", None, None, None),
    ],
)
def test_targets(
    name: str, form: str | None, shards: int | None, found: tuple[str, str] | None, tmp_path: Path
) -> None:
    if found is None:
        with pytest.raises(UsageError):
            choose_target(tmp_path / name, form, shards)
        return
    target = choose_target(tmp_path / name, form, shards)
    assert (target.form, target.packing) == found
    if shards:
        assert target.shard(3).name == f"part-00003.{'.'.join(part for part in found if part)}"
        assert target.manifest == tmp_path / name / "run.json"
    else:
        assert target.shard(0) == tmp_path / name
        assert target.manifest == tmp_path / f"{name}.run.json"


def test_a_folder_keeps_what_is_not_of_the_run(tmp_path: Path) -> None:
    target = choose_target(tmp_path / "out", "csv", 10)
    target.out.mkdir()
    for name in ("part-00000.csv", "part-00001.jsonl.gz.part", "run.json", "part-one.csv", "notes.txt"):
        (target.out / name).touch()
    target.remove()
    assert sorted(path.name for path in target.out.iterdir()) == ["notes.txt", "part-one.csv"]


def test_inputs(tmp_path: Path) -> None:
    for name in (
        "b.jsonl",
        "a.jsonl",
        "x.rejects.jsonl",
        "art/2.txt",
        "art/1.html",
        "art/no.bin",
        "odd[1].csv",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    found = find_inputs(
        [
            str(tmp_path / "*.jsonl"),
            str(tmp_path / "art"),
            str(tmp_path / "a.jsonl"),
            str(tmp_path / "odd[1].csv"),
            "-",
        ]
    )
    assert [(each.path.name, each.kind) for each in found] == [
        ("a.jsonl", "table"),
        ("b.jsonl", "table"),
        ("x.rejects.jsonl", "rejects"),
        ("1.html", "article"),
        ("2.txt", "article"),
        ("odd[1].csv", "table"),
        ("-", "table"),
    ]
    assert [each.size for each in found] == [1] * 6 + [None]
    with pytest.raises(UsageError, match="matches no file"):
        find_inputs([str(tmp_path / "*.none")])


NAMES = st.sampled_from(
    ["text", "labels", "input_labels", "label_x", "a", "index", "input_text", "input_input_text"]
)


@given(st.dictionaries(NAMES, st.integers()))
def test_no_carried_column_is_lost(values: dict[str, int]) -> None:
    kept = carried(values)
    assert sorted(kept.values()) == sorted(values.values())
    assert not any(is_own(name) for name in kept)


CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=12)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=4))
def test_cells_come_back_and_are_no_formulas(rows: list[list[str]]) -> None:
    columns = Columns(("id", "a"))
    data = csv_bytes([dict(zip(columns.names, row, strict=True)) for row in rows], columns, header=True)
    found = [item.values for item in csv_rows(text_lines([data], "r.csv"), "r.csv") if isinstance(item, Row)]
    for row, values in zip(rows, found, strict=True):
        for cell, back in zip(row, values.values(), strict=True):
            assert back in (cell, f"'{cell}")
            assert not back.lstrip(" \u3000").startswith(("=", "@", "\t"))


def test_values_and_packing(tmp_path: Path) -> None:
    value = {
        "day": datetime.date(2020, 2, 3),
        "n": float("nan"),
        "d": Decimal("1.50"),
        "b": b"\x00\xff",
        "deep": [{"x": float("inf")}],
        "zh": "疫情",
    }
    text = as_json(value)
    assert "疫情" in text
    assert json.loads(text) == {
        "day": "2020-02-03",
        "n": None,
        "d": "1.50",
        "b": "AP8=",
        "deep": [{"x": None}],
        "zh": "疫情",
    }
    for packing in ("gz", "zst"):
        rows = [{"id": n} for n in range(5)]
        data = (
            packed(jsonl_bytes(rows[:3]), packing)
            + packed(b"", packing)
            + packed(jsonl_bytes(rows[3:]), packing)
        )
        assert packed(jsonl_bytes(rows), packing) == packed(jsonl_bytes(rows), packing)
        path = tmp_path / f"r.jsonl.{packing}"
        path.write_bytes(data)
        assert [item.values for item in read_rows(path) if isinstance(item, Row)] == rows


def test_values_in_text_columns_have_no_quotes_of_json() -> None:
    assert as_text(datetime.datetime(2020, 1, 1, 8, 30)) == "2020-01-01T08:30:00"  # noqa: DTZ001
    assert as_text('"设卡"') == '"设卡"'
    assert as_text(["甲", None]) == '["甲", null]'
    assert as_text(None) is None
    assert as_text(7) == "7"
