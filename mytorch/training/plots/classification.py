"""How well scores tell classes apart, and whether the probabilities are right: ROC, precision-recall, calibration.

Scores are logits or log probabilities of shape (n, classes), as the metrics take them; for probabilities from a file
give their logarithms.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training.metrics import confidence, precision_recall_curve, ranked_by, reliability, roc_curve
from mytorch.training.plots.style import (
    ABOVE,
    BLUE,
    GREY,
    PALETTE,
    Floats,
    add_axes,
    picture,
    set_value_ticks,
    shorten,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED_CURVES = len(PALETTE)  # more classes than this: the worst ones get a colour, the others are grey
WORST = 4
FADED = "#BDBDBD"
QUARTERS = (0, 0.25, 0.5, 0.75, 1)
OVER_CURVES = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}  # behind text, for it to be read
STEPS_ALONG = 1000  # points of a curve as long as a side of its axes; more cannot be seen


def plot_roc(
    scores: ArrayLike, target: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str], title: str
) -> None:
    """Draw the ROC curve, and the precision-recall curve beside it.

    With two classes they are those of the second; with more each class has its curve against all others, and of many
    the worst are named. A class without rows, or one that all rows are of, has no curve. Raises ``ValueError`` for
    arrays that do not fit each other.
    """
    values, true, left_out = _checked(scores, target, len(class_names))
    names = [shorten(str(name), 20) for name in class_names]
    classes = [1] if len(names) == 2 else list(range(len(names)))
    order = ranked_by(values) if len(values) else values
    curves = {k: Curves(order[:, k], true == k) for k in classes if 0 < (true == k).sum() < len(true)}
    chosen, rest = _named(curves)

    labels = [f"{names[k]}  {curves[k].area:.3f}  {curves[k].precision:.3f}" for k in chosen]
    if rest:
        labels.append(f"{len(rest)} other classes")
    heading = f"{'the worst classes:' if rest else 'class:'} AUC, average precision"
    is_many = len(names) > 2 and bool(curves)

    with picture(path) as figure:
        beside = math.ceil(max(text_width(label, 9) for label in [heading, *labels])) + 44 if is_many else 0
        whole = (780 + beside, 430)
        axes = [add_axes(figure, whole, (left, 62, 300, 300)) for left in (68, 450)]
        for one, x, y in zip(axes, ("false positive rate", "recall"), ("true positive rate", "precision"), strict=True):
            one.set(xlim=(0, 1), ylim=(0, 1.005), xlabel=x, ylabel=y)
            one.set_xticks(QUARTERS, [f"{tick:g}" for tick in QUARTERS])
            one.set_yticks(QUARTERS, [f"{tick:g}" for tick in QUARTERS])
        axes[0].set_title(shorten(title, 60), pad=28)
        axes[0].axline((0, 0), slope=1, color=GREY, linewidth=0.8, linestyle="--")
        for k in rest:
            curves[k].draw(axes, color=FADED, linewidth=0.6)
        keys = [curves[k].draw(axes, color=colour, linewidth=1.6) for k, colour in zip(chosen, PALETTE, strict=False)]
        if rest:
            keys.append(axes[0].plot([], [], color=FADED, linewidth=0.6)[0])
        if is_many:
            _tell_means(axes, list(curves.values()))
            axes[1].legend(keys, labels, title=heading, alignment="left", loc="upper left", bbox_to_anchor=(1.05, 1.01))
        elif curves:
            _tell_areas(axes, curves[1], names[1])
        else:
            said = "no rows" if not len(values) else "no curve: all rows are of one class"
            axes[0].text(0, ABOVE, said, va="bottom", transform=axes[0].transAxes)
        if left_out:
            said = f"{left_out:,} rows without a number are left out"
            figure.text(1 - 20 / whole[0], 12 / whole[1], said, color=GREY, fontsize=8, ha="right")


def _tell_areas(axes: Sequence[Axes], curve: Curves, name: str) -> None:
    said = (f"AUC {curve.area:.4f}", f"average precision {curve.precision:.4f}")
    for one, text in zip(axes, said, strict=True):
        one.text(0, ABOVE, f"{name}: {text}", va="bottom", transform=one.transAxes)
    axes[1].axhline(curve.share, color=GREY, linewidth=0.8, linestyle="--")
    offset, side = (3, "bottom") if curve.share < 0.9 else (-4, "top")
    axes[1].annotate(
        f"share of the rows {curve.share:.2g}", (0, curve.share), (4, offset),
        textcoords="offset points", color=GREY, fontsize=8, va=side, bbox=OVER_CURVES,
    )  # fmt: skip


def _tell_means(axes: Sequence[Axes], curves: Sequence[Curves]) -> None:
    area, precision = np.mean([(curve.area, curve.precision) for curve in curves], axis=0)
    said = (f"each class against the others: mean AUC {area:.4f}", f"mean average precision {precision:.4f}")
    for one, text in zip(axes, said, strict=True):
        one.text(0, ABOVE, text, va="bottom", transform=one.transAxes)


class Curves:
    """The two curves of one class and their areas."""

    def __init__(self, score: Floats, positive: NDArray[np.bool_]) -> None:
        false_rate, true_rate, _ = roc_curve(score, positive)
        precision, recall, _ = precision_recall_curve(score, positive)
        self.share = float(positive.mean())
        self.area = float(np.trapezoid(true_rate, false_rate))
        self.precision = float((np.diff(recall) * precision[1:]).sum())
        self.roc = _thinned(false_rate, true_rate)
        precision[0] = precision[1]  # the point before the first row is nobody's precision
        self.pr = _thinned(recall, precision)

    def draw(self, axes: Sequence[Axes], **style: Any) -> Any:
        """Both, and the line of the first for a legend."""
        axes[1].plot(*self.pr, drawstyle="steps-pre", clip_on=False, **style)
        return axes[0].plot(*self.roc, clip_on=False, **style)[0]


def _named(curves: dict[int, Curves]) -> tuple[list[int], list[int]]:
    """The classes whose curves get a colour and a name, and the others."""
    if len(curves) <= NAMED_CURVES:
        return list(curves), []
    worst = sorted(curves, key=lambda k: curves[k].area)[:WORST]
    return worst, [k for k in curves if k not in worst]


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The same curve without the points that nobody could see."""
    along = np.floor(np.cumsum(np.abs(np.diff(x, prepend=x[0])) + np.abs(np.diff(y, prepend=y[0]))) * STEPS_ALONG)
    keep = np.append(True, along[1:] != along[:-1])
    keep[-1] = True
    return x[keep], y[keep]


