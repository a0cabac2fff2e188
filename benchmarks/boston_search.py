"""The search for the hyper-parameters of configs/boston.yaml; its record is docs/boston-hyperparameters.md.

Settings are compared by repeated 10-fold cross-validation on the 379 training rows (all but rows 0, 4, 8, ...
of datasets/boston.csv). All folds and repeats of a setting train at once, as one batch of independent
networks (`torch.baddbmm`), so that a setting takes seconds. The test rows are used by `--test` alone, which
trains the chosen setting once a seed as an ordinary PyTorch program. Needs the bench extra (torch):

    python benchmarks/boston_search.py wide        # one of: wide, narrow, neighbours, larger, finalists
    python benchmarks/boston_search.py --test      # the chosen setting on the test rows, seeds 0 to 19
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

CSV = Path(__file__).resolve().parent.parent / "datasets" / "boston.csv"
FOLDS = 10
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """What a config may choose. `loss` is MSELoss, L1Loss or, as a number, the beta of SmoothL1Loss.

    `dropout` stands after every hidden layer, `input_dropout` before the first. With `validation` that
    fraction of the rows is taken from training and the weights of its lowest loss count, else the last ones.
    """

    widths: tuple[int, ...] = (192, 96)
    activation: str = "ReLU"
    dropout: float = 0.15
    input_dropout: float = 0.0
    loss: str | float = 0.1
    optimizer: str = "AdamW"
    lr: float = 0.01
    weight_decay: float = 0.03
    scheduler: str | None = "OneCycleLR"
    batch_size: int = 64
    epochs: int = 150
    clip_grad_norm: float | None = None
    validation: float = 0.0
    normalize: str = "standard"

    def steps(self, rows: int = 379) -> int:
        """Return the optimizer steps of a whole training."""
        return math.ceil((rows - round(self.validation * rows)) / self.batch_size) * self.epochs

    def gflop(self, rows: int = 379) -> float:
        """Return the matrix work of a whole training in GFLOP: 6 a weight and row, forward and backward."""
        widths = (13, *self.widths, 1)
        weights = sum(a * b for a, b in itertools.pairwise(widths))
        return 6e-9 * weights * (rows - round(self.validation * rows)) * self.epochs


CHOSEN = Setting()


def read_rows() -> tuple[Floats, Floats]:
    """Return the training rows and the test rows; the last column is the target."""
    rows = np.loadtxt(CSV, delimiter=",", skiprows=1)
    is_test = np.arange(len(rows)) % 4 == 0
    return rows[~is_test], rows[is_test]


def folds(rows: int, repeats: int, seed: int) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.int64]]]:
    """Return the training rows (members, n) and the held-out rows of every fold of every repeat.

    The training sets are cut to the length of the shortest, so that they fit into one array.
    """
    rng = np.random.default_rng(seed)
    held_out = [part for _ in range(repeats) for part in np.array_split(rng.permutation(rows), FOLDS)]
    training = [np.setdiff1d(np.arange(rows), part) for part in held_out]
    shortest = min(map(len, training))
    return np.stack([rng.permutation(part)[:shortest] for part in training]), held_out


class Ensemble:
    """Independent networks of one setting, each with its own weights: tensors have the member first."""

    def __init__(self, setting: Setting, members: int, generator: torch.Generator) -> None:
        self.setting, self.generator = setting, generator
        self.activation = getattr(functional, setting.activation.lower())
        widths = (13, *setting.widths, 1)
        self.layers = []
        for inputs, outputs in itertools.pairwise(widths):
            bound = 1 / math.sqrt(inputs)  # nn.Linear's initialisation, for weight and bias alike
            weight = torch.rand(members, inputs, outputs, generator=generator).mul_(2 * bound).sub_(bound)
            bias = torch.rand(members, 1, outputs, generator=generator).mul_(2 * bound).sub_(bound)
            self.layers.append((weight.requires_grad_(), bias.requires_grad_()))

    def parameters(self) -> list[Tensor]:
        return [parameter for layer in self.layers for parameter in layer]

    def __call__(self, x: Tensor, training: bool) -> Tensor:
        """Return the predictions (members, rows) of inputs (members, rows, 13)."""
        if training:
            x = self._drop(x, self.setting.input_dropout)
        for weight, bias in self.layers[:-1]:
            x = self.activation(torch.baddbmm(bias, x, weight))
            if training:
                x = self._drop(x, self.setting.dropout)
        weight, bias = self.layers[-1]
        return torch.baddbmm(bias, x, weight).squeeze(-1)

    def _drop(self, x: Tensor, p: float) -> Tensor:
        if p == 0:
            return x
        return x * ((torch.rand(x.shape, generator=self.generator) >= p).float() / (1 - p))


def loss_of(setting: Setting, predicted: Tensor, target: Tensor) -> Tensor:
    """Return the loss of every member: the mean over its rows."""
    if setting.loss == "MSELoss":
        each = (predicted - target).square()
    elif setting.loss == "L1Loss":
        each = (predicted - target).abs()
    else:
        each = functional.smooth_l1_loss(predicted, target, beta=float(setting.loss), reduction="none")
    return each.mean(1)


def make_optimizer(setting: Setting, parameters: list[Tensor]) -> torch.optim.Optimizer:
    options = {"momentum": 0.9, "nesterov": True} if setting.optimizer == "SGD" else {}
    optimizer = getattr(torch.optim, setting.optimizer)
    return optimizer(parameters, lr=setting.lr, weight_decay=setting.weight_decay, fused=True, **options)


def make_scheduler(setting: Setting, optimizer: torch.optim.Optimizer, steps: int) -> lr_scheduler.LRScheduler | None:
    if setting.scheduler == "OneCycleLR":
        return lr_scheduler.OneCycleLR(optimizer, max_lr=setting.lr, total_steps=steps)
    if setting.scheduler == "CosineAnnealingLR":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    return None


def fit_scale(setting: Setting, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return shift and scale of every member's columns, from its training rows."""
    low, high = values.amin(1, keepdim=True), values.amax(1, keepdim=True)
    if setting.normalize == "minmax":
        shift, scale = low, high - low
    else:
        shift, scale = values.mean(1, keepdim=True), values.std(1, keepdim=True, correction=0)
    return shift, torch.where(scale > 0, scale, 1.0)


