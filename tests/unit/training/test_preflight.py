"""Splits and the checks before training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.taxonomy import Taxonomy
from cuoshi.training.base import base_tokenizer
from cuoshi.training.config import TrainConfig
from cuoshi.training.data import Example, label_array
from cuoshi.training.preflight import Finding, check_data, document
from cuoshi.training.splits import Splits, make_splits, read_splits, split_by_column
from cuoshi.training.train import prepare, refuse, train

SHARES = {"validation": 0.2, "test": 0.2}


def _examples(count: int, per_article: int = 1) -> list[Example]:
    rows = []
    for n in range(count):
        labels = ("closure",) if n % 3 == 0 else ("treatment",) if n % 10 == 1 else ()
        meta = {"article": f"a{n // per_article}"}
        rows.append(Example(f"r{n}", f"第{n}号小区封闭{n * 7919}天。", labels, meta, f"d.jsonl:{n + 1}"))
    return rows


class TestSplits:
    def test_every_label_is_spread(self, small_taxonomy: Taxonomy) -> None:
        examples = _examples(300)
        made = make_splits(examples, small_taxonomy.ids, SHARES, "article", 1)
        for part, share in zip(made.parts().values(), (0.6, 0.2, 0.2), strict=True):
            assert len(part) == pytest.approx(300 * share, abs=3)
            held = label_array((e.labels for e in part), small_taxonomy.ids).sum(axis=0)
            assert held.tolist() == pytest.approx([0, 100 * share, 20 * share], abs=1.1)
        everything = sorted(e.id for part in made.parts().values() for e in part)
        assert everything == sorted(e.id for e in examples)

    def test_articles_and_equal_texts_stay_whole(self, small_taxonomy: Taxonomy) -> None:
        examples = _examples(200, per_article=5)
        twin = Example("twin", examples[0].text + " ", ("closure",), {"article": "z"}, "d.jsonl:201")
        made = make_splits([*examples, twin], small_taxonomy.ids, SHARES, "article", 1)
        homes: dict[str, set[str]] = {}
        for name, part in made.parts().items():
            for example in part:
                homes.setdefault(example.meta["article"], set()).add(name)
        assert all(len(names) == 1 for names in homes.values())
        assert homes["z"] == homes["a0"]
        assert all(made.parts().values())

    def test_the_seed_decides(self, small_taxonomy: Taxonomy) -> None:
        one, same, other = (
            make_splits(_examples(90), small_taxonomy.ids, SHARES, "article", seed).document()
            for seed in (1, 1, 2)
        )
        assert one == same
        assert one != other

    def test_a_rare_label_is_in_training(self, small_taxonomy: Taxonomy) -> None:
        examples = _examples(100)
        rare = [Example(f"x{n}", f"设卡{n}", ("checkpoint",), {}, "") for n in range(3)]
        made = make_splits([*examples, *rare], small_taxonomy.ids, SHARES, "article", 1)
        assert any("checkpoint" in e.labels for e in made.train)

    def test_by_column(self) -> None:
        rows = [
            Example(str(n), "x", (), {"分组": v}, f"d:{n}") for n, v in enumerate(("训练", "dev", "Test"))
        ]
        made = split_by_column(rows, "分组")
        assert [len(part) for part in made.parts().values()] == [1, 1, 1]
        with pytest.raises(DataError, match=r"d:9: column '分组' says 'other'"):
            split_by_column([Example("9", "x", (), {"分组": "other"}, "d:9")], "分组")
        with pytest.raises(DataError, match="no row of 'validation'"):
            split_by_column(rows[:1], "分组")

    def test_from_the_config(self, small_config: TrainConfig, small_taxonomy: Taxonomy) -> None:
        made = read_splits(small_config.model_copy(update={"validation": ()}), small_taxonomy)
        assert made.method == "made"
        assert made.test
        files = read_splits(small_config, small_taxonomy)
        assert (files.method, files.test) == ("files", [])


def _check(
    config: TrainConfig, taxonomy: Taxonomy, base: Path, train: list[Example], held: list[Example]
) -> tuple[Splits, dict[str, Finding]]:
    splits, findings = check_data(config, taxonomy, Splits(train, held, [], "files"), base_tokenizer(base))
    return splits, {finding.check: finding for finding in findings}


class TestChecks:
    def test_sound_data_pass(
        self, small_config: TrainConfig, small_taxonomy: Taxonomy, tiny_base: Path
    ) -> None:
        config = small_config.model_copy(update={"overlap": "fail"})
        held = [
            Example(f"v{n}", f"全村封闭{n * 104729}天。", ("closure",) if n % 2 else (), {}, "v:1")
            for n in range(20)
        ]
        _, found = _check(config, small_taxonomy, tiny_base, _examples(60), held)
        assert found["overlap"].level == found["classes"].level == found["equal texts"].level == "pass"
        assert found["unseen"].places == ("checkpoint",)
        assert found["validation"].level == "warning"

    def test_a_column_of_articles_that_is_not_there(
        self, small_config: TrainConfig, small_taxonomy: Taxonomy, tiny_base: Path
    ) -> None:
        config = small_config.model_copy(update={"article_column": "文章名"})
        _, found = _check(config, small_taxonomy, tiny_base, _examples(60), _examples(20))
        assert found["articles"].level == "fail"
        assert "no paragraph has the column '文章名'" in found["articles"].text

    def test_what_is_wrong_is_found(
        self, small_config: TrainConfig, small_taxonomy: Taxonomy, tiny_base: Path
    ) -> None:
        config = small_config.model_copy(update={"overlap": "fail"})
        train = _examples(30)
        train += [Example("t1", train[1].text, train[1].labels, {}, "d.jsonl:31")]
        train += [Example("t2", " " + train[3].text, (), {}, "d.jsonl:32")]
        near = "第二天，村里的人都来打听，说是镇口设了卡点，过往车辆逐一检查，一直查到天黑。"
        train += [Example("t3", near, (), {}, "d.jsonl:33")]
        held = [Example(f"v{n}", f"全村封闭{n}天。", ("closure",), {}, f"v.jsonl:{n}") for n in range(6)]
        held += [Example("v8", train[0].text, (), {"article": "a2"}, "v.jsonl:8")]
        held += [Example("v9", near.replace("天黑", "天亮"), (), {}, "v.jsonl:9")]
        _, found = _check(config, small_taxonomy, tiny_base, train, held)
        assert found["equal texts"].places == ("d.jsonl:31 = d.jsonl:2",)
        assert found["contradictions"].places == ("d.jsonl:32 = d.jsonl:4",)
        assert (found["overlap"].level, found["overlap"].places) == ("fail", ("d.jsonl:1 = v.jsonl:8",))
        assert found["near texts"].places == ("v.jsonl:9 ~ d.jsonl:33",)
        assert found["articles"].level == "warning"
        with pytest.raises(DataError, match=r"fail 1 check\(s\); overlap: 1 texts stand in two splits"):
            refuse([found["overlap"]])
        dropped, found = _check(
            config.model_copy(update={"overlap": "drop"}), small_taxonomy, tiny_base, train, held
        )
        assert found["overlap"].level == "warning"
        assert "r0" not in {example.id for example in dropped.train}

    @pytest.mark.parametrize("labels", [(), ("closure",)])
    def test_one_class(
        self, small_config: TrainConfig, small_taxonomy: Taxonomy, tiny_base: Path, labels: tuple[str, ...]
    ) -> None:
        train = [Example(str(n), f"全村封闭{n}天。", labels, {}, "") for n in range(30)]
        _, found = _check(small_config, small_taxonomy, tiny_base, train, train)
        assert found["classes"].level == "fail"
        assert (labels[0] if labels else "no label") in found["classes"].text

    def test_an_unknown_script(
        self, small_config: TrainConfig, small_taxonomy: Taxonomy, tiny_base: Path
    ) -> None:
        train = [
            Example(str(n), "Привет, это совсем другой язык.", ("closure",) if n % 2 else (), {}, "")
            for n in range(30)
        ]
        _, found = _check(small_config, small_taxonomy, tiny_base, train, train)
        assert found["unknown"].level == "fail"

    def test_long_texts_are_counted(
        self, small_config: TrainConfig, small_taxonomy: Taxonomy, tiny_base: Path
    ) -> None:
        train = [*_examples(9), Example("long", "今天天气晴。" * 20, (), {}, "d.jsonl:99")]
        _, found = _check(small_config, small_taxonomy, tiny_base, train, train)
        assert found["length"].level == "warning"
        assert found["length"].places[0].startswith("d.jsonl:99 (")

    def test_the_summary_as_json(self) -> None:
        found = document([Finding("rows", "pass", 3, "x"), Finding("overlap", "fail", 1, "y", ("a:1",))])
        assert found["counts"] == {"pass": 1, "warning": 0, "fail": 1}
        assert json.loads(json.dumps(found))["checks"][1]["places"] == ["a:1"]


def test_nothing_is_learned_from_data_that_fail(
    small_config: TrainConfig, tmp_path: Path, small_data: Path
) -> None:
    config = small_config.model_copy(update={"overlap": "fail"})
    shown: list[Finding] = []
    with pytest.raises(DataError, match="overlap"):
        train(config, tmp_path / "model", show=shown.extend)
    assert any(finding.level == "fail" for finding in shown)
    assert list(tmp_path.iterdir()) == []


def test_a_taxonomy_that_changed_since_the_base_was_made(
    small_config: TrainConfig, small_model: Path, small_taxonomy_file: Path, tmp_path: Path
) -> None:
    text = small_taxonomy_file.read_text(encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text(
        text + "  - {id: testing, group: care, name: {zh: 检测, en: Testing}}\n", encoding="utf-8"
    )
    config = small_config.model_copy(update={"base": str(small_model), "taxonomy": other})
    found = {finding.check: finding for finding in prepare(config).findings}
    assert found["base"].level == "warning"
    assert "new: testing" in found["base"].text
    same = prepare(config.model_copy(update={"taxonomy": small_taxonomy_file})).findings
    assert "base" not in {finding.check for finding in same}