def plot_calibration(
    scores: ArrayLike,
    target: ArrayLike,
    class_names: Sequence[str],
    path: str | os.PathLike[str],
    title: str,
    bins: int = 15,
) -> None:
    """Draw how often what has a probability comes true, by bins of the probability, and how many rows each bin has.

    With two classes the probability is that of the second, with more that of the predicted class. The thin lines are
    where the true share lies with 95 % (Wilson's interval). Raises ``ValueError`` for arrays that do not fit.
    """
    values, true, left_out = _checked(scores, target, len(class_names))
    probability, came_true = confidence(values, true) if len(values) else (np.zeros(0), np.zeros(0))
    rows, sum_of_probability, trues = reliability(probability, came_true, bins)
    there = rows > 0
    rows_there = rows[there]
    predicted, share = sum_of_probability[there] / rows_there, trues[there] / rows_there
    error = float(np.abs(trues - sum_of_probability).sum() / max(rows.sum(), 1))
    what = shorten(str(class_names[1]), 20) if len(class_names) == 2 else "the predicted class"

    with picture(path) as figure:
        whole = (470, 590)
        upper = add_axes(figure, whole, (72, 178, 360, 340))
        upper.set_title(shorten(title, 40), pad=28)
        said = f"calibration error {error:.4f}, {len(values):,} rows" if len(values) else "no rows"
        said += f"; {left_out:,} left out" if left_out else ""
        upper.text(0, ABOVE, said, va="bottom", transform=upper.transAxes)
        upper.axline((0, 0), slope=1, color=GREY, linewidth=0.8, linestyle="--")
        low, high = _wilson(share, rows_there)
        if there.any():
            upper.vlines(predicted, low, high, color=BLUE, linewidth=1.0, alpha=0.6)
            upper.plot(predicted, share, "o-", color=BLUE, markersize=4.5, linewidth=1.2, clip_on=False)
        upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that came true")
        upper.text(
            0.97, 0.05, "below the line: probabilities too high", color=GREY, fontsize=8, ha="right", bbox=OVER_CURVES,
        )  # fmt: skip

        lower = add_axes(figure, whole, (72, 58, 360, 90))
        edges = np.linspace(0, 1, bins + 1)
        lower.bar(edges[:-1], rows, 1 / bins, align="edge", color=BLUE, edgecolor="white", linewidth=0.6)
        lower.set(xlim=(0, 1), ylim=(0, 1.08 * max(rows.max(), 1)), ylabel="rows", xlabel=f"probability of {what}")
        set_value_ticks(lower.yaxis, rows, about=3, whole=True)
        for axes in (upper, lower):
            axes.set_xticks(QUARTERS, [f"{tick:g}" for tick in QUARTERS] if axes is lower else [])
        upper.set_yticks(QUARTERS, [f"{tick:g}" for tick in QUARTERS])
        figure.align_ylabels([upper, lower])


def _wilson(share: Floats, rows: Floats, z: float = 1.96) -> tuple[Floats, Floats]:
    """The interval of Wilson (1927) for a share of so many rows."""
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    return middle - half, middle + half


def _checked(scores: ArrayLike, target: ArrayLike, classes: int) -> tuple[Floats, NDArray[np.int64], int]:
    """Scores and class numbers of the rows that have a number for each class, and how many have not."""
    values, true = np.asarray(scores, dtype=np.float64), np.asarray(target)
    if classes < 2 or values.ndim != 2 or values.shape[1] != classes or true.shape != values.shape[:1]:
        raise ValueError(
            f"expected scores of shape (n, {classes}) for {classes} classes, at least 2, and class numbers of shape "
            f"(n,), got {values.shape} and {true.shape}"
        )
    usable = ~np.isnan(values).any(axis=1)
    return values[usable], true[usable].astype(np.int64), int((~usable).sum())
