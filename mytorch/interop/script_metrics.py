"""The metrics of an exported script, each as an expression or a short function of PyTorch.

Nearly all of the metrics that configs can name. Those that would take a page of code, and the user's own, are left
out; they change nothing in the training.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from mytorch.interop.script_source import Script, literal
from mytorch.training.building.experiment import Experiment
from mytorch.training.metrics import METRICS, Metric

Mean = Callable[[str], str]  # the mean over the rows of an expression

# Of `error`, what was predicted less what is true, and of `true`.
REGRESSION: dict[str, Callable[[Mean], str]] = {
    "mae": lambda mean: mean("error.abs()"),
    "mse": lambda mean: mean("error**2"),
    "rmse": lambda mean: f"{mean('error**2')}.sqrt()",
    "mape": lambda mean: mean("error.abs() / true.abs().clamp(min=2.220446049250313e-16)"),
    "r2": lambda mean: f"1 - {mean('error**2')} / {mean('(true - ' + mean('true') + ') ** 2')}",
}

# Those that are computed for each of several outputs by itself, which the expressions above do not.
BY_OUTPUT = frozenset({"rmse", "r2", "error_quantile"})

# Of `predicted`, the number of the class with the highest score; `labels`, that of the true class; `scores`, by class.
CLASSIFICATION: dict[str, Callable[[Mean], str]] = {
    "accuracy": lambda mean: mean("(predicted == labels).double()"),
    "error_rate": lambda mean: mean("(predicted != labels).double()"),
    "log_loss": lambda mean: mean('nn.functional.cross_entropy(scores, labels, reduction="none")'),
}

WEIGHTED_MEAN = '''
    def weighted_mean(values, weights):
        """The mean of the values, each counted as often as its weight says."""
        return (values * weights).sum() / weights.sum()
    '''

# What each ratio is: numerator and denominator, by class.
RATIOS = {"precision": "right / guessed", "recall": "right / actual", "f1": "2 * right / (guessed + actual)"}
AVERAGES = {
    "macro": "ratio[guessed + actual > 0].mean()",
    "weighted": "(ratio * actual).sum() / actual.sum()",
    "binary": "ratio[1]",
}

AUC = '''
    def auc(score, positive):
        """The area under the ROC curve: how likely a positive row has the higher score; a tie counts half."""
        _, value, count = score.unique(return_inverse=True, return_counts=True)
        rank = (count.cumsum(0) - (count - 1) / 2)[value]
        ones, zeros = positive.sum(), (~positive).sum()
        return (rank[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros)
    '''


def write_metrics(script: Script, experiment: Experiment) -> tuple[dict[str, str], list[str]]:
    """An expression for each metric of the config that there is one for, by name; and the names of the others."""
    weighted = experiment.data.train.weights is not None
    if weighted and experiment.metrics:
        script.define(WEIGHTED_MEAN)
    expressions, others = {}, []
    for metric in experiment.metrics:
        expression = None
        if not (metric.type in BY_OUTPUT and has_several_outputs(experiment)):
            expression = _expression(script, metric, weighted, len(experiment.data.class_names or "ab"))
        if expression is None:
            others.append(metric.name)
        else:
            expressions[metric.name] = expression
    return expressions, others


def has_several_outputs(experiment: Experiment) -> bool:
    """Whether a row has several numbers as its target."""
    return experiment.kind == "regression" and experiment.data.train.targets.shape[1] > 1


def _mean_of(weighted: bool) -> Mean:
    if weighted:
        return lambda values: f"weighted_mean({values}, weights)"
    return lambda values: f"{_in_parentheses(values)}.mean()"


def _in_parentheses(text: str) -> str:
    """The expression so that `.mean()` behind it means all of it."""
    is_operation = isinstance(ast.parse(text, mode="eval").body, (ast.BinOp, ast.Compare))
    return f"({text})" if is_operation else text


def _expression(script: Script, metric: Metric, weighted: bool, classes: int) -> str | None:
    """Source text for a metric; None if there is none."""
    if METRICS.get(metric.type) is not type(metric):  # the user's own
        return None
    mean = _mean_of(weighted)
    simple = (REGRESSION | CLASSIFICATION).get(metric.type)
    if simple is not None:
        return simple(mean)
    options = vars(metric)
    if metric.type == "top_k":
        return mean(f"(scores.topk({options['k']}).indices == labels[:, None]).any(1).double()")
    if metric.type in RATIOS and options["average"] == "micro":
        return mean("(predicted == labels).double()")  # of all classes together all three are the accuracy
    if metric.type in RATIOS:
        _define_ratio(script, metric.type, options["average"], weighted)
        more = ", weights" if weighted else ""
        return f"{metric.name}(predicted, labels, {classes}{more})"
    if weighted:
        return None
    if metric.type == "max_error":
        return "error.abs().max()"
    if metric.type == "error_quantile":
        return f"error.abs().quantile({literal(float(options['q']))})"
    if metric.type == "auc" and classes == 2:
        script.define(AUC)
        return "auc(scores[:, 1] - scores[:, 0], labels == 1)"
    return None


def _define_ratio(script: Script, kind: str, average: str, weighted: bool) -> None:
    """Write the function of precision, recall or F1 with this average."""
    name = METRICS[kind](average=average).name  # type: ignore[call-arg]
    what = {"macro": "the mean over the classes that occur", "weighted": "the mean, by the sizes of the classes"}
    right = f"torch.bincount(labels[hit]{', weights[hit]' if weighted else ''}, minlength=classes)"
    more = ", weights" if weighted else ""
    lines = [
        f"def {name}(predicted, labels, classes{more}):",
        f'    """{kind.capitalize()}: {what.get(average, "of class 1")}; 0 / 0 counts as 0."""',
        "    hit = predicted == labels",
        f"    right = {right}",
        f"    guessed = torch.bincount(predicted{more}, minlength=classes)",
        f"    actual = torch.bincount(labels{more}, minlength=classes)",
        f"    ratio = ({RATIOS[kind]}).nan_to_num()",
        f"    return {AVERAGES[average]}",
    ]
    script.define("\n".join(lines))


def preparing_lines(experiment: Experiment, expressions: dict[str, str], undo: tuple[str, str] | None) -> list[str]:
    """The lines that make of `outputs` and `targets` what the expressions use."""
    used = " ".join(expressions.values())
    lines = []
    if experiment.kind == "regression":
        if not used:
            return []
        if has_several_outputs(experiment):
            units = f" * torch.tensor({undo[1]}) + torch.tensor({undo[0]})" if undo else ""
            lines.append(f"predicted, true = outputs.double(){units}, targets.double(){units}")
        else:
            units = f" * {undo[1]} + {undo[0]}" if undo else ""
            lines.append(f"predicted = outputs.flatten().double(){units}")
            lines.append(f"true = targets.flatten().double(){units}")
        lines.append("error = predicted - true")
        return lines
    if "labels" in used:
        lines.append("labels = targets" if experiment.kind == "classification" else "labels = targets.flatten().long()")
    if experiment.kind == "classification":
        if "scores" in used:
            lines.append("scores = outputs.double()")
        if "predicted" in used:
            lines.append("predicted = outputs.argmax(1)")
    else:
        border = 0.5 if experiment.config.takes_probability else 0
        if "scores" in used:
            lines.append("logits = outputs.flatten().double()" + (".logit()" if border else ""))
            lines.append("scores = torch.stack([torch.zeros_like(logits), logits], 1)")
        if "predicted" in used:
            lines.append(f"predicted = (outputs.flatten() > {border}).long()")
    return lines