def clip_gradients(parameters: list[Tensor], limit: float) -> None:
    """Clip the gradient norm of every member by itself."""
    norms = torch.stack([p.grad.square().sum((1, 2)) for p in parameters if p.grad is not None]).sum(0).sqrt()
    factor = (limit / (norms + 1e-6)).clamp(max=1)[:, None, None]
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(factor)


def train_and_predict(setting: Setting, rows: Tensor, held_out: Tensor, seed: int) -> Tensor:
    """Train a member on each of `rows` (members, n, 14); return its predictions for its `held_out` inputs."""
    generator = torch.Generator().manual_seed(seed)
    members, n = rows.shape[:2]
    kept_away = round(setting.validation * n)
    each = torch.arange(members)[:, None]
    rows = rows[each, torch.rand(members, n, generator=generator).argsort(1)]
    rows, validation = rows[:, kept_away:], rows[:, :kept_away]
    n -= kept_away

    shift, scale = fit_scale(setting, rows)
    scaled = ((rows - shift) / scale).float()
    x, y = scaled[..., :-1], scaled[..., -1]
    validation = ((validation - shift) / scale).float()
    held_out = ((held_out - shift[..., :-1]) / scale[..., :-1]).float()

    net = Ensemble(setting, members, generator)
    optimizer = make_optimizer(setting, net.parameters())
    scheduler = make_scheduler(setting, optimizer, math.ceil(n / setting.batch_size) * setting.epochs)
    best_loss = torch.full((members,), math.inf)
    best = torch.zeros(held_out.shape[:2])
    for _ in range(setting.epochs):
        order = torch.rand(members, n, generator=generator).argsort(1)
        for batch in order.split(setting.batch_size, dim=1):
            optimizer.zero_grad()
            # The sum over members: each gets the gradient of its own mean loss.
            loss_of(setting, net(x[each, batch], training=True), y[each, batch]).sum().backward()
            if setting.clip_grad_norm is not None:
                clip_gradients(net.parameters(), setting.clip_grad_norm)
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
        if kept_away:
            with torch.no_grad():
                loss = loss_of(setting, net(validation[..., :-1], training=False), validation[..., -1])
                better = loss < best_loss
                best = torch.where(better[:, None], net(held_out, training=False), best)
                best_loss = torch.where(better, loss, best_loss)
    if not kept_away:
        with torch.no_grad():
            best = net(held_out, training=False)
    return best.double() * scale[..., -1] + shift[..., -1]


