"""Runs in this process: broken off at every single step, and gone on with, to the same bytes."""

from __future__ import annotations

import errno
import gzip
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cuoshi.classifier.annotate import (
    Job,
    Plan,
    RunManifest,
    annotate,
    choose_target,
    find_inputs,
    read_manifest,
    sinks,
)
from cuoshi.classifier.annotate import run as run_module
from cuoshi.classifier.annotate.journal import State
from cuoshi.classifier.annotate.report import report_run
from cuoshi.classifier.annotate.target import locked
from cuoshi.classifier.errors import DataError, UsageError
from cuoshi.classifier.predict import Classifier, Scored
from cuoshi.classifier.rows import InputChangedError, Row, read_rows

TEXTS = [
    "镇口设了卡点,过往车辆逐一检查。",
    "今天天气晴。",
    "小区从今晚起封闭,只留一个门。",
    "医院收治了三名病人。",
]


class Quiet:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.chunks = 0
        self.each: Callable[[State], None] = lambda _: None

    def begun(self, state: State, total: int | None) -> None:
        pass

    def stored(self, state: State) -> None:
        self.chunks += 1
        self.each(state)

    def notice(self, text: str) -> None:
        self.notices.append(text)


@pytest.fixture(scope="module")
def classifier(small_model: Path) -> Classifier:
    """The small model, which scores the same text but once."""
    loaded = Classifier.load(small_model, threads=1)
    known: dict[str, Scored] = {}
    score = loaded.score

    def remembered(texts: list[str]) -> list[Scored]:
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(fresh, score(fresh), strict=True))
        return [known[text] for text in texts]

    loaded.tokenise = list  # type: ignore[assignment,method-assign]
    loaded.score_tokens = remembered  # type: ignore[assignment,method-assign]
    return loaded


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "text": TEXTS[n % 4], "place": f"镇{n % 7}", "tags": [n]} for n in range(count)]


def write_jsonl(path: Path, values: list[Any]) -> Path:
    lines = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in values]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def collection(tmp_path: Path) -> list[str]:
    """Two tables, one packed, with bad lines among the rows, and an article."""
    first = write_jsonl(tmp_path / "a.jsonl", [*rows(70), "{broken", *rows(50), {"id": 9, "text": None}])
    second = tmp_path / "b.csv.gz"
    lines = "".join(f'{n},"{TEXTS[n % 4]}",-{n}\r\n' for n in range(90))
    second.write_bytes(gzip.compress(f"id,text,depth\r\n{lines}".encode()))
    article = tmp_path / "c.txt"
    article.write_text("\n\n".join(TEXTS) + "\n", encoding="utf-8")
    return [str(first), str(second), str(article)]


def job(inputs: list[str], out: Path, plan: Plan | None = None, shards: int | None = None, **how: Any) -> Job:
    plan = plan or Plan(save_every=32)
    return Job(find_inputs(inputs), plan, choose_target(out, None, shards), **how)


def outputs(manifest: RunManifest) -> list[bytes]:
    return [Path(entry.file).read_bytes() for entry in manifest.output]


