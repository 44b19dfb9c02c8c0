"""The shipped taxonomy is complete, and a faulty file is reported as a whole."""

from __future__ import annotations

import hashlib
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuoshi.classifier.crosswalk import SCHEMES, load_crosswalk
from cuoshi.classifier.datafiles import data_folder
from cuoshi.classifier.errors import DataError, TaxonomyError
from cuoshi.classifier.taxonomy import Label, Lang, Taxonomy, Text, load_taxonomy
from cuoshi.classifier.taxonomy_page import PAGES, render_page

SHIPPED = load_taxonomy()
SMALL = """\
name: xiaoqu
version: 0.1.0
groups:
  - id: basics
    name: {zh: 基本}
labels:
  - id: masks
    group: basics
    name: {zh: 戴口罩}
  - id: closing
    group: basics
    name: {zh: 关停}
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "own.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def problems(path: Path) -> str:
    with pytest.raises(TaxonomyError) as caught:
        load_taxonomy(path)
    return str(caught.value)


class TestShipped:
    def test_has_29_labels_in_7_groups(self) -> None:
        assert (SHIPPED.name, SHIPPED.version) == ("measures-zh", "1.1.0")
        assert len(SHIPPED.ids) == len(set(SHIPPED.ids)) == 29
        assert (SHIPPED.ids[0], SHIPPED.ids[14], SHIPPED.ids[-1]) == (
            "command",
            "testing",
            "information_release",
        )
        assert len(SHIPPED.groups) == 7
        assert len(SHIPPED.rules) == 9
        assert SHIPPED.languages == ("zh", "en")

    def test_order_of_labels_follows_the_groups(self) -> None:
        assert [group for group, _ in groupby(label.group for label in SHIPPED.labels)] == [
            group.id for group in SHIPPED.groups
        ]

    @pytest.mark.parametrize("label", SHIPPED.labels, ids=lambda label: label.id)
    def test_label_is_complete(self, label: Label) -> None:
        assert label.definition is not None
        assert len(label.includes.zh) == len(label.includes.en) >= 3
        assert label.excludes
        assert 8 <= len(label.terms) == len(set(label.terms)) <= 20
        assert len(label.positive) >= 3
        assert all(label.id in example.labels for example in label.positive)
        assert len(label.boundary) >= 2
        for example in (*label.positive, *label.boundary):
            assert len(set(example.labels)) == len(example.labels)

    def test_no_example_stands_twice(self) -> None:
        texts = [example.text for label in SHIPPED.labels for example in (*label.positive, *label.boundary)]
        assert len(texts) == len(set(texts))

    def test_some_boundaries_end_in_no_label(self) -> None:
        assert sum(not example.labels for label in SHIPPED.labels for example in label.boundary) >= 10
        assert any(not row.labels and not row.note for row in SHIPPED.boundaries)

    def test_table_of_boundaries_does_not_contradict_itself(self) -> None:
        assert len(SHIPPED.boundaries) == 96
        assert all(not set(row.labels) & set(row.not_) for row in SHIPPED.boundaries)
        assert all(row.labels or row.not_ or row.note for row in SHIPPED.boundaries)

    @pytest.mark.parametrize("lang", ["zh", "en"])
    def test_committed_page_is_the_generated_one(self, lang: Lang) -> None:
        committed = (data_folder("labels") / PAGES[lang]).read_text(encoding="utf-8")
        assert committed == render_page(SHIPPED, load_crosswalk(), lang), (
            f"run: cuoshi taxonomy page --lang {lang} > labels/{PAGES[lang]}"
        )

    def test_page_links_lead_somewhere(self) -> None:
        page = render_page(SHIPPED, load_crosswalk(), "en")
        links = {link.split(")")[0] for link in page.split("](#")[1:]}
        anchors = {anchor.split('"')[0] for anchor in page.split('<a id="')[1:]}
        assert links == anchors


class TestLookup:
    def test_label_and_group(self) -> None:
        assert SHIPPED.label("testing").name.get("zh") == "检测"
        assert SHIPPED.group_of("testing").id == "testing_isolation"
        assert [label.id for label in SHIPPED.labels_of("borders_mobility")] == [
            "border_control",
            "travel_control",
        ]

    def test_unknown_label_names_close_ones(self) -> None:
        with pytest.raises(
            TaxonomyError, match=r"'vaccine' is not in taxonomy measures-zh 1\.1\.0; did you mean vacc"
        ):
            SHIPPED.label("vaccine")
        with pytest.raises(TaxonomyError, match="it has 29 labels"):
            SHIPPED.group_of("口罩")

    def test_text_falls_back_to_the_other_language(self) -> None:
        assert Text(zh="封控").get("en") == "封控"
        assert Text(en="lockdown").get("zh") == "lockdown"


class TestHash:
    def test_is_sha256_of_canonical_json(self, write: Any) -> None:
        taxonomy = load_taxonomy(write(SMALL))
        nothing: dict[str, Any] = {"definition": None, "includes": {"zh": [], "en": []}, "excludes": []}
        meaning = {
            "name": "xiaoqu",
            "version": "0.1.0",
            "unit": None,
            "question": None,
            "rules": [],
            "groups": [{"id": "basics", "name": {"zh": "基本", "en": None}}],
            "labels": [
                {"id": "masks", "group": "basics", "name": {"zh": "戴口罩", "en": None}, **nothing},
                {"id": "closing", "group": "basics", "name": {"zh": "关停", "en": None}, **nothing},
            ],
            "boundaries": [],
        }
        text = json.dumps(meaning, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert taxonomy.hash == hashlib.sha256(text.encode()).hexdigest()
        assert taxonomy.short_hash == taxonomy.hash[:12]

    def test_ignores_what_bears_no_meaning(self) -> None:
        data = SHIPPED.model_dump(by_alias=True)
        data["title"] = data["description"] = None
        data["groups"][0]["color"] = "red"
        for label in data["labels"]:
            label.update(terms=(), positive=(), boundary=())
        assert Taxonomy.model_validate(data).hash == SHIPPED.hash

    @pytest.mark.parametrize(
        "change", ["version", "order", "definition", "excludes", "rules", "boundaries", "question"]
    )
    def test_changes_with_the_meaning(self, change: str) -> None:
        data = SHIPPED.model_dump(by_alias=True)
        if change == "version":
            data["version"] = "1.0.1"
        elif change == "order":
            data["labels"] = data["labels"][::-1]
        elif change == "definition":
            data["labels"][3]["definition"]["zh"] += "除外情形另行说明。"
        elif change == "excludes":
            data["labels"][3]["excludes"] = ()
        elif change == "question":
            data["question"] = None
        else:
            data[change] = data[change][:-1]
        assert Taxonomy.model_validate(data).hash != SHIPPED.hash


class TestOwnFile:
    def test_small_one_in_chinese_is_enough(self, write: Any) -> None:
        taxonomy = load_taxonomy(write(SMALL))
        assert taxonomy.ids == ("masks", "closing")
        assert taxonomy.languages == ("zh",)
        assert taxonomy.group_of("masks").color == "default"
        assert "关停" in render_page(taxonomy, [], "en")

    def test_byte_order_mark_is_passed_over(self, write: Any) -> None:
        assert load_taxonomy(write(b"\xef\xbb\xbf" + SMALL.encode())).name == "xiaoqu"

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("id: masks", "id: Masks", "line 7, label Masks, id: 'Masks' must be lower-case letters"),
            ("id: closing", "id: masks", "line 10, label masks, id: masks stands twice"),
            (
                "    group: basics\n",
                "    group: other\n",
                "line 8, label masks, group: unknown group 'other'",
            ),
            ("name: {zh: 戴口罩}", "name: {zh: ''}", "line 9, label masks, name.zh: is empty"),
            ("name: {zh: 戴口罩}", "nmae: {zh: 戴口罩}", "line 9, label masks, nmae: unknown key"),
            ("name: {zh: 戴口罩}", "nmae: {zh: 戴口罩}", "line 7, label masks, name: is missing"),
            ("name: {zh: 关停}", "name: {zh: 关停, en: Closing}", "line 9, label masks, name: en is missing"),
            ("name: {zh: 关停}", "name: {}", "label closing, name: needs a text in zh or en"),
            ("name: {zh: 关停}", "name: 关停", "label closing, name: must be a mapping"),
            ("version: 0.1.0", "version: 1.0", "line 2, version: must be text; put it in quotes"),
            ("version: 0.1.0", "version: 0.1.0\nversion: 0.2.0", "line 3, version: this key stands twice"),
            (
                "name: {zh: 基本}",
                "name: {zh: 基本}\n    color: ultramauve",
                "groups[1].color: unknown colour 'ultramauve'",
            ),
            ("labels:\n", "labels:\n  - masks\n", "line 7, label no. 1: must be a mapping"),
            ("version: 0.1.0", "version: [0.1.0", "line 3: not YAML"),
            (
                "version: 0.1.0",
                "version: &v 0.1.0\ntitle: {zh: *v}",
                "line 3: aliases (*name) are not supported",
            ),
            ("name: {zh: 关停}", "name: {zh: 关停}\n    terms: " + "[" * 40 + "]" * 40, "nested too deeply"),
            ("version: 0.1.0", "version: 2024-13-45", "not YAML"),
            ("name: xiaoqu", "name: 小区", "line 1, name: '小区' must be lower-case"),
        ],
    )
    def test_problem_is_told_with_its_place(self, write: Any, old: str, new: str, expected: str) -> None:
        assert expected in problems(write(SMALL.replace(old, new, 1)))

    def test_references_to_unknown_labels(self, write: Any) -> None:
        found = problems(
            write(
                SMALL
                + """\
    excludes:
      - {text: {zh: 发口罩}, label: supplies}
    positive:
      - {text: 镇上两家茶馆即日停业。, labels: [closing, shut]}
