"""The plots of a report, each an SVG element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cuoshi.classifier.taxonomy import Lang
from cuoshi.training.evaluate import Evaluation
from cuoshi.training.metrics import Decisions, Values
from cuoshi.training.mistakes import confusion_matrix
from cuoshi.training.report.svg import (
    ACCENT,
    INK,
    LINE,
    OTHER,
    PAPER,
    figure,
    place,
    room_for,
    svg_text,
)
from cuoshi.training.report.words import WORDS
from cuoshi.training.thresholds import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS = 60
MOST_CONFUSED = 40
_POINTS = 240  # of a precision-recall curve, as drawn
_WIDTH = 7.6
_ROW = 0.24
_COLUMNS = 5


def f1_plot(done: Evaluation, lang: Lang) -> str:
    """F1 of every label as a point with its interval; the keyword baseline as a ring."""
    rows = done.figures["labels"]
    names = [
        f"{name} ({row['support']})" for name, row in zip(_names(done, lang), rows.values(), strict=True)
    ]
    keywords = done.figures.get("baselines", {}).get("keywords", {}).get("labels", {})
    at = np.arange(len(names))
    with figure(_WIDTH, len(names) * _ROW + 0.6) as made:
        axes = made.add_subplot()
        place(made, axes, room_for(names) + 0.1, 0.2, 0.1, 0.4)
        for y, (label, row) in zip(at, rows.items(), strict=True):
            if keywords.get(label) is not None:
                axes.plot(keywords[label], y, "o", mfc="none", mec=OTHER, ms=4.5, clip_on=False)
            if row["f1"] is None:
                continue
            if row["interval"] is not None:
                axes.plot(row["interval"], [y, y], "-", color=ACCENT, lw=2, alpha=0.55, solid_capstyle="butt")
            axes.plot(row["f1"], y, "o", color=ACCENT, ms=5, clip_on=False)
        axes.set_yticks(at, names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.set_xlabel("F1")
        axes.grid(axis="x", lw=0.6)
        axes.spines["left"].set_visible(False)
        return svg_text(made, "f1", WORDS[lang]["f1_plot"])


def precision_recall_plot(done: Evaluation, lang: Lang) -> str | None:
    """A panel a label that has positives, the point of the threshold marked; None where no label has any.

    Of more than :data:`MOST_PANELS` labels those with the most positives are drawn.
    """
    support = done.gold.sum(axis=0)
    shown = sorted(np.argsort(-support, kind="stable")[:MOST_PANELS].tolist())
    shown = [column for column in shown if support[column]]
    if not shown:
        return None
    names, ids = _names(done, lang), done.taxonomy.ids
    rows = -(-len(shown) // _COLUMNS)
    with figure(_WIDTH, rows * 1.5 + 0.2) as made:
        grid = made.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False)
        made.subplots_adjust(
            left=0.05,
            right=0.99,
            top=1 - 0.25 / (rows * 1.5),
            bottom=0.3 / (rows * 1.5),
            wspace=0.16,
            hspace=0.4,
        )
        for number, axes in enumerate(grid.ravel()):
            if number >= len(shown):
                axes.set_visible(False)
                continue
            column = shown[number]
            row = done.figures["labels"][ids[column]]
            _curve(axes, done.scores[:, column], done.gold[:, column])
            if row["precision"] is not None:
                axes.plot(row["recall"], row["precision"], "o", color=OTHER, ms=4.5, clip_on=False)
            axes.set_title(_cut(names[column], 18), loc="left", pad=3)
            axes.text(0.04, 0.06, f"{row['average_precision']:.2f}", color=INK, alpha=0.75)
        return svg_text(made, "pr", WORDS[lang]["pr_plot"])


def reliability_plot(bins: Sequence[dict[str, Any]], lang: Lang) -> str:
    """Scores against the share that is true, over a histogram of the scores."""
    words = WORDS[lang]
    with figure(4.6, 4.6) as made:
        above = made.add_axes((0.14, 0.37, 0.83, 0.61))
        below = made.add_axes((0.14, 0.1, 0.83, 0.2), sharex=above)
        above.plot([0, 1], [0, 1], "--", color=LINE, lw=1)
        above.plot(
            [row["mean_score"] for row in bins],
            [row["share"] for row in bins],
            "o-",
            color=ACCENT,
            ms=4.5,
            clip_on=False,
        )
        above.set(xlim=(0, 1), ylim=(0, 1), ylabel=words["share"])
        above.grid(lw=0.6)
        above.tick_params(labelbottom=False)
        widths = [row["high"] - row["low"] for row in bins]
        below.bar(
            [row["low"] for row in bins], [row["count"] for row in bins], widths, align="edge", color=ACCENT
        )
        for patch in below.patches:
            patch.set(edgecolor=PAPER, linewidth=0.8, alpha=0.75)
        below.set_yscale("log")
        below.set(xlabel=words["score"], ylabel=words["count"], ylim=(0.7, None))
        below.minorticks_off()
        ticks = [10**power for power in range(0, 10, 2) if 10**power <= max(row["count"] for row in bins)]
        below.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
        return svg_text(made, "reliability", words["reliability_plot"])


def confusion_plot(done: Evaluation, lang: Lang) -> str | None:
    """A heat map of what was given where something was missed; None where nothing is wrong.

    Of more than :data:`MOST_CONFUSED` labels those with the most errors are drawn.
    """
    matrix = confusion_matrix(done.predicted, done.gold)
    if not matrix.any():
        return None
    errors = matrix.sum(axis=0)[:-1] + matrix.sum(axis=1)[:-1]
    kept = sorted(np.argsort(-errors, kind="stable")[:MOST_CONFUSED].tolist())
    kept = [column for column in kept if errors[column]]
    names = [_cut(name, 24) for name in _names(done, lang)]
    shown = [*(names[column] for column in kept), WORDS[lang]["nothing"]]
    kept.append(len(errors))
    return _heat_map(matrix[np.ix_(kept, kept)], shown, lang)


def _heat_map(matrix: npt.NDArray[np.int_], names: Sequence[str], lang: Lang) -> str:
    from matplotlib.patches import Rectangle

    words, room, size = WORDS[lang], room_for(list(names)), len(names)
    most = matrix.max()
    side = size * 0.255
    with figure(room + side + 0.5, room + side + 0.5) as made:
        axes = made.add_subplot()
        place(made, axes, room + 0.3, 0.2, room + 0.3, 0.2)
        axes.set(xlim=(0, size), ylim=(size, 0))
        for row, column in np.argwhere(matrix):
            count = int(matrix[row, column])
            shade = 0.12 + 0.75 * float(np.sqrt(count / most))
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=ACCENT, alpha=shade, lw=0))
            color = PAPER if shade > 0.6 else INK
            axes.text(column + 0.5, row + 0.54, str(count), ha="center", va="center", fontsize=7, color=color)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xticks(
            np.arange(size) + 0.66, names, rotation=90, rotation_mode="anchor", ha="left", va="baseline"
        )
        axes.set_yticks(np.arange(size) + 0.5, names)
        for at in range(size + 1):
            axes.axhline(at, color=LINE, lw=0.4)
            axes.axvline(at, color=LINE, lw=0.4)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return svg_text(made, "confusions", words["confusion_plot"])


def _curve(axes: Axes, scores: Scores, gold: Decisions) -> None:
    precision, recall = precision_recall(scores, gold)
    axes.plot(recall, precision, "-", color=ACCENT, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_xticks([0, 0.5, 1], ["0", "", "1"])
    axes.set_yticks([0, 0.5, 1], ["0", "", "1"])
    axes.grid(lw=0.5)


def precision_recall(scores: Scores, gold: Decisions) -> tuple[Values, Values]:
    """Precision and recall from the highest score down, as many points as a small plot can show.

    Kept are the two ends of every vertical piece of the curve. ``gold`` has a positive.
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(gold, scores)
    precision, recall = precision[-2::-1], recall[-2::-1]  # the last point is no threshold's
    moves = np.flatnonzero(np.diff(recall))
    kept = np.unique(np.concatenate([[0], moves, moves + 1, [len(recall) - 1]]))
    if len(kept) > _POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, _POINTS).round().astype(int)]
    return precision[kept], recall[kept]


def _names(done: Evaluation, lang: Lang) -> list[str]:
    return [label.name.get(lang) for label in done.taxonomy.labels]


def _cut(name: str, width: int) -> str:
    """A name of at most so many columns."""
    from rich.cells import cell_len, set_cell_size

    return name if cell_len(name) <= width else set_cell_size(name, width - 1).rstrip() + "…"