def cross_validate(setting: Setting, rows: Floats, repeats: int, seed: int) -> Floats:
    """Return the mean absolute error of every repeat, in the unit of the target."""
    training, held_out = folds(len(rows), repeats, seed)
    longest = max(map(len, held_out))
    padded = np.stack([np.resize(part, longest) for part in held_out])
    inputs = torch.from_numpy(rows[padded][..., :-1])
    predicted = train_and_predict(setting, torch.from_numpy(rows[training]), inputs, seed).numpy()
    errors = np.zeros((repeats, len(rows)))
    for member, part in enumerate(held_out):
        errors[member // FOLDS, part] = np.abs(predicted[member, : len(part)] - rows[part, -1])
    return errors.mean(1)


def draw(rng: random.Random, space: dict[str, list]) -> Setting:
    """Draw a setting with `depth` hidden layers, all of one `width`."""
    chosen = {key: rng.choice(values) for key, values in space.items()}
    setting = Setting(widths=(chosen.pop("width"),) * chosen.pop("depth"), **chosen)
    longest = 4800 // math.ceil(379 / setting.batch_size)  # no setting may take more than 4800 steps
    return replace(setting, epochs=min(setting.epochs, longest))


def wide() -> list[Setting]:
    """Return 70 random settings of everything that a config offers."""
    space: dict[str, list] = {
        "width": [32, 48, 64, 96, 128],
        "depth": [1, 2, 2, 2, 3, 3],
        "activation": ["ReLU", "SiLU", "ReLU", "GELU", "Tanh"],
        "dropout": [0.0, 0.03, 0.05, 0.1, 0.1, 0.15, 0.2],
        "input_dropout": [0.0, 0.0, 0.0, 0.02, 0.05],
        "lr": [2e-3, 3e-3, 5e-3, 1e-2, 2e-2],
        "weight_decay": [0.01, 0.03, 0.1, 0.3, 0.6, 1.0],
        "batch_size": [16, 32, 32, 64],
        "epochs": [100, 150, 200, 300],
        "scheduler": ["OneCycleLR", "OneCycleLR", "CosineAnnealingLR"],
        "clip_grad_norm": [None, None, 1.0],
        "loss": [1.0, 0.3, 0.1, "L1Loss", "MSELoss"],
    }
    rng = random.Random(0)
    return [draw(rng, space) for _ in range(70)]


def narrow() -> list[Setting]:
    """Return 56 random settings of what the wide round left: ReLU, one cycle, two or three wider layers."""
    space: dict[str, list] = {
        "width": [64, 96, 128],
        "depth": [2, 3],
        "dropout": [0.05, 0.1, 0.1, 0.15, 0.2],
        "input_dropout": [0.0, 0.0, 0.0, 0.03],
        "lr": [2e-3, 3e-3, 5e-3, 1e-2, 1.5e-2],
        "weight_decay": [0.01, 0.03, 0.1, 0.3],
        "batch_size": [32, 64],
        "epochs": [75, 100, 150, 200],
        "loss": [1.0, 0.3, 0.1, "L1Loss"],
    }
    rng = random.Random(1)
    return [draw(rng, space) for _ in range(56)]


def neighbours() -> list[Setting]:
    """Return the best of the narrow round and what changes one or two things about it."""
    base = Setting(widths=(128, 128), dropout=0.1, batch_size=32, epochs=100)
    changes: list[dict] = [
        {},
        {"loss": 0.3},
        {"loss": "L1Loss"},
        {"loss": "MSELoss"},
        {"batch_size": 64},
        {"batch_size": 64, "epochs": 150},
        {"batch_size": 64, "epochs": 150, "dropout": 0.15},
        {"batch_size": 64, "epochs": 200},
        {"batch_size": 64, "clip_grad_norm": 1.0},
        {"epochs": 150},
        {"weight_decay": 0.1},
        {"weight_decay": 0.01},
        {"optimizer": "Adam", "weight_decay": 0.0},
        {"optimizer": "SGD", "lr": 0.05},
        {"lr": 5e-3},
        {"lr": 2e-2},
        {"dropout": 0.05},
        {"dropout": 0.15},
        {"dropout": 0.2},
        {"widths": (96, 96)},
        {"widths": (96, 96), "batch_size": 64},
        {"widths": (64, 64)},
        {"widths": (64, 64), "dropout": 0.05},
        {"widths": (128, 64)},
        {"widths": (96, 96, 96), "dropout": 0.05, "lr": 3e-3},
        {"activation": "SiLU"},
        {"scheduler": "CosineAnnealingLR"},
        {"scheduler": None},
        {"validation": 0.1},
        {"validation": 0.1, "epochs": 200},
        {"normalize": "minmax"},
    ]
    return [replace(base, **change) for change in changes]


def larger() -> list[Setting]:
    """Return wider networks, since the width was what still helped."""
    base = Setting(widths=(128, 128))
    changes: list[dict] = [
        {},
        {"widths": (160, 160)},
        {"widths": (192, 96)},
        {"widths": (256, 64)},
        {"widths": (256, 128), "epochs": 100},
        {"widths": (256, 256), "epochs": 100, "dropout": 0.2},
        {"widths": (128, 128, 64), "lr": 5e-3, "dropout": 0.1},
        {"batch_size": 32, "epochs": 100},
        {"batch_size": 32},
        {"dropout": 0.2, "epochs": 200},
        {"loss": 0.03},
        {"lr": 7e-3},
        {"weight_decay": 0.1},
    ]
    return [replace(base, **change) for change in changes]


def finalists() -> list[Setting]:
    """Return the settings between which the last round decides, on folds that no earlier round saw."""
    return [
        Setting(widths=(192, 96)),
        Setting(widths=(160, 160)),
        Setting(widths=(128, 128)),
        Setting(widths=(192, 192), dropout=0.2, epochs=100),
        Setting(widths=(192, 192), epochs=100),
        Setting(widths=(96, 96), dropout=0.1, batch_size=32, epochs=100),
    ]


# A round: its settings, the repeats, and the seed of the folds. Each round has folds of its own.
ROUNDS = {
    "wide": (wide, 3, 2),
    "narrow": (narrow, 4, 3),
    "neighbours": (neighbours, 10, 4),
    "larger": (larger, 10, 5),
    "finalists": (finalists, 20, 6),
}


def run_round(name: str) -> None:
    """Print the cross-validation of every setting of a round as it is done, then the best ten."""
    settings, repeats, seed = ROUNDS[name]
    rows, _ = read_rows()
    results = []
    for setting in settings():
        start = time.perf_counter()
        errors = cross_validate(setting, rows, repeats, seed)
        error = errors.std(ddof=1) / math.sqrt(repeats)
        line = f"{errors.mean():.3f} +- {error:.3f}  {setting.steps():5} steps {setting.gflop():5.1f} GFLOP  "
        results.append((errors.mean(), line + str(setting)))
        print(f"{results[-1][1]}  ({time.perf_counter() - start:.0f} s)", flush=True)
    print("\nbest first:")
    for _, line in sorted(results)[:10]:
        print(line)


def chosen_model() -> nn.Sequential:
    layers: list[nn.Module] = []
    inputs = 13
    for outputs in CHOSEN.widths:
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(CHOSEN.dropout)]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


