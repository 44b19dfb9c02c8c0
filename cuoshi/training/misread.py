"""Files read by wrong column names or a wrong taxonomy: one line about the whole, not one about every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuoshi.classifier.errors import DataError
from cuoshi.classifier.modelfolder import Labels
from cuoshi.training.cells import LabelSet, label_names

if TYPE_CHECKING:
    from cuoshi.training.data import Columns

SHOWN_COLUMNS = 12
SHOWN_LABELS = 5
SHOWN_CHARACTERS = 30
FEW = 3  # so many unknown labels are told row by row


class Header:
    """The columns that the rows of one file have, in the order in which they come up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: dict[str, None] = {}

    def see(self, row: Mapping[str, Any]) -> None:
        """Note the columns of a row."""
        self.columns |= dict.fromkeys(row)

    def check(self, columns: Columns, labels: LabelSet, coded: bool = True) -> None:
        """See that some row has each column that is needed.

        Args:
            columns: which column is what.
            labels: the labels, which columns are named after where there is one for each.
            coded: whether labels are needed.

        Raises:
            DataError: no row of the file has one of them; names those it has, and the options.
        """
        if not self.columns:
            return
        missing = self._missing(columns, labels, coded)
        if missing:
            has = shortened(self.columns, SHOWN_COLUMNS)
            raise DataError(
                f"{self.path}: no row has {' or '.join(missing)}; its columns are {has}; "
                f"{_advice(columns, missing.values(), self._are_labels(labels))}"
            )

    def _missing(self, columns: Columns, labels: LabelSet, coded: bool) -> dict[str, str]:
        """What no row has, each with the option that would name it."""
        found: dict[str, str] = {}
        if columns.text not in self.columns:
            found[f"a column '{columns.text}' for the texts"] = "--text-column"
        if coded and columns.wide and not self._are_labels(labels):
            found["a column named after a label"] = "--wide"
        elif coded and not columns.wide and columns.labels not in self.columns:
            found[f"a column '{columns.labels}' for the labels"] = "--labels-column"
        if columns.id not in self.columns and columns.id != "id":  # without ids some are made
            found[f"a column '{columns.id}' for the ids"] = "--id-column"
        return found

    def _are_labels(self, labels: LabelSet) -> bool:
        return any(name in self.columns for name in label_names(labels))


def _advice(columns: Columns, options: Iterable[str], are_labels: bool) -> str:
    wanted = list(options)
    if "--wide" in wanted:
        wanted[wanted.index("--wide")] = "--labels-column instead of --wide"
    elif "--labels-column" in wanted and are_labels and not columns.wide:
        wanted[wanted.index("--labels-column")] = "--wide (a column of 0 and 1 for every label)"
    return f"name the right ones with {' and '.join(wanted)}"


def check_known(used: Counter[str], labels: LabelSet, files: Iterable[Path]) -> None:
    """See that most labels of the data are known; a few that are not are told row by row.

    Args:
        used: how often each label stands in the data.
        labels: a taxonomy, or the labels of a model.
        files: the data.

    Raises:
        DataError: most are unknown; names the taxonomy and some of them.
    """
    known = set(labels.ids)
    unknown = Counter({label: count for label, count in used.items() if label not in known})
    if unknown.total() <= max(FEW, used.total() / 2):
        return
    some = shortened((label for label, _ in unknown.most_common()), SHOWN_LABELS)
    if isinstance(labels, Labels):
        what = f"the model's taxonomy {labels.taxonomy} {labels.taxonomy_version}"
        advice = "give a model of the same labels as the data"
    else:
        what = f"taxonomy {labels.name} {labels.version}"
        advice = "name the taxonomy of these data with --taxonomy FILE"
    raise DataError(
        f"{', '.join(map(str, files))}: {unknown.total():,} of {used.total():,} labels are not in {what} ({some}); "
        f"{advice}"
    )


def shortened(names: Iterable[str], most: int) -> str:
    """Some names, none of them long, each in quotes."""
    given = list(names)
    cut = [name if len(name) <= SHOWN_CHARACTERS else name[:SHOWN_CHARACTERS] + "…" for name in given[:most]]
    more = f" and {len(given) - most:,} more" if len(given) > most else ""
    return ", ".join(repr(name) for name in cut) + more