class Disk:
    """A disk that is full from a certain step on; a write on it is torn in the middle."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.steps = 0
        self.full_at: int | None = None
        real_sync, real_replace, real_write = os.fsync, Path.replace, sinks.write_all

        def fsync(descriptor: int) -> None:
            self.step()
            real_sync(descriptor)

        def replace(path: Path, target: Path) -> Path:
            self.step()
            return real_replace(path, target)

        def write_all(stream: Any, data: bytes) -> None:
            try:
                self.step()
            except OSError:
                real_write(stream, data[: len(data) // 2])
                raise
            real_write(stream, data)

        patch.setattr(os, "fsync", fsync)
        patch.setattr(Path, "replace", replace)
        patch.setattr(sinks, "write_all", write_all)
        patch.setattr(run_module, "write_all", write_all)

    def step(self) -> None:
        self.steps += 1
        if self.full_at is not None and self.steps >= self.full_at:
            raise OSError(errno.ENOSPC, "No space left on device")


BROKEN = [
    ("o.jsonl", None, 5),
    ("o.csv.gz", 41, 9),
    ("o.parquet", 41, 13),
    *(
        pytest.param(name, shards, stride, marks=pytest.mark.slow)
        for name, shards, stride in (
            ("o.jsonl", None, 1),
            ("o.csv.gz", 41, 1),
            ("o.parquet", 41, 1),
            ("o.csv", None, 2),
            ("o.jsonl.zst", 41, 2),
            ("o.parquet", None, 2),
        )
    ),
]


@pytest.mark.parametrize(("name", "shards", "stride"), BROKEN)
def test_broken_off_at_every_step(
    name: str,
    shards: int | None,
    stride: int,
    classifier: Classifier,
    collection: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "parquet" in name:
        pytest.importorskip("pyarrow")
    plan = Plan(save_every=32, layout="long" if "csv" in name else "list", scores=True)
    whole = choose_target(tmp_path / f"whole-{name}", None, shards)
    wanted = annotate(classifier, job(collection, whole.out, plan, shards), Quiet())
    disk = Disk(monkeypatch)
    todo = job(collection, tmp_path / name, plan, shards)
    full_at, broken = 1, 0
    while is_broken_off(classifier, todo, disk, full_at):
        broken += 1
        if broken % 3 == 0:  # and once more a little later
            assert is_broken_off(classifier, replace(todo, resume=True), disk, 4)
        done = annotate(classifier, replace(todo, resume=True), Quiet())
        assert outputs(done) == outputs(wanted)
        assert todo.target.rejects.read_bytes() == whole.rejects.read_bytes()
        assert done.counts == wanted.counts
        assert [entry.sha256 for entry in done.inputs] == [entry.sha256 for entry in wanted.inputs]
        assert not todo.target.journal.exists()
        assert not todo.target.pieces.exists()
        todo.target.remove()
        full_at += stride
    assert broken > 4


def is_broken_off(classifier: Classifier, todo: Job, disk: Disk, full_at: int) -> bool:
    """Whether a run ends early when the disk is full from its step ``full_at`` on."""
    disk.steps, disk.full_at = 0, full_at
    try:
        annotate(classifier, todo, Quiet())
    except DataError as error:
        return "No space left" in str(error)
    finally:
        disk.full_at = None
    return False


def test_what_a_run_wrote(classifier: Classifier, collection: list[str], tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    manifest = annotate(classifier, job(collection, out), Quiet())
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in found] == [
        *range(70),
        *range(50),
        *map(str, range(90)),
        *[row["id"] for row in found[210:]],
    ]
    assert len(found) == 214
    assert list(found[0]) == ["id", "place", "tags", "text", "labels", "windows", "tokens", "unknown"]
    assert found[0]["labels"] == ["checkpoint"]
    assert found[1]["labels"] == []
    assert list(found[-1])[:9] == [
        "id",
        "file",
        "title",
        "source",
        "date",
        "paragraph",
        "index",
        "start",
        "end",
    ]
    rejects = [json.loads(line) for line in (tmp_path / "o.jsonl.rejects.jsonl").read_text().splitlines()]
    assert [reject["where"].rpartition(":")[2] for reject in rejects] == ["71", "122"]
    assert rejects[0]["raw"] == "{broken"
    assert rejects[1]["row"] == {"id": 9, "text": None}
    counts = manifest.counts
    assert counts is not None
    # 0 to 49 come twice, and the ids of the CSV are the same once more, up to 69 and then new
    assert counts["duplicates"] == 50 + 1 + 70
    assert counts["duplicate_places"][0] == f"{collection[0]}:72 ('0')"
    assert (counts["inputs"], counts["paragraphs"], counts["rejects"]) == (70 + 1 + 50 + 1 + 90 + 1, 214, 2)
    assert manifest.state == "done"
    assert [entry.items for entry in manifest.inputs] == [122, 90, 1]
    assert report_run(out)[1] == "done"


def test_layouts_agree(classifier: Classifier, collection: list[str], tmp_path: Path) -> None:
    def made(layout: str, name: str) -> list[dict[str, Any]]:
        plan = Plan(layout=layout, scores=True)
        annotate(classifier, job(collection, tmp_path / name, plan), Quiet())
        return [item.values for item in read_rows(tmp_path / name) if isinstance(item, Row)]

    lists, wide = made("list", "l.jsonl"), made("wide", "w.csv")
    long = made("long", "g.jsonl")
    names = classifier.labels
    for row, other in zip(lists, wide, strict=True):
        assert row["labels"] == [name for name in names if other[f"label_{name}"] == "1"]
        assert other["labels"] == "|".join(row["labels"])
        assert [str(row["scores"][name]) for name in names] == [other[f"score_{name}"] for name in names]
    pairs = [(row["text"], label) for row in lists for label in row["labels"] or [""]]
    assert [(row["text"], row["label"]) for row in long] == pairs
    assert all((row["score"] is None) == (row["label"] == "") for row in long)
    assert {row["depth"] for row in wide} >= {"-1", ""}  # a negative number is no formula
    measured = tmp_path / "m.jsonl"
    annotate(classifier, job(collection, measured, Plan(measures_only=True)), Quiet())
    assert len(measured.read_text().splitlines()) == sum(bool(row["labels"]) for row in lists)


def test_parquet_keeps_types_and_jsonl_has_more(classifier: Classifier, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table(
        {"id": [1, 2], "text": TEXTS[:2], "n": pa.array([3, None], pa.int16()), "labels": ["x", "y"]}
    )
    pq.write_table(table, tmp_path / "r.parquet")
    annotate(
        classifier, job([str(tmp_path / "r.parquet")], tmp_path / "p.parquet", Plan(layout="wide")), Quiet()
    )
    found = pq.read_table(tmp_path / "p.parquet")
    assert found.schema.field("n").type == pa.int16()
    assert found.column("input_labels").to_pylist() == ["x", "y"]
    assert found.column("labels").to_pylist() == [["checkpoint"], []]
    assert found.column("label_checkpoint").to_pylist() == [1, 0]
    source = write_jsonl(
        tmp_path / "r.jsonl", [*rows(200), {"id": "z", "text": TEXTS[0], "late": {"a": [1]}}]
    )
    annotate(classifier, job([str(source)], tmp_path / "q.parquet"), Quiet())
    last = pq.read_table(tmp_path / "q.parquet").to_pylist()[-1]
    assert json.loads(last["more"]) == {"late": {"a": [1]}}
    assert last["tags"] is None


def test_paragraphs_and_clashes(classifier: Classifier, tmp_path: Path) -> None:
    source = write_jsonl(
        tmp_path / "r.jsonl",
        [
            {
                "nr": "A",
                "body": "\n".join(TEXTS),
                "labels": ["gold"],
                "input_labels": 1,
                "score_x": 2,
                "text": "t",
            }
        ],
    )
    plan = Plan(text_column="body", id_column="nr", paragraphs=True)
    out = tmp_path / "o.jsonl"
    annotate(classifier, job([str(source)], out, plan), Quiet())
    found = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in found] == TEXTS
    assert [row["id"] for row in found] == [f"A#{row['paragraph']}" for row in found]
    assert found[0]["input_input_labels"] == ["gold"]
    assert found[0]["input_labels"] == 1
    assert found[0]["input_score_x"] == 2
    assert found[0]["input_text"] == "t"


def test_rejects_are_retried_alone(classifier: Classifier, tmp_path: Path) -> None:
    long = "长" * 100_001
    source = write_jsonl(
        tmp_path / "r.jsonl", [{"id": 1, "text": TEXTS[0]}, "{broken", {"id": 2, "text": long}]
    )
    table = tmp_path / "t.csv"
    table.write_text(f"id,text\n5,{TEXTS[0]},x\n6,{TEXTS[1].replace(',', '')}\n", encoding="utf-8")
    packed = tmp_path / "p.jsonl.gz"
    whole = gzip.compress(
        "".join(json.dumps({"id": f"g{n}", "text": TEXTS[n % 4]}) + "\n" for n in range(99)).encode()
    )
    packed.write_bytes(whole[:-30])
    article = tmp_path / "x.html"
    article.write_bytes(b"")
    names = [str(path) for path in (source, table, packed, article)]
    out = tmp_path / "o.jsonl"
    manifest = annotate(classifier, job(names, out), Quiet())
    assert manifest.counts is not None
    assert manifest.counts["rejects"] == 5
    before = {json.loads(line)["id"] for line in out.read_text().splitlines()}
    packed.write_bytes(whole)
    article.write_text(f"<html><body><p>{TEXTS[3]}</p></body></html>", encoding="utf-8")
    rejects = tmp_path / "o.jsonl.rejects.jsonl"
    kept = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    kept[0]["raw"] = json.dumps({"id": 3, "text": TEXTS[2]})
    kept[1]["row"]["text"] = TEXTS[1]
    kept[2]["raw"] = kept[2]["raw"].replace(",过", "，过").replace(",x", "")
    write_jsonl(rejects, kept)
    again = tmp_path / "again.jsonl"
    manifest = annotate(classifier, job([str(rejects)], again), Quiet())
    assert manifest.counts is not None
    after = [json.loads(line)["id"] for line in again.read_text().splitlines()]
    assert after[:3] == [3, 2, "5"]
    assert len(after) == len(set(after))
    assert not before & set(after)
    assert {f"g{n}" for n in range(99)} <= before | set(after)
    assert after[-1].startswith(f"{article}#")
    assert manifest.counts["rejects"] == 0


def test_resume_refuses_another_run(classifier: Classifier, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "r.jsonl", rows(300))
    out = tmp_path / "o.jsonl"

    def stop(state: State) -> None:
        if state.chunks == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    listener = Quiet()
    listener.each = stop
    with pytest.raises(DataError):
        annotate(classifier, job([str(source)], out), listener)
    assert read_manifest(tmp_path / "o.jsonl.run.json").state == "failed"
    with pytest.raises(UsageError, match="exists; go on with --resume"):
        annotate(classifier, job([str(source)], out), Quiet())
    with pytest.raises(UsageError, match=r"layout: was list, is long"):
        annotate(
            classifier, job([str(source)], out, Plan(save_every=32, layout="long"), resume=True), Quiet()
        )
    other = write_jsonl(tmp_path / "s.jsonl", rows(3))
    with pytest.raises(UsageError, match=r"s\.jsonl: was not there"):
        annotate(classifier, job([str(source), str(other)], out, resume=True), Quiet())
    data = source.read_bytes()
    source.write_bytes(data + b"{}\n")
    with pytest.raises(UsageError, match=rf"had {len(data):,} bytes, has {len(data) + 3:,}"):
        annotate(classifier, job([str(source)], out, resume=True), Quiet())
    source.write_bytes(data.replace("镇1".encode(), "镇9".encode()))  # as long, but other
    with pytest.raises(InputChangedError, match="is not what it was"):
        annotate(classifier, job([str(source)], out, resume=True), Quiet())
    source.write_bytes(data)
    done = annotate(classifier, job([str(source)], out, resume=True), Quiet())
    assert len(done.resumed) >= 1
    assert len(out.read_text().splitlines()) == 300
    again = annotate(classifier, job([str(source)], out, resume=True), Quiet())
    assert again == done


def test_torn_and_damaged_journals(classifier: Classifier, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "r.jsonl", rows(300))
    whole = annotate(classifier, job([str(source)], tmp_path / "w.jsonl"), Quiet())
    out = tmp_path / "o.jsonl"
    journal = tmp_path / "o.jsonl.journal"

    def broken() -> bytes:
        listener = Quiet()
        listener.each = stop
        with pytest.raises(DataError):
            annotate(classifier, job([str(source)], out, force=True), listener)
        return journal.read_bytes()

    def stop(state: State) -> None:
        if state.chunks == 4:
            raise OSError(errno.EIO, "broken")

    data = broken()
    assert data.count(b"\n") == 4
    for cut in (1, 40, len(data.splitlines(keepends=True)[-1])):
        broken()
        journal.write_bytes(data[:-cut])
        done = annotate(classifier, job([str(source)], out, resume=True), Quiet())
        assert outputs(done) == outputs(whole)
        assert done.counts == whole.counts
    broken()
    journal.write_bytes(b"{]\n" + data)
    with pytest.raises(DataError, match="damaged at byte 0"):
        annotate(classifier, job([str(source)], out, resume=True), Quiet())
    broken()
    part = tmp_path / "o.jsonl.part"
    part.write_bytes(part.read_bytes()[:10])
    with pytest.raises(DataError, match="shorter than the run left it"):
        annotate(classifier, job([str(source)], out, resume=True), Quiet())


def changing(source: Path, change: Callable[[], None]) -> Quiet:
    listener = Quiet()

    def once(state: State) -> None:
        if state.chunks == 1:
            change()

    listener.each = once
    return listener


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """More than is read ahead."""
    source = tmp_path / "large.jsonl"
    pad = "x" * 2_000
    write_jsonl(source, [{**row, "pad": pad} for row in rows(1_500)])
    return source


def test_an_input_that_grows(classifier: Classifier, large: Path, tmp_path: Path) -> None:
    size = large.stat().st_size

    def grow() -> None:
        with large.open("ab") as stream:
            stream.write(b'{"id": "new", "text": "new"}\n' * 10)

    listener = changing(large, grow)
    manifest = annotate(classifier, job([str(large)], tmp_path / "o.jsonl"), listener)
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 1_500
    assert any(f"grew from {size:,}" in notice for notice in listener.notices)
    assert manifest.notices == listener.notices
    assert manifest.inputs[0].bytes == size


@pytest.mark.parametrize("what", ["shrinks", "rewritten"])
def test_an_input_that_shrinks_or_is_rewritten(
    what: str, classifier: Classifier, large: Path, tmp_path: Path
) -> None:
    data = large.read_bytes()

    def change() -> None:
        if what == "shrinks":
            os.truncate(large, 600_000)
        else:
            with large.open("r+b") as stream:
                stream.write(data[:5_000].replace("镇1".encode(), "镇9".encode()))

    with pytest.raises(InputChangedError, match=r"shrank|was changed during the run"):
        annotate(classifier, job([str(large)], tmp_path / "o.jsonl"), changing(large, change))
    assert read_manifest(tmp_path / "o.jsonl.run.json").state == "failed"
    large.write_bytes(data)
    annotate(classifier, job([str(large)], tmp_path / "o.jsonl", resume=True), Quiet())
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 1_500


def test_the_lock(classifier: Classifier, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "r.jsonl", rows(3))
    todo = job([str(source)], tmp_path / "o.jsonl")
    with locked(todo.target), pytest.raises(UsageError, match="another run writes"):
        annotate(classifier, todo, Quiet())
    (tmp_path / "o.jsonl.lock").touch()  # left by a run that was killed
    annotate(classifier, todo, Quiet())
    assert not (tmp_path / "o.jsonl.lock").exists()


def test_shards_among_other_files_are_refused(classifier: Classifier, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "r.jsonl", rows(3))
    out = tmp_path / "o"
    out.mkdir()
    for harmless in (".gitkeep", "run.json.part"):  # the second was left by a run killed in its first second
        (out / harmless).touch()
    assert annotate(classifier, job([str(source)], out, shards=2), Quiet()).state == "done"
    (out / "notes.md").touch()
    assert annotate(classifier, job([str(source)], out, shards=2, resume=True), Quiet()).state == "done"
    other = tmp_path / "p"
    other.mkdir()
    (other / "notes.md").touch()
    with pytest.raises(UsageError, match=r"a folder with other files \(notes\.md\)"):
        annotate(classifier, job([str(source)], other, shards=2, resume=True), Quiet())
    assert [path.name for path in other.iterdir()] == ["notes.md"]
    assert annotate(classifier, job([str(source)], other, shards=2, force=True), Quiet()).state == "done"


def test_a_glob_leaves_the_output_out(classifier: Classifier, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [*rows(3), "{broken"])
    target = choose_target(tmp_path / "z.jsonl", None, None)
    pattern = str(tmp_path / "*.jsonl")
    annotate(classifier, Job(find_inputs([pattern]), Plan(), target), Quiet())
    assert target.rejects.exists()
    assert [each.path.name for each in find_inputs([pattern], target.remains())] == ["a.jsonl"]


def test_nothing_to_annotate(classifier: Classifier, tmp_path: Path) -> None:
    empty = tmp_path / "r.jsonl"
    empty.touch()
    for name in ("o.jsonl", "o.csv", "o.parquet"):
        manifest = annotate(classifier, job([str(empty)], tmp_path / name), Quiet())
        assert manifest.counts is not None
        assert manifest.counts["paragraphs"] == 0
        assert (tmp_path / name).exists()
    assert (tmp_path / "o.csv").read_text("utf-8-sig").startswith("id,text,labels")


def test_a_missing_column_is_told_before_the_work(classifier: Classifier, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "r.jsonl", [{"nr": 1, "body": "x"}])
    with pytest.raises(UsageError, match=r"no column 'text'.*--text-column: nr, body"):
        annotate(classifier, job([str(source)], tmp_path / "o.jsonl"), Quiet())
    plan = Plan(text_column="body", id_column="key")
    with pytest.raises(UsageError, match=r"no column 'key'.*--id-column"):
        annotate(classifier, job([str(source)], tmp_path / "o.jsonl", plan), Quiet())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.jsonl"]


def test_a_table_that_goes_away_is_rejected_alone(classifier: Classifier, tmp_path: Path) -> None:
    names = [str(write_jsonl(tmp_path / f"{name}.jsonl", rows(5))) for name in "abc"]
    todo = job(names, tmp_path / "o.jsonl")
    Path(names[1]).unlink()
    manifest = annotate(classifier, replace(todo, inputs=todo.inputs), Quiet())
    assert manifest.counts is not None
    assert (manifest.counts["paragraphs"], manifest.counts["rejects"]) == (10, 1)
    reject = json.loads((tmp_path / "o.jsonl.rejects.jsonl").read_text(encoding="utf-8"))
    assert (reject["file"], reject["first"]) == (names[1], 1)


def test_a_run_that_was_killed_is_broken_off(classifier: Classifier, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "r.jsonl", rows(300))
    todo = job([str(source)], tmp_path / "o.jsonl")
    seen: list[str] = []
    listener = Quiet()

    def look(state: State) -> None:
        manifest, how = report_run(tmp_path / "o.jsonl")
        assert manifest.counts is not None
        seen.append(f"{how} {manifest.counts['paragraphs']}")
        if state.chunks == 2:
            raise OSError(errno.EIO, "gone")

    listener.each = look
    with pytest.raises(DataError, match="gone"):
        annotate(classifier, todo, listener)
    assert seen == ["running 32", "running 64"]
    path = tmp_path / "o.jsonl.run.json"
    path.write_text(path.read_text("utf-8").replace('"failed"', '"running"'), encoding="utf-8")
    assert report_run(path)[1] == "broken off"
