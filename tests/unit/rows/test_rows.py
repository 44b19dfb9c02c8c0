"""Rows of tables: what goes in comes out; what is damaged costs no more than itself."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuoshi.classifier.errors import ReadingError, UsageError
from cuoshi.classifier.rows import BadRow, ByteSource, Row, read_rows, table_format

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = ["镇口设了卡点,过往车辆逐一检查。", "今天天气晴。", "医院收治了三名病人。"]
TRADITIONAL = ["鎮口設了卡點，過往車輛逐一檢查。", "今天天氣晴。", "醫院收治了三名病人。"]


def good(path: Path, **options: Any) -> list[dict[str, Any]]:
    items = list(read_rows(path, **options))
    assert not [item for item in items if isinstance(item, BadRow)]
    return [item.values for item in items if isinstance(item, Row)]


def pieces(path: Path, **options: Any) -> list[str | int]:
    """The ``id`` of good rows, and the number of the line of bad ones."""
    return [
        item.values["id"] if isinstance(item, Row) else item.number for item in read_rows(path, **options)
    ]


def until_error(path: Path) -> tuple[list[Row | BadRow], str]:
    items: list[Row | BadRow] = []
    with pytest.raises(ReadingError) as caught:
        items.extend(read_rows(path))
    return items, str(caught.value)


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8")


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=50)
@given(rows=st.lists(st.dictionaries(TEXT, VALUES, min_size=1, max_size=4), min_size=1, max_size=6))
def test_jsonl_comes_back(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    data = jsonl(rows)
    for name, packed in (
        ("r.jsonl", data),
        ("r.jsonl.gz", gzip.compress(data)),
        ("r.zst", zstd.compress(data)),
    ):
        path = folder / name
        path.write_bytes(packed)
        assert good(path, form="jsonl") == rows


CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=20)


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6),
    delimiter=st.sampled_from(",\t"),
    mark=st.booleans(),
)
def test_csv_comes_back(
    rows: list[list[str]], delimiter: str, mark: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "文本", "c"], *rows])
    path = tmp_path_factory.getbasetemp() / ("r.csv" if delimiter == "," else "r.tsv")
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + stream.getvalue().encode("utf-8"))
    assert good(path) == [dict(zip(("id", "文本", "c"), row, strict=True)) for row in rows]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16"])
@pytest.mark.parametrize("told", [True, False])
def test_encodings(tmp_path: Path, codec: str, told: bool) -> None:
    path = tmp_path / "r.csv"
    lines = TRADITIONAL if codec == "big5" else LINES
    text = "id,text\n" + "".join(f"{n},{line.replace(',', '，')}\n" for n, line in enumerate(lines * 40))
    path.write_bytes(text.encode(codec))
    rows = good(path, encoding=codec.removesuffix("-sig") if told else None)
    assert [row["text"] for row in rows] == [line.split(",", 1)[1] for line in text.splitlines()[1:]]


def test_one_bad_byte_does_not_make_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    rows = [json.dumps({"id": n, "text": LINES[n % 3]}, ensure_ascii=False).encode() for n in range(9)]
    rows[4] = rows[4].replace("今".encode(), b"\xe4\xbb")
    path.write_bytes(b"\n".join(rows))
    assert pieces(path) == [0, 1, 2, 3, 5, 5, 6, 7, 8]
    bad = [item for item in read_rows(path) if isinstance(item, BadRow)]
    assert len(bad) == 1
    assert bad[0].where == f"{path}:5"
    assert "is not utf-8" in bad[0].reason
    assert bad[0].raw is not None
    assert "\ufffd" in bad[0].raw


def test_bad_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lines = [
        '{"id": 1, "text": "a\u2028b\u0085c"}',
        '{"id": 2, "text": ',
        "[1]",
        "",
        '{"id": 3, "x": NaN}',
        '{"id": "\\ud800"}',
        "[" * 100_000,
        '{"id": 4, "x": ' + "9" * 5000 + "}",
        '{"id": 5}\r',
    ]
    path.write_bytes("\n".join(lines).encode("utf-8"))
    items = list(read_rows(path))
    assert [item.number for item in items if isinstance(item, BadRow)] == [2, 3, 6, 7, 8]
    assert all(item.raw for item in items if isinstance(item, BadRow))
    assert [item.values for item in items if isinstance(item, Row)] == [
        {"id": 1, "text": "a\u2028b\u0085c"},
        {"id": 3, "x": None},
        {"id": 5},
    ]
    path.write_text('\n[\n{"id": 1},\n{"id": 2}]\n', encoding="utf-8")
    assert "a JSON array" in until_error(path)[1]


def test_a_line_of_30_mb_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with path.open("wb") as stream:
        stream.write(b'{"id": 1}\n{"id": "')
        for _ in range(30):
            stream.write(b"a" * 1_000_000)
        stream.write(b'"}\n{"id": 2}\n')
    tracemalloc.start()
    found = pieces(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [1, 2, 2]
    assert peak < 40_000_000
    assert "30,000,011 bytes" in next(i.reason for i in read_rows(path) if isinstance(i, BadRow))


def test_bad_csv_records(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(
        b'id,text\n1,"two\nlines"\n2,a,b\n3\n\n4,"not closed\n5,e\n6,"x"y\n7,"a ""quoted"" word"\n'
        + b"8,\xff\xfe\n9,end"
    )
    assert pieces(path) == ["1", 4, 5, 7, "5", 9, "7", 11, "9"]
    raw = [item.raw for item in read_rows(path) if isinstance(item, BadRow)]
    assert raw[0] == "2,a,b"
    assert raw[2] == '4,"not closed'


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"id,text,id\n1,2,3\n", "'id' twice"), (b'"id\n1,2\n', "header cannot be read")],
)
def test_bad_csv_headers(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(data)
    assert words in until_error(path)[1]


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_cut_and_damaged_compression(tmp_path: Path, pack: Any) -> None:
    rows = [{"id": n, "text": f"{n * 7919 % 10_007:x} {LINES[n % 3]}"} for n in range(30_000)]
    data = pack(jsonl(rows))
    path = tmp_path / "r.jsonl"
    path.write_bytes(data[: len(data) // 2])
    items, message = until_error(path)
    assert 5_000 < len(items) < 25_000
    assert [item.values for item in items if isinstance(item, Row)] == rows[: len(items)]
    assert "ends in the middle" in message
    path.write_bytes(data[: len(data) // 2] + bytes(64) + data[len(data) // 2 + 64 :])
    items, message = until_error(path)
    assert "is damaged" in message
    path.write_bytes(pack(b'{"id": 1}\n') + pack(b'{"id": 2}\n'))  # members one after the other
    assert pieces(path) == [1, 2]


def test_parquet_and_a_damaged_page(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "r.parquet"
    rows = [{"id": n, "text": f"{n} {LINES[n % 3]}", "tags": [n, n + 1], "x": None} for n in range(5_000)]
    pq.write_table(
        pa.Table.from_pylist(rows), path, row_group_size=1_000, compression="zstd", write_page_checksum=True
    )
    assert good(path) == rows
    data = bytearray(path.read_bytes())
    place = pq.ParquetFile(path).metadata.row_group(2).column(1).data_page_offset + 200
    data[place] ^= 0xFF
    path.write_bytes(data)
    items = list(read_rows(path))
    bad = [item for item in items if isinstance(item, BadRow)]
    assert len(bad) == 1
    assert bad[0].number == 2_001
    assert bad[0].rows == 1_000
    assert [item.values["id"] for item in items if isinstance(item, Row)] == [
        *range(2_000),
        *range(3_000, 5_000),
    ]
    path.write_bytes(bytes(data[: len(data) // 2]))
    assert "not a Parquet file" in until_error(path)[1]


def test_a_source_counts_hashes_and_stops_where_it_began(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    data = jsonl([{"id": n} for n in range(50_000)])
    path.write_bytes(data)
    source = ByteSource(path)
    rows = read_rows(source)
    first = [next(rows) for _ in range(10)]
    half = (source.count, source.digest())
    with path.open("ab") as stream:
        stream.write(b'{"id": -1}\n')
    assert len(first) + sum(1 for _ in rows) == 50_000
    assert source.count == len(data)
    again = ByteSource(path)
    rows = read_rows(again)
    for _ in range(10):
        next(rows)
    assert (again.count, again.digest()) == half
    shrinking = ByteSource(path)
    rows = read_rows(shrinking)
    next(rows)
    path.write_bytes(data[:1000])
    with pytest.raises(ReadingError, match="shrank from"):
        list(rows)


def test_formats(tmp_path: Path) -> None:
    assert table_format(Path("a/B.CSV.GZ")) == "csv"
    assert table_format(Path("x.jsonl.zst")) == "jsonl"
    assert table_format(Path("x.html")) is None
    assert table_format(Path("csv.gz")) is None
    path = tmp_path / "r.csv"
    path.write_text("id\n1\n")
    with pytest.raises(UsageError, match="unknown encoding"):
        list(read_rows(path, encoding="klingon"))
    with pytest.raises(ReadingError, match="No such file"):
        list(read_rows(tmp_path / "none.csv"))
    path.write_bytes(b"")
    assert list(read_rows(path)) == []
