"""The part of an exported script that trains: `evaluate()` and `main()`, with the options of `train` that are used."""

from __future__ import annotations

from mytorch import nn
from mytorch.data.transforms import Normalize
from mytorch.interop.script_augment import write_augmentation
from mytorch.interop.script_data import DataNames
from mytorch.interop.script_metrics import preparing_lines, write_metrics
from mytorch.interop.script_model import ModelWriter, component_source, loss_lines, scheduler_source
from mytorch.interop.script_own_code import OwnCode
from mytorch.interop.script_source import Script, bracketed, indented, literal
from mytorch.training.building.experiment import Experiment
from mytorch.training.config.config import Config
from mytorch.training.config.sections import Train
from mytorch.training.errors import UserError
from mytorch.training.loop.schedule import warmup_steps
from mytorch.training.loop.scoring import rows_at_once
from mytorch.training.stopping import best_monitor

# The options of `train` that a script knows. Another one is refused: it would not be the same training.
KNOWN = frozenset({
    "epochs", "clip_grad_norm", "clip_grad_value", "accumulate", "warmup_steps", "warmup_epochs", "scheduler_step",
    "scheduler_monitor", "early_stopping", "ema", "swa", "threads",
})  # fmt: skip

# The keys of a config that a script follows, and those that change no number.
FOLLOWED = frozenset({"seed", "imports", "dataset", "model", "loss", "optimizer", "scheduler", "train", "metrics"})
HARMLESS = frozenset({"name", "checkpoint", "expect", "plots", "log"})

SHOW = '''
    def show(name, scores):
        """The scores as a part of a line."""
        return "  ".join(f"{name}_{key} {value:.6g}" for key, value in scores.items())
    '''


MEAN_OF_ROWS = '''
    def mean_of_rows(losses, weights):
        """The mean over the rows of weight times loss."""
        return (losses.reshape(len(losses), -1).mean(1) * weights).mean()
    '''


def refuse_unknown_options(config: Config) -> None:
    """Raise `UserError` for a key of the config that a script does not follow and that is set."""
    unknown: list[tuple[str, Config | Train]] = [
        (key, config) for key in Config.model_fields if key not in FOLLOWED | HARMLESS
    ]
    unknown += [(key, config.train) for key in Train.model_fields if key not in KNOWN]
    for key, section in unknown:
        if getattr(section, key) != type(section).model_fields[key].default:
            name = key if section is config else f"train.{key}"
            raise UserError(f"{name}: a script for PyTorch cannot do this yet; without it, it would train otherwise")