def test_errors(seeds: range) -> Iterator[float]:
    """Yield the test MAE of the chosen setting for every seed."""
    training, test = read_rows()
    shift, scale = training.mean(0), training.std(0)
    scaled = torch.from_numpy((training - shift) / scale).float()
    data = TensorDataset(scaled[:, :-1], scaled[:, -1:])
    test_inputs = torch.from_numpy((test - shift) / scale).float()[:, :-1]
    for seed in seeds:
        torch.manual_seed(seed)
        model = chosen_model()
        loss_function = nn.SmoothL1Loss(beta=float(CHOSEN.loss))
        optimizer = make_optimizer(CHOSEN, list(model.parameters()))
        scheduler = make_scheduler(CHOSEN, optimizer, CHOSEN.steps())
        loader = DataLoader(data, CHOSEN.batch_size, shuffle=True)
        for _ in range(CHOSEN.epochs):
            for x, y in loader:
                optimizer.zero_grad()
                loss_function(model(x), y).backward()
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
        model.eval()
        with torch.no_grad():
            predicted = model(test_inputs).double().numpy()[:, 0] * scale[-1] + shift[-1]
        yield float(np.abs(predicted - test[:, -1]).mean())


def run_test() -> None:
    """Print the test MAE of the chosen setting for seeds 0 to 19."""
    errors = np.array(list(test_errors(range(20))))
    print("test MAE of seeds 0 to 19:", *errors.round(3))
    print(f"mean of seeds 0 to 4: {errors[:5].mean():.3f}, of seeds 5 to 19: {errors[5:].mean():.3f}")
    print(f"standard deviation between seeds {errors.std(ddof=1):.3f}")


if __name__ == "__main__":
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("round", nargs="?", choices=ROUNDS)
    parser.add_argument("--test", action="store_true", help="score the chosen setting on the test rows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.test:
        run_test()
    elif arguments.round:
        run_round(arguments.round)
    else:
        parser.error("name a round, or --test")