boundaries:
  - {situation: {zh: 茶馆停业}, labels: [closing], not: [lockdown]}
"""
            )
        )
        assert "3 problems" in found
        assert "line 14, label closing, excludes[1].label: unknown label 'supplies'" in found
        assert "line 16, label closing, positive[1].labels[2]: unknown label 'shut'" in found
        assert "line 18, boundaries[1].not[1]: unknown label 'lockdown'" in found

    def test_all_problems_are_counted_and_twenty_listed(self, write: Any) -> None:
        labels = "".join(
            f"  - {{id: masks, group: none_{number}, name: {{zh: 口罩}}}}\n" for number in range(13)
        )
        lines = problems(write(SMALL + labels)).splitlines()
        assert lines[0].endswith(": 26 problems")
        assert len(lines) == 22
        assert lines[-1] == "  … and 6 more"

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"", "1 problem"),
            (b"- masks\n", "must be a mapping"),
            (
                b"name: a\nversion: b\ngroups: []\nlabels: []\n",
                "2 problems\n  line 3, groups: is empty\n  line 4",
            ),
            (b"name: a\nversion: b\ngroups: [{id: c, name: {zh: d}}]\nlabels: [{id: e}]\n", ": 2 problems\n"),
            ("name: 口罩".encode("gbk"), "not UTF-8 (byte 6)"),
            (b"#" * (4 * 1024 * 1024 + 1), "larger than 4 MiB"),
            (b"a: \x00", "not YAML"),
            (b"? [1, 2]\n: 3", "a key must be text"),
        ],
    )
    def test_file_that_is_no_taxonomy(self, write: Any, content: bytes, expected: str) -> None:
        assert expected in problems(write(content))

    def test_missing_file_and_folder(self, tmp_path: Path) -> None:
        assert "no such file" in problems(tmp_path / "none.yaml")
        assert "cannot be read" in problems(tmp_path)

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.text(max_size=200)
        | st.recursive(
            st.none()
            | st.booleans()
            | st.floats()
            | st.text(max_size=8)
            | st.sampled_from(["masks", "basics"]),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(["id", "labels", "groups", "name", "zh", "group"]), inner, max_size=6
                )
            ),
        ).map(lambda data: yaml.safe_dump(data, allow_unicode=True))
    )
    def test_anything_else_is_a_taxonomy_error(self, write: Any, content: str) -> None:
        path = write(content.encode("utf-8", "surrogatepass"))
        assert str(path) in problems(path)


class TestCrosswalk:
    def test_every_label_has_a_row_for_every_scheme(self) -> None:
        rows = load_crosswalk()
        assert list(dict.fromkeys(row.label for row in rows)) == list(SHIPPED.ids)
        for label in SHIPPED.ids:
            for scheme in SCHEMES:
                found = [row for row in rows if (row.label, row.scheme) == (label, scheme)]
                assert found
                assert len({row.code for row in found}) == len(found)
                assert len(found) == 1 or all(row.relation != "none" for row in found)
        assert all(bool(row.code) == (row.relation != "none") for row in rows)

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("testing,oxcgrt,H2,same,", "line 3: relation: Input should be 'exact'"),
            ("testing,oxford,H2,exact,", "line 3: scheme"),
            ("testing,oxcgrt,H2,exact,Testing policy,1", "line 3: more cells than columns"),
            ("testing,oxcgrt", "line 3: code"),
        ],
    )
    def test_malformed_row_is_told_with_its_line(self, tmp_path: Path, line: str, expected: str) -> None:
        path = tmp_path / "own.csv"
        path.write_text(f"label,scheme,code,relation,name\nschools,oxcgrt,C1,exact,School closing\n{line}\n")
        with pytest.raises(DataError, match=expected):
            load_crosswalk(path)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="cannot be read"):
            load_crosswalk(tmp_path / "none.csv")