class LoopWriter:
    """Writes `evaluate()` and `main()` of one experiment."""

    def __init__(self, script: Script, own: OwnCode, experiment: Experiment, data: DataNames) -> None:
        self.script, self.own, self.experiment, self.data = script, own, experiment, data
        self.config, self.train = experiment.config, experiment.config.train
        self.monitor = best_monitor(experiment)
        self.is_lbfgs = self.config.optimizer.type == "LBFGS"
        self.batch = "inputs, targets" + (", weights" if data.weighted else "")
        self.targets = "targets" + (", weights" if data.weighted else "")
        transforms = experiment.augmentation.transforms
        self.batches = "augmented(batches)" if transforms else "batches"
        self.normalizes = any(isinstance(transform, Normalize) for transform in transforms)
        self.averages = self.train.ema is not None or self.train.swa is not None

    def write(self) -> list[str]:
        """Write both functions, and the constants that they need; returns the names of metrics that are left out."""
        refuse_unknown_options(self.config)
        script = self.script
        script.imports |= {"import torch", "from torch import nn", "from torch.utils.data import DataLoader"}
        self.metrics, left_out = write_metrics(script, self.experiment)
        self._refuse_unknown_monitors()
        self._constants()
        write_augmentation(script, self.experiment)
        self._evaluate()
        body = [*self._setting_up(), "", *self._epochs(), "", *self._end()]
        script.define(f"def main():\n{indented(body)}")
        return left_out

    def _refuse_unknown_monitors(self) -> None:
        for key, column in (
            ("train.early_stopping.monitor", self.train.early_stopping and self.train.early_stopping.monitor),
            ("train.scheduler_monitor", self.train.scheduler_monitor),
        ):
            name = (column or "").removeprefix("validation_")
            if column and column != "train_loss" and name not in ("loss", *self.metrics):
                raise UserError(
                    f"{key}: a script for PyTorch does not compute {name!r}; watch the loss or another metric"
                )

    # --- constants --------------------------------------------------------------------------------------------------

    def _constants(self) -> None:
        train, script = self.train, self.script
        size = self.config.dataset.batch_size
        script.constant("EPOCHS", str(train.epochs))
        if size != "full":
            script.constant("BATCH_SIZE", str(size))
        if train.accumulate > 1:
            script.constant("ACCUMULATE", str(train.accumulate), "batches whose gradients make one step")
        warmup = warmup_steps(self.experiment)
        if warmup:
            script.constant("WARMUP", str(warmup), "steps in which the learning rate rises")
        if train.early_stopping is not None:
            script.constant("PATIENCE", str(train.early_stopping.patience), "epochs without improvement until the end")
            if train.early_stopping.min_delta:
                script.constant("MIN_DELTA", literal(train.early_stopping.min_delta), "less is no improvement")
        if train.swa is not None:
            script.constant(
                "SWA_START", str(train.swa.start_epoch), "the epoch with which averaging the weights begins"
            )
            if train.swa.lr is not None:
                script.constant("SWA_LR", literal(train.swa.lr))

    # --- evaluate ---------------------------------------------------------------------------------------------------

    def _evaluate(self) -> None:
        undo = self.data.undo if self.metrics else None
        self.evaluate_more = "".join(f", {name}" for name in undo or ())
        what = "The loss and the metrics" if self.metrics else "The loss"
        units = "; these in the target's own units" if undo else ""
        data = self.experiment.data
        rows = rows_at_once(data.train.inputs.shape[1:])
        is_small = max(map(len, data.splits.values())) <= rows
        loss = f"loss_function(outputs, {self.targets})"
        scores = [f'"loss": {loss}', *(f"{literal(name)}: {text}" for name, text in self.metrics.items())]
        lines = [
            f"{self.batch} = part.tensors",
            *(["inputs = normalize(inputs)"] if self.normalizes else []),
            "model.eval()",
            "outputs = "
            + ("model(inputs)" if is_small else f"torch.cat([model(rows) for rows in inputs.split({rows})])"),
            "model.train()",
            *preparing_lines(self.experiment, self.metrics, undo),
            f"scores = {bracketed('{', scores, '}', before=13, indent=4)}",
            "return {name: float(value) for name, value in scores.items()}",
        ]
        if not self.metrics:
            lines[-2:] = [f'return {{"loss": float({loss})}}']
        self.script.define(
            f"@torch.no_grad()\ndef evaluate(model, loss_function, part{self.evaluate_more}):\n"
            f'    """{what} of a part of the data{units}."""\n{indented(lines)}'
        )
        self.script.define(SHOW)

    # --- main -------------------------------------------------------------------------------------------------------

    def _setting_up(self) -> list[str]:
        """Data, model, loss, optimizer and schedule."""
        size = self.config.dataset.batch_size
        batch_size = "len(train)" if size == "full" else "BATCH_SIZE"
        shuffle = ", shuffle=True" if self.config.dataset.shuffle else ""
        lines = [
            *([] if self.train.threads is None else [f"torch.set_num_threads({self.train.threads})"]),
            f"{', '.join(self.data.returned)} = load_data()",
            f"batches = DataLoader(train, batch_size={batch_size}{shuffle})",
            "",
            "torch.manual_seed(SEED)  # decides the first weights, then the shuffling and the dropout",
            f"model = {ModelWriter(self.own, self.script, self.experiment).source()}",
            *self._loss(),
            f"optimizer = {self._optimizer()}",
        ]
        if self.config.scheduler is not None:
            if self.config.train.scheduler_step == "batch":
                steps = "len(batches)" if self.train.accumulate == 1 else "math.ceil(len(batches) / ACCUMULATE)"
                if self.train.accumulate > 1:
                    self.script.imports.add("import math")
                scheduler = scheduler_source(self.own, self.experiment, steps=steps)
            else:
                scheduler = scheduler_source(self.own, self.experiment, steps="1")
            lines.append(f"scheduler = {scheduler}")
        if self.train.ema is not None:
            self.script.imports.add("from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn")
            decay = literal(self.train.ema.decay)
            lines.append(f"averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn({decay}))")
        if self.train.swa is not None:
            names = "AveragedModel, update_bn" if self._has_batch_norm() else "AveragedModel"
            self.script.imports.add(f"from torch.optim.swa_utils import {names}")
            lines.append("averaged = AveragedModel(model)")
        return lines

    def _loss(self) -> list[str]:
        if self.data.weighted:
            self.script.define(MEAN_OF_ROWS)
        return loss_lines(self.own, self.experiment)

    def _optimizer(self) -> str:
        return component_source(self.own, self.config.optimizer, first=["model.parameters()"], before=16, indent=4)

    def _has_batch_norm(self) -> bool:
        return any(isinstance(module, _BatchNorm) for module in self.experiment.model.modules())

    def _epochs(self) -> list[str]:
        """The loop over the epochs."""
        lines = self._before_epochs()
        lines.append("for epoch in range(1, EPOCHS + 1):")
        inside = ["total = 0.0"]
        inside += self._steps()
        scored = "model"
        if self.train.swa is not None:
            inside += ["if epoch >= SWA_START:", "    averaged.update_parameters(model)"]
            if self._has_batch_norm():
                rows = "train.tensors[0][order]" if self.config.dataset.shuffle else "train.tensors[0]"
                rows = f"normalize({rows})" if self.normalizes else rows
                inside += [
                    "    with torch.random.fork_rng():  # its draws shall not change the training",
                    f"        update_bn({rows}.split(batches.batch_size), averaged.module)",
                ]
            inside.append("scored = averaged.module if epoch >= SWA_START else model")
            scored = "scored"
        elif self.train.ema is not None:
            scored = "averaged.module"
        self.scored = scored
        inside.append("train_loss = total / len(train)")
        line = "epoch {epoch}/{EPOCHS}  learning_rate {rate:.6g}  train_loss {train_loss:.6g}"
        if "validation" in self.data.parts:
            inside.append(f"scores = evaluate({scored}, loss_function, validation{self.evaluate_more})")
            inside += [f'line = f"{line}"', 'print(f"{line}  " + show("validation", scores))']
        else:
            inside.append(f'print(f"{line}")')
        inside += self._best()
        inside += self._scheduler_after_epoch()
        inside += self._stop_early()
        return [*lines, indented(inside)]

    def _before_epochs(self) -> list[str]:
        lines = []
        if self.train.swa is not None and self._has_batch_norm() and self.config.dataset.shuffle:
            lines += [
                "order = np.arange(len(train))  # of the rows that batch norm is told of for the averaged weights",
                "np.random.default_rng(SEED).shuffle(order)",
            ]
        if self._rates()[1]:
            lines.append("step = 0")
        if self.monitor is not None:
            self.script.imports.add("import copy")
            self.script.imports.add("import math")
            worst = "math.inf" if self.monitor.direction == "min" else "-math.inf"
            lines.append(f"best, best_epoch, best_weights = {worst}, 0, None")
            if self._has_min_delta:
                lines.append(f"improved, improved_epoch = {worst}, 0  # by more than MIN_DELTA")
        return lines

    @property
    def _has_min_delta(self) -> bool:
        return self.train.early_stopping is not None and self.train.early_stopping.min_delta > 0

    def _watched(self, column: str) -> str:
        """Source text for the figure of this epoch that metrics.csv has in a column."""
        if column == "train_loss":
            return "train_loss"
        return f"scores[{literal(column.removeprefix('validation_'))}]"

    def _best(self) -> list[str]:
        if self.monitor is None:
            return []
        sign = "<" if self.monitor.direction == "min" else ">"
        value = self._watched(self.monitor.column)
        return [
            f"if best_weights is None or {value} {sign} best:",
            f"    best, best_epoch = {value}, epoch",
            f"    best_weights = copy.deepcopy({self.scored}.state_dict())",
        ]

    def _scheduler_after_epoch(self) -> list[str]:
        if self.config.scheduler is None or self.train.scheduler_step == "batch":
            return []
        if self.train.scheduler_monitor is None:
            return ["scheduler.step()"]
        return [f"scheduler.step({self._watched(self.train.scheduler_monitor)})"]

    def _stop_early(self) -> list[str]:
        if self.train.early_stopping is None or self.monitor is None:
            return []
        lines, since = [], "best_epoch"
        if self._has_min_delta:
            value, since = self._watched(self.monitor.column), "improved_epoch"
            border = "improved - MIN_DELTA" if self.monitor.direction == "min" else "improved + MIN_DELTA"
            sign = "<" if self.monitor.direction == "min" else ">"
            lines = [f"if {value} {sign} {border}:", f"    improved, improved_epoch = {value}, epoch"]
        return [*lines, f"if epoch - {since} >= PATIENCE:", '    print("stopped early")', "    break"]

    def _steps(self) -> list[str]:
        """The loop over the batches of an epoch; before it, the line that takes the learning rate for the report."""
        before, setting, after = self._rates()
        if self.train.ema is not None:
            after.append("averaged.update_parameters(model)")
        if self.config.scheduler is not None and self.train.scheduler_step == "batch":
            after.append("scheduler.step()")
        if self.train.accumulate > 1:
            return [before, *self._accumulated(setting, after)]
        if self.is_lbfgs:
            step = [*setting, *self._closure(), *after]
        else:
            step = [
                *setting,
                "optimizer.zero_grad()",
                f"loss = loss_function(model(inputs), {self.targets})",
                "loss.backward()",
                *self._clip(),
                "optimizer.step()",
                *after,
                "total += loss.item() * len(inputs)",
            ]
        return [before, f"for {self.batch} in {self.batches}:", indented(step)]

    def _rates(self) -> tuple[str, list[str], list[str]]:
        """The line that takes the rate of an epoch's first step; those before and behind a step that set its rate.

        The scheduler's rate is put back behind the step: it goes on from there.
        """
        rate = 'optimizer.param_groups[0]["lr"]'
        warms_up = bool(self.train.warmup_steps or self.train.warmup_epochs)
        has_swa_rate = self.train.swa is not None and self.train.swa.lr is not None
        if not warms_up and not has_swa_rate:
            return f"rate = {rate}", [], []
        lines, told = [], []
        if has_swa_rate:
            told.append("SWA_LR while the weights are averaged")
            lines += ["if epoch >= SWA_START:", "    rate = SWA_LR"]
        if warms_up:
            told.append("rising in a straight line during the warm-up")
            lines.append("rate *= min(1, step / (WARMUP + 1))")
        what = "; ".join(told)
        self.script.define(
            f'def rate_of(step, epoch, rate):\n    """The rate of a step by that of the schedule: {what}."""\n'
            + indented([*lines, "return rate"])
        )
        setting = ["step += 1", f"scheduled = {rate}", f"{rate} = rate_of(step, epoch, scheduled)"]
        return f"rate = rate_of(step + 1, epoch, {rate})", setting, [f"{rate} = scheduled"]

    def _clip(self) -> list[str]:
        lines = []
        if self.train.clip_grad_value is not None:
            lines.append(f"nn.utils.clip_grad_value_(model.parameters(), {literal(self.train.clip_grad_value)})")
        if self.train.clip_grad_norm is not None:
            lines.append(f"nn.utils.clip_grad_norm_(model.parameters(), {literal(self.train.clip_grad_norm)})")
        return lines

    def _closure(self) -> list[str]:
        """A step of LBFGS, which computes loss and gradients several times; it returns the first loss."""
        return [
            "",
            f"def compute_loss({', '.join(f'{name}={name}' for name in self.batch.split(', '))}):",
            *(f"    {line}" for line in [
                "optimizer.zero_grad()",
                f"loss = loss_function(model(inputs), {self.targets})",
                "loss.backward()",
                *self._clip(),
                "return loss",
            ]),
            "",
            "total += optimizer.step(compute_loss).item() * len(inputs)",
        ]  # fmt: skip

    def _accumulated(self, setting: list[str], after: list[str]) -> list[str]:
        """Steps with the gradients of several batches; the last step of an epoch may have fewer."""
        self.script.imports.add("import itertools")
        step = [
            *setting,
            "optimizer.zero_grad()",
            "rows = sum(len(inputs) for inputs, *_ in group)",
            f"for {self.batch} in group:",
            f"    loss = loss_function(model(inputs), {self.targets})",
            "    (loss * (len(inputs) / rows)).backward()",
            "    total += loss.item() * len(inputs)",
            *self._clip(),
            "optimizer.step()",
            *after,
        ]
        return [
            f"remaining = iter({self.batches})",
            "while group := list(itertools.islice(remaining, ACCUMULATE)):",
            indented(step),
        ]

    def _end(self) -> list[str]:
        """Final scores, those of the best epoch, and saving."""
        parts = "".join(f'("{name}", {name}), ' for name in self.data.parts).rstrip(", ")
        if len(self.data.parts) == 1:
            parts += ","
        loop = f"for name, part in ({parts}):"

        def scores_of(model: str, word: str) -> list[str]:
            call = f"evaluate({model}, loss_function, part{self.evaluate_more})"
            return [loop, f'    print("{word}  " + show(name, {call}))']

        lines = []
        final = "averaged.module" if self.averages else "model"
        if self.train.swa is not None and self.train.early_stopping is not None:
            final = "scored"
        lines += scores_of(final, "final")
        if self.monitor is not None:
            lines += ["", "model.load_state_dict(best_weights)", 'print(f"best epoch {best_epoch}")']
            lines += scores_of("model", "best")
        elif final != "model":
            lines += [f"model.load_state_dict({final}.state_dict())"]
        self.script.imports.add("from pathlib import Path")
        lines += ["", 'torch.save(model.state_dict(), Path(__file__).resolve().with_suffix(".pt"))']
        return lines


_BatchNorm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
