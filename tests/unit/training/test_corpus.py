"""The check of a corpus, its composition, the agreement of its passes, and the shipped data sheet."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuoshi.classifier.errors import DataError, MissingExtraError
from cuoshi.classifier.taxonomy import Taxonomy, load_taxonomy
from cuoshi.training.agreement import (
    agreement,
    agreement_tables,
    kappa,
    masi_alpha,
    masi_distances,
    nominal_alpha,
)
from cuoshi.training.composition import (
    SHOWN_REGIONS,
    composition,
    composition_tables,
    few_positives_line,
    region,
)
from cuoshi.training.corpus import near_duplicates, read_corpus, shipped_corpus
from cuoshi.training.datasheet import SHEET, blocks, fill, refresh
from cuoshi.training.near import NearIndex, grams, jaccard, normalise
from cuoshi.training.tables import Table, figure

LONG = "柳溪镇党委昨晚开会决定,从今天六时起在三个出镇路口设卡,过往车辆一律停车查验,司机和乘客逐人登记去向。"
CLOSE = "柳溪镇党委昨晚开会决定,从今天七时起在两个出镇路口设卡,过往车辆一律停车查验,司机和乘客逐人登记去向。"
Row = dict[str, Any]
Edit = Callable[[dict[str, list[Row]]], None]


def row(article: str, index: int, text: str, labels: list[str], **other: Any) -> Row:
    return {
        "id": f"{article}-{index + 1:02d}",
        "article": article,
        "index": index,
        "text": text,
        "labels": labels,
        "genre": "notice",
        "period": "2021-08",
        "disease": "covid19",
        "place": "湖南怀化",
        "level": "town",
        "script": "hans",
        "title": "关于设卡的通告",
        "pass_a": labels,
        "pass_b": labels,
        **other,
    }


def sound() -> dict[str, list[Row]]:
    return {
        "train": [
            row("a1", 0, LONG, ["checkpoint"], pass_b=["checkpoint", "closure"]),
            row("a1", 1, "雨下了一夜。", []),
            row("a2", 0, "卫生院收下了两名病人,村里封了三天。", ["closure", "treatment"], place="黑龙江黑河"),
        ],
        "validation": [row("b1", 0, "村口小桥修好了。", [], genre="feature", period="2003-05")],
        "test": [row("c1", 0, "鎮上的診所照常看病。", ["treatment"], script="hant", place="台灣苗栗")],
    }


def write_corpus(folder: Path, splits: dict[str, list[Row]]) -> Path:
    for split, rows in splits.items():
        text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    return folder


def problems(folder: Path, taxonomy: Taxonomy, edit: Edit) -> list[str]:
    splits = sound()
    edit(splits)
    return read_corpus(write_corpus(folder, splits), taxonomy).problems


def test_a_sound_corpus_has_no_problems(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    corpus = read_corpus(write_corpus(tmp_path, sound()), small_taxonomy)
    assert corpus.problems == []
    assert {split: len(rows) for split, rows in corpus.splits.items()} == {
        "train": 3,
        "validation": 1,
        "test": 1,
    }
    assert corpus.splits["train"][2].where == f"{tmp_path / 'train.jsonl'}:3"


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("genre", "poem", "genre 'poem' is none of bulletin, county_news"),
        ("genre", ["notice"], "genre '['notice']' is none of"),
        ("level", "street", "level 'street' is none of village"),
        ("script", "hant-tw", "script 'hant-tw' is none of hans, hant"),
        ("period", "2021-13", "period '2021-13' is no month such as 2020-01"),
        ("period", "2021-08-01", "period '2021-08-01'"),
        ("period", 202108, "period '202108'"),
        ("place", " ", "'place' is empty or no string"),
        ("title", None, "'title' is empty or no string"),
        ("index", -1, "index '-1' is no whole number from 0"),
        ("index", True, "index 'True' is no whole number from 0"),
        ("index", "0", "index '0' is no whole number from 0"),
        ("labels", ["closed"], "unknown label 'closed'"),
        ("pass_a", ["closed"], "unknown label 'closed' in 'pass_a'"),
        ("pass_b", "closure", "'pass_b' is no list of label ids"),
        ("pass_b", ["closure", "closure"], "a label stands twice in 'pass_b'"),
        ("text", "桥\x07修好了\u200e。\x07", "'text' holds U+0007, which is no text"),
        ("text", "桥\ufffd好\u2028了。", "'text' holds U+FFFD, U+2028, which is no text"),
        ("title", "桥\ud800", "'title' holds U+D800"),
    ],
)
def test_a_wrong_value_is_told_with_file_and_line(
    tmp_path: Path, small_taxonomy: Taxonomy, key: str, value: object, part: str
) -> None:
    splits = sound()
    splits["validation"][0][key] = value
    write_corpus(tmp_path, {"train": splits["train"], "test": splits["test"]})
    text = json.dumps(splits["validation"][0], ensure_ascii="\ud800" in str(value))
    (tmp_path / "validation.jsonl").write_text("\n" + text, encoding="utf-8")
    found = read_corpus(tmp_path, small_taxonomy).problems
    assert len(found) == 1
    assert found[0].startswith(f"{tmp_path / 'validation.jsonl'}:2: {part}")


@pytest.mark.parametrize("key", [key for key in row("a", 0, "", []) if key not in ("id", "text", "labels")])
def test_a_missing_key_is_the_only_problem_and_the_figures_still_come(
    tmp_path: Path, small_taxonomy: Taxonomy, key: str
) -> None:
    def edit(splits: dict[str, list[Row]]) -> None:
        del splits["test"][0][key]

    assert problems(tmp_path, small_taxonomy, edit) == [
        f"{tmp_path / 'test.jsonl'}:1: key '{key}' is missing"
    ]
    figures = composition(read_corpus(tmp_path, small_taxonomy), small_taxonomy)
    assert figures["splits"]["test"]["paragraphs"] == 1
    assert composition_tables(figures, small_taxonomy)


def test_an_id_that_stands_twice_in_two_files(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    def edit(splits: dict[str, list[Row]]) -> None:
        splits["test"][0]["id"] = "a1-02"

    assert problems(tmp_path, small_taxonomy, edit) == [
        f"{tmp_path / 'test.jsonl'}:1: id 'a1-02' stands already at {tmp_path / 'train.jsonl'}:2"
    ]


def test_an_article_in_two_splits(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    def edit(splits: dict[str, list[Row]]) -> None:
        splits["test"][0]["article"] = "a2"

    assert problems(tmp_path, small_taxonomy, edit) == [
        f"{tmp_path / 'test.jsonl'}:1: article 'a2' stands in train too"
    ]


def test_a_text_in_two_splits_whatever_its_width_and_blanks(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    def edit(splits: dict[str, list[Row]]) -> None:
        splits["train"][1]["text"] = "共有 12 户。"
        splits["train"][2]["text"] = "共有12户。"
        splits["test"][0]["text"] = "共有　12户。"

    assert problems(tmp_path, small_taxonomy, edit) == [
        f"{tmp_path / 'test.jsonl'}:1: the text stands in train too, at {tmp_path / 'train.jsonl'}:2"
    ]


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        ((0, 2), ["no paragraph has index 1"]),
        ((1, 0), []),
        ((0, 0), ["index 0 stands 2 times"]),
        ((3, 10**15), ["no paragraph has index 0, 1, 2, 4, 5, …"]),
    ],
)
def test_gaps_in_the_indices_of_an_article(
    tmp_path: Path, small_taxonomy: Taxonomy, indices: tuple[int, int], expected: list[str]
) -> None:
    def edit(splits: dict[str, list[Row]]) -> None:
        splits["train"][0]["index"], splits["train"][1]["index"] = indices

    where = f"{tmp_path / 'train.jsonl'}:1: article 'a1': "
    assert problems(tmp_path, small_taxonomy, edit) == [where + gap for gap in expected]


def test_problems_of_all_files_come_together(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    write_corpus(tmp_path, sound())
    for split in ("train", "validation", "test"):
        with (tmp_path / f"{split}.jsonl").open("a", encoding="utf-8") as file:
            file.write("{\n[1]\n")
    found = read_corpus(tmp_path, small_taxonomy).problems
    assert [line.rpartition(": ")[2].partition(" (")[0] for line in found] == [
        "not JSON",
        "not a JSON object",
    ] * 3


def test_a_missing_split_is_told(tmp_path: Path, small_taxonomy: Taxonomy) -> None:
    write_corpus(tmp_path, {"train": sound()["train"]})
    with pytest.raises(DataError, match=r"validation\.jsonl: cannot be read"):
        read_corpus(tmp_path, small_taxonomy)


class TestNear:
    def test_normalised_and_short_texts(self) -> None:
        assert normalise("ＡＢ １２\u3000户") == "AB12户"
        assert grams("十二户") == {"十二户"}
        assert grams("村口已经设卡") == {"村口已经设", "口已经设卡"}
        assert jaccard(grams("村口已经设卡"), grams("口已经设卡口")) == pytest.approx(1 / 3)

    def test_close_paragraphs_across_splits_are_a_problem(
        self, tmp_path: Path, small_taxonomy: Taxonomy
    ) -> None:
        splits = sound()
        splits["test"][0]["text"] = CLOSE
        near = near_duplicates(read_corpus(write_corpus(tmp_path, splits), small_taxonomy))
        similarity = jaccard(grams(LONG), grams(CLOSE))
        assert 0.5 < similarity < 0.8
        assert near.problems == [
            f"{tmp_path / 'test.jsonl'}:1: near-duplicate ({similarity:.2f}) of "
            f"{tmp_path / 'train.jsonl'}:1 in train"
        ]
        assert near.within == {"train": 0, "validation": 0, "test": 0}

    def test_within_a_split_they_are_counted(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        splits = sound()
        splits["train"][1]["text"] = CLOSE
        splits["train"][2]["text"] = LONG
        near = near_duplicates(read_corpus(write_corpus(tmp_path, splits), small_taxonomy))
        assert (near.within["train"], near.problems) == (3, [])

    def test_short_formulae_across_splits_are_counted(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        splits = sound()
        splits["train"][1]["text"] = "2021年8月12日"
        splits["test"][0]["text"] = "2021年8月13日"
        near = near_duplicates(read_corpus(write_corpus(tmp_path, splits), small_taxonomy))
        assert (near.short_across, near.problems) == (1, [])

    def test_equal_texts_of_two_splits_are_told_once(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        splits = sound()
        splits["test"][0]["text"] = LONG.replace(",", "， ")
        corpus = read_corpus(write_corpus(tmp_path, splits), small_taxonomy)
        assert len(corpus.problems + near_duplicates(corpus).problems) == 1

    def test_outside_text_line_by_line(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        corpus = read_corpus(write_corpus(tmp_path, sound()), small_taxonomy)
        outside = tmp_path / "outside.jsonl"
        rows = [
            {"text": "渡口停了船。"},
            {"text": f"镇上的消息\n雨下了一夜。\n{CLOSE}"},
            {"text": 3},
            {"body": "无"},
        ]
        lines = [*(json.dumps(each, ensure_ascii=False) for each in rows), "{"]
        outside.write_text("\n".join(lines), encoding="utf-8")
        found = near_duplicates(corpus, [outside]).problems
        assert len(found) == 4
        assert found[0].startswith(f"{tmp_path / 'train.jsonl'}:1: near-duplicate (0.")
        assert found[0].endswith(f"of outside text at {outside}:2")
        assert found[1] == f"{outside}:3: key 'text' is missing or no string"
        assert found[2] == f"{outside}:4: key 'text' is missing or no string"
        assert found[3].startswith(f"{outside}:5: not JSON")

    def test_without_datasketch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "datasketch", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'cuoshi\[train\]'"):
            NearIndex()

    def test_minhash_finds_what_comparing_all_pairs_finds(self) -> None:
        random = np.random.default_rng(3)
        alphabet = list("县镇村口桥河卡车人户封开医院病检")
        texts = []
        for _ in range(40):
            base = random.choice(alphabet, 80)
            for changes in (0, 2, 4, 8):
                changed = base.copy()
                changed[random.integers(0, 80, changes)] = random.choice(alphabet, changes)
                texts.append("".join(changed))
        index, found, expected = NearIndex(), set(), set()
        for number, text in enumerate(texts):
            prepared = index.prepare(text)
            found |= {(other, number) for other, _ in index.find(prepared)}
            index.add(prepared)
            expected |= {
                (other, number)
                for other in range(number)
                if jaccard(grams(texts[other]), prepared.grams) >= 0.5
            }
        assert len(expected) > 100
        assert found <= expected
        assert len(found) >= 0.99 * len(expected)


class TestComposition:
    def test_figures(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        figures = composition(read_corpus(write_corpus(tmp_path, sound()), small_taxonomy), small_taxonomy)
        train = figures["splits"]["train"]
        assert (train["paragraphs"], train["articles"]) == (3, 2)
        assert train["characters"] == len(LONG) + 6 + 18
        assert train["without_measure"] == pytest.approx(1 / 3)
        assert train["labels_per_paragraph"] == 1.0
        assert train["length_quantiles"]["0"] == 6
        assert train["length_quantiles"]["50"] == 18
        assert train["length_quantiles"]["100"] == len(LONG)
        assert figures["labels"]["treatment"] == {"train": 1, "validation": 0, "test": 1}
        assert list(figures["labels"]) == list(small_taxonomy.ids)
        assert list(figures["genre"]) == ["notice", "feature"]
        assert list(figures["year"]) == ["2003", "2021"]
        assert figures["region"]["黑龙江"] == {"train": 1, "validation": 0, "test": 0}
        assert figures["region"]["台湾"]["test"] == 1
        assert figures["script"]["hant"]["test"] == 1
        assert "`closure` (1)" in few_positives_line(figures)

    def test_regions_after_the_fortieth_share_a_row(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        splits = sound()
        splits["train"] = [
            row(f"a{number}", 0, f"第{number}号通告", [], place=chr(0x4E00 + number) + "县")
            for number in range(45)
        ]
        figures = composition(read_corpus(write_corpus(tmp_path, splits), small_taxonomy), small_taxonomy)
        table = composition_tables(figures, small_taxonomy)[-1]
        assert len(table.rows) == SHOWN_REGIONS + 1
        assert table.rows[-1][0] == f"{len(figures['region']) - SHOWN_REGIONS} others"
        assert sum(int(cells[-1]) for cells in table.rows) == 47

    @pytest.mark.parametrize(
        ("place", "name"),
        [
            ("湖北武汉", "湖北"),
            ("内蒙古满洲里", "内蒙古"),
            ("澳門", "澳门"),
            ("利比亚", "利比亚"),
            ("川", "川"),
        ],
    )
    def test_region(self, place: str, name: str) -> None:
        assert region(place) == name


class TestAgreement:
    def test_kappa_of_a_worked_table(self) -> None:
        # 20 times both yes, 5 and 10 times one of them, 15 times both no: observed 0.7, expected 0.5.
        one = np.array([True] * 25 + [False] * 25)
        other = np.array([True] * 20 + [False] * 5 + [True] * 10 + [False] * 15)
        assert kappa(one, other) == pytest.approx(0.4)
        assert kappa(one[:25], one[:25]) is None

    def test_alpha_of_krippendorffs_own_example(self) -> None:
        # Krippendorff (2011), section A: two observers, ten units, alpha = 0.095.
        meg = np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], dtype=bool)
        owen = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0], dtype=bool)
        assert nominal_alpha(meg, owen) == pytest.approx(0.095, abs=5e-4)
        assert nominal_alpha(meg, meg) == 1.0
        assert nominal_alpha(meg[2:8], meg[2:8]) is None

    def test_masi_distances(self) -> None:
        sets = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]], dtype=bool)
        expected = [
            [0, 1, 1, 1],
            [1, 0, 1 - 1 / 2 * 2 / 3, 1],
            [1, 1 - 1 / 2 * 2 / 3, 0, 1 - 1 / 3 * 1 / 3],
            [1, 1, 1 - 1 / 3 * 1 / 3, 0],
        ]
        assert masi_distances(sets) == pytest.approx(np.array(expected))

    @given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
    def test_over_sets_of_one_label_masi_alpha_is_nominal_alpha(self, pairs: list[tuple[bool, bool]]) -> None:
        array = np.array(pairs)
        one, other = array[:, :1], array[:, 1:]
        nominal, masi = nominal_alpha(one, other), masi_alpha(one, other)
        assert (nominal is None and masi is None) or nominal == pytest.approx(masi)

    def test_figures_of_a_corpus(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        corpus = read_corpus(write_corpus(tmp_path, sound()), small_taxonomy)
        figures = agreement(corpus, small_taxonomy)
        overall = figures["overall"]["all"]
        assert overall["paragraphs"] == 5
        assert overall["exact_match"] == pytest.approx(4 / 5)
        assert overall["micro_f1"] == pytest.approx(2 * 4 / (4 + 5))
        assert overall["pass_a_final_micro_f1"] == 1.0
        assert figures["overall"]["test"]["exact_match"] == 1.0
        assert figures["overall"]["validation"]["alpha"] is None
        closure = figures["labels"]["closure"]
        assert (closure["pass_a"], closure["pass_b"], closure["both"]) == (1, 2, 1)
        assert closure["f1"] == pytest.approx(2 / 3)
        assert "–" in agreement_tables(figures, small_taxonomy)[0].markdown()
        json.dumps(figures, allow_nan=False)

    def test_without_paragraphs(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        write_corpus(tmp_path, {"train": [], "validation": [], "test": []})
        with pytest.raises(DataError, match="no paragraph"):
            agreement(read_corpus(tmp_path, small_taxonomy), small_taxonomy)


class TestDataSheet:
    MARKERS = (
        "# 说明\n\n<!-- composition -->\n旧\n<!-- /composition -->\n\n"
        "<!-- agreement --><!-- /agreement -->\n尾\n"
    )

    def test_tables_are_written_once(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        sheet = write_corpus(tmp_path, sound()) / SHEET
        sheet.write_text(self.MARKERS, encoding="utf-8")
        assert refresh(read_corpus(tmp_path, small_taxonomy), small_taxonomy) is True
        text = sheet.read_text(encoding="utf-8")
        assert text.startswith("# 说明\n\n<!-- composition -->\n\n**Splits")
        assert text.endswith("<!-- /agreement -->\n尾\n")
        assert "旧" not in text
        assert "| treatment | 医疗救治 | 1 | 0 | 1 | 2 |" in text
        assert refresh(read_corpus(tmp_path, small_taxonomy), small_taxonomy) is False

    @pytest.mark.parametrize(
        "text", ["", MARKERS.replace("<!-- /agreement -->", ""), "<!-- /composition --><!-- composition -->"]
    )
    def test_a_marker_is_missing(self, tmp_path: Path, small_taxonomy: Taxonomy, text: str) -> None:
        sheet = write_corpus(tmp_path, sound()) / SHEET
        sheet.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="needs the lines '<!-- "):
            refresh(read_corpus(tmp_path, small_taxonomy), small_taxonomy)
        assert sheet.read_text(encoding="utf-8") == text

    def test_no_data_sheet(self, tmp_path: Path, small_taxonomy: Taxonomy) -> None:
        write_corpus(tmp_path, sound())
        with pytest.raises(DataError, match=r"README\.md: cannot be read or written"):
            refresh(read_corpus(tmp_path, small_taxonomy), small_taxonomy)

    def test_cells_of_markdown(self) -> None:
        table = Table("T", ("a", "b"), (("x|y", figure(None)), ("z", figure(1 / 3))))
        assert table.markdown() == "**T**\n\n| a | b |\n| --- | --: |\n| x\\|y | – |\n| z | 0.333 |"


class TestShipped:
    def test_it_passes(self) -> None:
        corpus = read_corpus(shipped_corpus(), load_taxonomy())
        assert corpus.problems == []
        assert near_duplicates(corpus).problems == []

    def test_its_data_sheet_is_up_to_date(self) -> None:
        taxonomy = load_taxonomy()
        path = shipped_corpus() / SHEET
        text = path.read_text(encoding="utf-8")
        fresh = fill(text, blocks(read_corpus(shipped_corpus(), taxonomy), taxonomy), path)
        assert text == fresh, "run: cuoshi corpus check --write-readme"
