"""Records what PyTorch's layers and losses do, for tests without it: `python tests/golden/record_nn.py`.

Each table says what to run, written once for both libraries: a case gets `torch` (or `mytorch` in its place). The tests
of `mytorch.nn` compare with `nn.npz` and `nn.json`, those in `tests/parity` with the live PyTorch.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS = Path(__file__).with_name("nn.npz")
TEXTS = Path(__file__).with_name("nn.json")

_random = np.random.default_rng(20240229)


def normals(*shape: int) -> np.ndarray:
    return np.round(_random.standard_normal(shape), 6)


def uniforms(*shape: int) -> np.ndarray:
    return np.round(_random.uniform(0.05, 0.95, shape), 6)


def classes(high: int, *shape: int) -> np.ndarray:
    return _random.integers(0, high, shape)


def signs(*shape: int) -> np.ndarray:
    return np.where(_random.uniform(size=shape) < 0.5, -1.0, 1.0)


# Where piecewise functions change and smooth ones might overflow.
EDGES = np.array(
    [-np.inf, -1e4, -100.0, -20.0, -6.0, -3.0, -1.0, -0.5, -1e-3, 0.0, 1e-3, 0.5, 1.0, 3.0, 6.0, 20.0, 100.0]
)

ACTIVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda F, x: F.relu(x),
    "tanh": lambda F, x: F.tanh(x),
    "sigmoid": lambda F, x: F.sigmoid(x),
    "leaky_relu": lambda F, x: F.leaky_relu(x),
    "leaky_relu steep": lambda F, x: F.leaky_relu(x, 1.5),
    "elu": lambda F, x: F.elu(x),
    "elu alpha": lambda F, x: F.elu(x, 0.7),
    "selu": lambda F, x: F.selu(x),
    "celu": lambda F, x: F.celu(x),
    "celu alpha": lambda F, x: F.celu(x, 2.5),
    "gelu": lambda F, x: F.gelu(x),
    "gelu tanh": lambda F, x: F.gelu(x, approximate="tanh"),
    "silu": lambda F, x: F.silu(x),
    "mish": lambda F, x: F.mish(x),
    "hardtanh": lambda F, x: F.hardtanh(x),
    "hardtanh bounds": lambda F, x: F.hardtanh(x, -0.25, 2.0),
    "relu6": lambda F, x: F.relu6(x),
    "hardsigmoid": lambda F, x: F.hardsigmoid(x),
    "hardswish": lambda F, x: F.hardswish(x),
    "logsigmoid": lambda F, x: F.logsigmoid(x),
    "threshold": lambda F, x: F.threshold(x, 0.5, -3.0),
    "tanhshrink": lambda F, x: F.tanhshrink(x),
    "softshrink": lambda F, x: F.softshrink(x),
    "softshrink wide": lambda F, x: F.softshrink(x, 1.0),
    "hardshrink": lambda F, x: F.hardshrink(x),
    "softplus": lambda F, x: F.softplus(x),
    "softplus beta": lambda F, x: F.softplus(x, 3.0, 5.0),
    "softsign": lambda F, x: F.softsign(x),
}

OVER_DIMS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "softmax": (lambda F, x: F.softmax(x, -1), (normals(3, 4),)),
    "softmax first": (lambda F, x: F.softmax(x, 0), (normals(3, 4),)),
    "softmax middle": (lambda F, x: F.softmax(x, 1), (normals(2, 3, 4),)),
    "softmax large": (lambda F, x: F.softmax(x * 1000, 1), (normals(2, 3),)),
    "softmax 0-d": (lambda F, x: F.softmax(x, 0), (normals(),)),
    "softmin": (lambda F, x: F.softmin(x, 1), (normals(3, 4),)),
    "log_softmax": (lambda F, x: F.log_softmax(x, -1), (normals(3, 4),)),
    "log_softmax middle": (lambda F, x: F.log_softmax(x, 1), (normals(2, 3, 4),)),
    "log_softmax large": (lambda F, x: F.log_softmax(x * 1000, 1), (normals(2, 3),)),
    "log_softmax 0-d": (lambda F, x: F.log_softmax(x, -1), (normals(),)),
    "glu": (lambda F, x: F.glu(x), (normals(3, 4),)),
    "glu first": (lambda F, x: F.glu(x, 0), (normals(4, 3),)),
    "prelu one": (lambda F, x, w: F.prelu(x, w), (normals(3, 4), normals(1))),
    "prelu channels": (lambda F, x, w: F.prelu(x, w), (normals(2, 3, 4), normals(3))),
    "prelu 0-d": (lambda F, x, w: F.prelu(x, w), (-abs(normals()), normals(1))),
    "linear": (lambda F, x, w, b: F.linear(x, w, b), (normals(5, 3), normals(2, 3), normals(2))),
    "linear vector": (lambda F, x, w, b: F.linear(x, w, b), (normals(3), normals(2, 3), normals(2))),
    "linear 3-d": (lambda F, x, w: F.linear(x, w), (normals(2, 4, 3), normals(2, 3))),
    "bilinear": (
        lambda F, x, y, w, b: F.bilinear(x, y, w, b), (normals(4, 2), normals(4, 3), normals(5, 2, 3), normals(5))
    ),
    "pairwise_distance": (lambda F, x, y: F.pairwise_distance(x, y), (normals(4, 3), normals(4, 3))),
    "pairwise_distance p": (
        lambda F, x, y: F.pairwise_distance(x, y, p=3, keepdim=True), (normals(4, 3), normals(4, 3))
    ),
    "cosine_similarity": (lambda F, x, y: F.cosine_similarity(x, y), (normals(4, 3), normals(4, 3))),
    "cosine_similarity dim": (lambda F, x, y: F.cosine_similarity(x, y, dim=0), (normals(4, 3), normals(4, 3))),
}  # fmt: skip

Loss = tuple[Callable[..., Any], tuple[np.ndarray, ...]]
_pair = (normals(6, 2) * 2, normals(6, 2))
_scores, _labels = normals(6, 4) * 2, classes(4, 6)
_weights = uniforms(4)
_probabilities = uniforms(6, 4) / 4


def _loss(name: str, *arrays: np.ndarray, **options: Any) -> Loss:
    return (lambda F, *xs, **how: getattr(F, name)(*xs, **options, **how)), arrays


def _with_weight(name: str, *arrays: np.ndarray, keyword: str = "weight", **options: Any) -> Loss:
    """The last array goes in as a keyword."""
    return (lambda F, *xs, **how: getattr(F, name)(*xs[:-1], **{keyword: xs[-1]}, **options, **how)), arrays


# Each is run with every reduction.
LOSSES: dict[str, Loss] = {
    "mse": _loss("mse_loss", *_pair),
    "mse 0-d": _loss("mse_loss", normals(), normals()),
    "mse weight": _with_weight("mse_loss", *_pair, uniforms(6, 2)),
    "l1": _loss("l1_loss", *_pair),
    "l1 weight": _with_weight("l1_loss", *_pair, uniforms(6, 2)),
    "smooth_l1": _loss("smooth_l1_loss", *_pair),
    "smooth_l1 beta": _loss("smooth_l1_loss", *_pair, beta=0.3),
    "smooth_l1 beta 0": _loss("smooth_l1_loss", *_pair, beta=0.0),
    "huber": _loss("huber_loss", *_pair),
    "huber delta": _loss("huber_loss", *_pair, delta=2.5),
    "huber weight": _with_weight("huber_loss", *_pair, uniforms(6, 2)),
    "nll": _loss("nll_loss", _scores, _labels),
    "nll one": _loss("nll_loss", normals(4), np.array(2)),
    "nll images": _loss("nll_loss", normals(2, 3, 2, 4), classes(3, 2, 2, 4)),
    "nll weight": _with_weight("nll_loss", _scores, _labels, _weights),
    "nll weight ignore": _with_weight("nll_loss", _scores, _labels, _weights, ignore_index=int(_labels[1])),
    "ce": _loss("cross_entropy", _scores, _labels),
    "ce one": _loss("cross_entropy", normals(4), np.array(2)),
    "ce images": _loss("cross_entropy", normals(2, 3, 2, 4), classes(3, 2, 2, 4)),
    "ce bytes": _loss("cross_entropy", _scores, _labels.astype(np.uint8)),
    "ce weight": _with_weight("cross_entropy", _scores, _labels, _weights),
    "ce ignore": _loss("cross_entropy", _scores, np.array([0, -100, 3, -100, 1, 2])),
    "ce ignore class": _loss("cross_entropy", _scores, _labels, ignore_index=int(_labels[0])),
    "ce weight ignore": _with_weight("cross_entropy", _scores, _labels, _weights, ignore_index=int(_labels[1])),
    "ce smooth": _loss("cross_entropy", _scores, _labels, label_smoothing=0.2),
    "ce smooth images": _loss("cross_entropy", normals(2, 3, 4), classes(3, 2, 4), label_smoothing=0.1),
    "ce smooth weight ignore": _with_weight(
        "cross_entropy", _scores, _labels, _weights, label_smoothing=0.3, ignore_index=int(_labels[2])
    ),
    "ce probabilities": _loss("cross_entropy", _scores, _probabilities),
    "ce probabilities one": _loss("cross_entropy", normals(4), uniforms(4)),
    "ce probabilities images": _loss("cross_entropy", normals(2, 3, 4), uniforms(2, 3, 4)),
    "ce probabilities smooth weight": _with_weight(
        "cross_entropy", _scores, _probabilities, _weights, label_smoothing=0.25
    ),
    "bce": _loss("binary_cross_entropy", uniforms(4, 3), uniforms(4, 3)),
    "bce weight": _with_weight("binary_cross_entropy", uniforms(4, 3), uniforms(4, 3), uniforms(3)),
    "bce logits": _loss("binary_cross_entropy_with_logits", normals(4, 3) * 3, uniforms(4, 3)),
    "bce logits weight": _with_weight("binary_cross_entropy_with_logits", normals(4, 3), uniforms(4, 3), uniforms(3)),
    "bce logits pos_weight": _with_weight(
        "binary_cross_entropy_with_logits", normals(4, 3), uniforms(4, 3), 3 * uniforms(3), keyword="pos_weight"
    ),
    "kl": _loss("kl_div", normals(4, 3), uniforms(4, 3)),
    "kl log": _loss("kl_div", normals(4, 3), normals(4, 3), log_target=True),
    "gaussian": _loss("gaussian_nll_loss", normals(4, 3), normals(4, 3), uniforms(4, 3)),
    "gaussian full": _loss("gaussian_nll_loss", normals(4, 3), normals(4, 3), uniforms(4), full=True),
    "gaussian eps": _loss("gaussian_nll_loss", normals(4, 3), normals(4, 3), uniforms(4, 1), eps=0.5),
    "poisson": _loss("poisson_nll_loss", normals(4, 3), 5 * uniforms(4, 3)),
    "poisson rate full": _loss("poisson_nll_loss", 3 * uniforms(4, 3), 5 * uniforms(4, 3), log_input=False, full=True),
    "hinge": _loss("hinge_embedding_loss", normals(4, 3), signs(4, 3)),
    "hinge margin": _loss("hinge_embedding_loss", normals(4, 3), signs(4, 3), margin=0.4),
    "ranking": _loss("margin_ranking_loss", normals(7), normals(7), signs(7), margin=0.3),
    "cosine": _loss("cosine_embedding_loss", normals(5, 3), normals(5, 3), signs(5), margin=-0.2),
    "cosine one": _loss("cosine_embedding_loss", normals(3), normals(3), signs()),
    "triplet": _loss("triplet_margin_loss", normals(5, 3), normals(5, 3), normals(5, 3)),
    "triplet swap p": _loss(
        "triplet_margin_loss", normals(5, 3), normals(5, 3), normals(5, 3), margin=2.0, p=3, swap=True
    ),
    "triplet distance": _loss(
        "triplet_margin_with_distance_loss", normals(5, 3), normals(5, 3), normals(5, 3),
        distance_function=lambda x, y: (x - y).abs().sum(-1), swap=True,
    ),
    "soft margin": _loss("soft_margin_loss", normals(4, 3), signs(4, 3)),
    "multi margin": _loss("multi_margin_loss", _scores, _labels),
    "multi margin one": _loss("multi_margin_loss", normals(4), np.array(1)),
    "multi margin weight p": _with_weight("multi_margin_loss", _scores, _labels, _weights, p=2, margin=0.5),
    "multilabel soft": _loss("multilabel_soft_margin_loss", normals(4, 3), classes(2, 4, 3).astype(float)),
    "multilabel soft weight": _with_weight(
        "multilabel_soft_margin_loss", normals(4, 3), classes(2, 4, 3).astype(float), uniforms(3)
    ),
}  # fmt: skip
REDUCTIONS = ("mean", "sum", "none")


def derivatives(
    torch: Any, function: Callable[..., Any], arrays: tuple[np.ndarray, ...], dtype: Any = None
) -> list[Any]:
    """The result, its gradients by the inputs and their gradients, weighted with fixed factors; None if there are none.

    The first input is differentiated; so are the others if they are floating point and PyTorch allows it.
    """
    tensors = []
    for array in arrays:
        floating = array.dtype.kind == "f"
        tensor = torch.tensor(array.tolist(), dtype=(dtype or torch.float64) if floating else _integer(torch, array))
        tensors.append(tensor.requires_grad_() if floating else tensor)
    inputs = [t for t in tensors if t.requires_grad]
    out = function(*tensors)
    if not out.requires_grad:
        return [numpy(out)]
    first = torch.autograd.grad((out * wave(torch, out)).sum(), inputs, create_graph=True, allow_unused=True)
    found = [numpy(out), *(numpy(g) for g in first)]
    total = None
    for g in first:
        if g is not None and g.requires_grad:
            part = (g * wave(torch, g)).sum()
            total = part if total is None else total + part
    if total is not None:
        try:
            second = torch.autograd.grad(total, inputs, allow_unused=True)
        except RuntimeError as error:
            if "is not implemented" not in str(error):  # PyTorch has no second derivative of hardsigmoid
                raise
            return found
        found += [numpy(g) for g in second]
    return found


def _integer(torch: Any, array: np.ndarray) -> Any:
    return torch.uint8 if array.dtype == np.uint8 else torch.int64


def wave(torch: Any, x: Any) -> Any:
    """Factors of the shape and type of x, no two alike."""
    count = int(np.prod(x.shape, dtype=int))
    return torch.tensor(np.cos(1.0 + np.arange(count)).reshape(tuple(x.shape)).tolist(), dtype=x.dtype)


def numpy(x: Any) -> Any:
    return None if x is None else x.numpy(force=True).copy()


def cases(torch: Any) -> dict[str, Callable[[], list[Any]]]:
    """Every numeric case by name, not yet run."""
    F = torch.nn.functional
    found: dict[str, Callable[[], list[Any]]] = {}
    for name, function in ACTIVATIONS.items():
        found[name] = lambda f=function: derivatives(torch, lambda x: f(F, x), (POINTS,))
        found[f"{name} at edges"] = lambda f=function: at_edges(torch, lambda x: f(F, x))
    for name, (function, arrays) in OVER_DIMS.items():
        found[name] = lambda f=function, a=arrays: derivatives(torch, lambda *xs: f(F, *xs), a)
    for name, (function, arrays) in LOSSES.items():
        for reduction in REDUCTIONS:
            found[f"{name}, {reduction}"] = lambda f=function, a=arrays, r=reduction, n=name: loss_case(
                torch, n, f, a, r
            )
    return found


POINTS = normals(4, 5) * 2


def at_edges(torch: Any, function: Callable[[Any], Any], dtype: Any = None) -> list[Any]:
    """The result and its gradient at EDGES."""
    x = torch.tensor(EDGES.tolist(), dtype=dtype or torch.float64).requires_grad_()
    out = function(x)
    return [numpy(out), numpy(torch.autograd.grad(out.sum(), x)[0])]


def loss_case(
    torch: Any, name: str, function: Callable[..., Any], arrays: Any, reduction: str, dtype: Any = None
) -> list[Any]:
    """`derivatives` of a loss; targets and weights are held fixed where PyTorch has no derivative by them."""
    F = torch.nn.functional
    no_target = ("bce", "kl", "gaussian", "poisson", "hinge", "ranking", "cosine", "soft", "multi")
    fixed = "weight" in name or name.startswith(no_target)

    def run(*xs: Any) -> Any:
        xs = tuple(x.detach() if fixed and i else x for i, x in enumerate(xs))
        return function(F, *xs, reduction=reduction)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # kl_div warns about "mean"
        return derivatives(torch, run, arrays, dtype)


# --- random numbers: run after manual_seed ----------------------------------------------------------------------------


def _filled(*shape: int, dtype: str = "float32") -> Callable[[Any], Any]:
    return lambda torch: torch.empty(*shape, dtype=getattr(torch, dtype))


def _parameters(torch: Any, module: Any) -> Any:
    return torch.cat([p.detach().reshape(-1) for p in module.parameters()])


RANDOM: dict[str, Callable[[Any], Any]] = {
    "Linear": lambda torch: _parameters(torch, torch.nn.Linear(13, 32)),
    "Linear narrow": lambda torch: _parameters(torch, torch.nn.Linear(3, 2)),
    "Linear double": lambda torch: _parameters(torch, torch.nn.Linear(5, 7, dtype=torch.float64)),
    "Linear no bias": lambda torch: _parameters(torch, torch.nn.Linear(5, 7, bias=False)),
    "Bilinear": lambda torch: _parameters(torch, torch.nn.Bilinear(3, 4, 5)),
    "MLP": lambda torch: _parameters(
        torch, torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    ),
    "uniform_": lambda torch: torch.nn.init.uniform_(torch.empty(3, 7), -2.0, 5.0),
    "normal_": lambda torch: torch.nn.init.normal_(torch.empty(3, 7), 1.0, 0.5),
    "normal_ short": lambda torch: torch.nn.init.normal_(torch.empty(5), 1.0, 0.5),
    "constant_": lambda torch: torch.nn.init.constant_(torch.empty(2, 3), 0.3),
    "ones_": lambda torch: torch.nn.init.ones_(torch.empty(2, 3)),
    "zeros_": lambda torch: torch.nn.init.zeros_(torch.empty(2, 3)),
    "eye_": lambda torch: torch.nn.init.eye_(torch.empty(3, 5)),
    "dirac_ 3": lambda torch: torch.nn.init.dirac_(torch.empty(4, 3, 5)),
    "dirac_ 4": lambda torch: torch.nn.init.dirac_(torch.empty(6, 3, 3, 2), groups=2),
    "dirac_ 5": lambda torch: torch.nn.init.dirac_(torch.empty(2, 3, 3, 2, 4)),
    "xavier_uniform_": lambda torch: torch.nn.init.xavier_uniform_(torch.empty(3, 5, 2), gain=1.5),
    "xavier_normal_": lambda torch: torch.nn.init.xavier_normal_(torch.empty(6, 5)),
    "kaiming_uniform_": lambda torch: torch.nn.init.kaiming_uniform_(torch.empty(6, 5), a=0.2),
    "kaiming_uniform_ out": lambda torch: torch.nn.init.kaiming_uniform_(
        torch.empty(6, 5, 3), mode="fan_out", nonlinearity="relu"
    ),
    "kaiming_normal_": lambda torch: torch.nn.init.kaiming_normal_(torch.empty(6, 5), nonlinearity="tanh"),
    "trunc_normal_": lambda torch: torch.nn.init.trunc_normal_(torch.empty(40)),
    "trunc_normal_ bounds": lambda torch: torch.nn.init.trunc_normal_(torch.empty(5, 7), 1.0, 0.5, 0.75, 3.0),
    "trunc_normal_ tail": lambda torch: torch.nn.init.trunc_normal_(torch.empty(30), 0.0, 1.0, 1.5, 2.0),
    "trunc_normal_ double": lambda torch: torch.nn.init.trunc_normal_(torch.empty(9, dtype=torch.float64), b=0.5),
    "orthogonal_": lambda torch: torch.nn.init.orthogonal_(torch.empty(4, 6), gain=2.0),
    "orthogonal_ tall": lambda torch: torch.nn.init.orthogonal_(torch.empty(7, 2, 2)),
    "sparse_": lambda torch: torch.nn.init.sparse_(torch.empty(6, 5), sparsity=0.4),
    "dropout": lambda torch: torch.nn.functional.dropout(torch.ones(4, 5), 0.3),
    "dropout default": lambda torch: torch.nn.Dropout()(torch.ones(20)),
    "dropout double": lambda torch: torch.nn.functional.dropout(torch.ones(9, dtype=torch.float64), 0.7),
    "dropout all": lambda torch: torch.cat([torch.nn.functional.dropout(torch.ones(3), 1.0), torch.rand(1)]),
    "dropout none": lambda torch: torch.cat([torch.nn.functional.dropout(torch.ones(3), 0.0), torch.rand(1)]),
    "dropout eval": lambda torch: torch.cat([torch.nn.Dropout(0.9).eval()(torch.ones(3)), torch.rand(1)]),
    "dropout in place": lambda torch: torch.nn.functional.dropout(torch.ones(8), 0.4, inplace=True),
    "dropout1d": lambda torch: torch.nn.functional.dropout1d(torch.ones(3, 4, 2)),
    "dropout1d one": lambda torch: torch.nn.functional.dropout1d(torch.ones(6, 2)),
    "dropout2d": lambda torch: torch.nn.Dropout2d(0.4)(torch.ones(3, 4, 2, 2)),
    "dropout3d": lambda torch: torch.nn.Dropout3d(0.4)(torch.ones(3, 4, 2, 2, 1)),
    "dropout3d one": lambda torch: torch.nn.Dropout3d(0.4)(torch.ones(4, 2, 2, 1)),
    "alpha_dropout": lambda torch: torch.nn.AlphaDropout(0.3)(torch.ones(20)),
    "alpha_dropout all": lambda torch: torch.nn.AlphaDropout(1.0)(torch.ones(3)),
    "feature_alpha_dropout": lambda torch: torch.nn.FeatureAlphaDropout(0.5)(torch.ones(3, 4, 2)),
}
SEEDS = (0, 1, 1234)


# --- texts ----------------------------------------------------------------------------------------------------------

LAYERS = (
    "Linear(3, 4)", "Linear(3, 4, bias=False)", "Bilinear(2, 3, 4)", "Identity()", "Flatten()", "Flatten(0, 2)",
    "Unflatten(1, (2, 3))", "ReLU()", "ReLU(inplace=True)", "ReLU6()", "ReLU6(True)", "Tanh()", "Sigmoid()",
    "LogSigmoid()", "Softmax(1)", "Softmax()", "LogSoftmax(dim=-1)", "Softmin(0)", "Softmax2d()", "Softplus()",
    "Softplus(2, 10)", "Softsign()", "Tanhshrink()", "LeakyReLU()", "LeakyReLU(0.2, True)", "ELU()", "ELU(0.5, True)",
    "CELU(2.0)", "SELU()", "SELU(True)", "GELU()", "GELU('tanh')", "SiLU()", "SiLU(True)", "Mish()", "Hardtanh()",
    "Hardtanh(-2, 2, True)", "Hardsigmoid()", "Hardswish(True)", "PReLU()", "PReLU(3)", "Threshold(0.1, 20)",
    "Threshold(1, 2, True)", "Softshrink()", "Hardshrink(0.3)", "GLU()", "GLU(0)", "Dropout()", "Dropout(0.2, True)",
    "Dropout1d()", "Dropout2d(0.1)", "Dropout3d()", "AlphaDropout(0.3)", "FeatureAlphaDropout()", "MSELoss()",
    "L1Loss(reduction='sum')", "SmoothL1Loss()", "HuberLoss()", "CrossEntropyLoss()", "NLLLoss()", "BCELoss()",
    "BCEWithLogitsLoss()", "KLDivLoss()", "GaussianNLLLoss()", "PoissonNLLLoss()", "HingeEmbeddingLoss()",
    "MarginRankingLoss()", "CosineEmbeddingLoss()", "TripletMarginLoss()", "SoftMarginLoss()", "MultiMarginLoss()",
    "MultiLabelSoftMarginLoss()", "MultiLabelMarginLoss()", "RReLU()", "RReLU(0.1, 0.3, True)", "Upsample(3)",
    "Upsample(scale_factor=2)", "Upsample(scale_factor=(2, 1.5), mode='bilinear', align_corners=True)",
    "UpsamplingNearest2d(scale_factor=2)", "UpsamplingBilinear2d((3, 4))", "Unfold(2)", "Unfold((2, 3), 1, 2, (1, 2))",
    "Fold((4, 5), 2)", "PixelShuffle(2)", "PixelUnshuffle(3)", "ChannelShuffle(2)", "CosineSimilarity(0)",
    "PairwiseDistance(1, keepdim=True)", "MaxUnpool1d(2)", "MaxUnpool2d((3, 2), 2)", "MaxUnpool3d(2, 1, 1)",
    "EmbeddingBag(5, 3)", "EmbeddingBag(5, 3, 1.5, 1.0, True, 'sum', padding_idx=-2)",
    "Sequential()", "Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Dropout(), nn.Linear(3, 1)))",
    "Sequential(OrderedDict([('first', nn.Linear(2, 3)), ('act', nn.Tanh())]))", "ModuleList()",
    "ModuleList([nn.Linear(2, 2) for _ in range(3)] + [nn.ReLU()] + [nn.Sequential(nn.Tanh())] * 2)",
    "ModuleDict({'a': nn.ReLU(), 'b': nn.Sequential(nn.Linear(1, 1))})", "ModuleDict()",
    "ParameterList([torch.zeros(2), torch.zeros(3, 4)])", "ParameterList()", "ParameterDict({'w': torch.zeros(2, 5)})",
    "ParameterDict()", "Parameter(torch.ones(2))", "Parameter(torch.ones(2), requires_grad=False)",
    "Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Tanh())[1:]", "Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())",
    "Sequential(nn.ReLU()) * 2", "Sequential(nn.ReLU()).append(nn.Tanh()).insert(1, nn.Sigmoid())",
    "ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()])[-2:]",
)  # fmt: skip


def build(torch: Any, layer: str) -> Any:
    from collections import OrderedDict

    return eval(f"nn.{layer}", {"torch": torch, "nn": torch.nn, "OrderedDict": OrderedDict})


def _net(torch: Any) -> Any:
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))


def _set(module: Any, name: str, value: Any) -> None:
    setattr(module, name, value)


ERRORS: dict[str, Callable[[Any], Any]] = {
    "missing attribute": lambda torch: torch.nn.Linear(1, 1).weights,
    "no forward": lambda torch: torch.nn.Module()(1),
    "no forward of list": lambda torch: torch.nn.ModuleList()(1),
    "assign tensor": lambda torch: _set(torch.nn.Linear(1, 1), "weight", torch.zeros(1, 1)),
    "assign number": lambda torch: _set(torch.nn.Linear(1, 1), "bias", 3),
    "assign child": lambda torch: _set(_net(torch), "0", 3),
    "parameter name": lambda torch: torch.nn.Module().register_parameter("a.b", None),
    "parameter empty": lambda torch: torch.nn.Module().register_parameter("", None),
    "parameter number": lambda torch: torch.nn.Module().register_parameter(1, None),
    "parameter taken": lambda torch: torch.nn.Module().register_parameter("forward", None),
    "parameter type": lambda torch: torch.nn.Module().register_parameter("w", torch.zeros(1)),
    "parameter not leaf": lambda torch: torch.nn.Module().register_parameter(
        "w", torch.nn.Parameter(torch.zeros(1)) * 2
    ),
    "buffer name": lambda torch: torch.nn.Module().register_buffer("a.b", None),
    "buffer taken": lambda torch: torch.nn.Module().register_buffer("training", None),
    "buffer type": lambda torch: torch.nn.Module().register_buffer("b", 3),
    "module name": lambda torch: torch.nn.Module().add_module("a.b", None),
    "module type": lambda torch: torch.nn.Module().add_module("a", 3),
    "module taken": lambda torch: torch.nn.Module().add_module("training", None),
    "module empty": lambda torch: torch.nn.Module().add_module("", None),
    "get_submodule": lambda torch: _net(torch).get_submodule("0.weights"),
    "get_submodule parameter": lambda torch: _net(torch).get_submodule("0.weight"),
    "get_parameter": lambda torch: _net(torch).get_parameter("0.weights"),
    "get_parameter module": lambda torch: _net(torch).get_parameter("0"),
    "get_buffer": lambda torch: _net(torch).get_buffer("0.weight"),
    "load": lambda torch: _net(torch).load_state_dict(
        {"0.weight": torch.zeros(3, 3), "0.bias": torch.zeros(3), "x": torch.zeros(1), "2.bias": torch.zeros(())}
    ),
    "load shapes": lambda torch: _net(torch).load_state_dict(
        {"0.weight": torch.zeros(3, 3), "0.bias": torch.zeros(1)}, strict=False
    ),
    "load list": lambda torch: _net(torch).load_state_dict([]),
    "train": lambda torch: _net(torch).train(1),
    "to integers": lambda torch: _net(torch).to(torch.int64),
    "sequential index": lambda torch: _net(torch)[3],
    "sequential module": lambda torch: torch.nn.Sequential(3),
    "parameter integers": lambda torch: torch.nn.Parameter(torch.tensor([1])),
    "linear shapes": lambda torch: torch.nn.Linear(3, 2)(torch.zeros(4, 5)),
    "dropout p": lambda torch: torch.nn.Dropout(1.5),
    "dropout function": lambda torch: torch.nn.functional.dropout(torch.ones(1), -0.1),
    "dropout1d": lambda torch: torch.nn.functional.dropout1d(torch.ones(1)),
    "gain": lambda torch: torch.nn.init.calculate_gain("nothing"),
    "gain slope": lambda torch: torch.nn.init.calculate_gain("leaky_relu", "a"),
    "fan": lambda torch: torch.nn.init.xavier_uniform_(torch.zeros(3)),
    "eye_": lambda torch: torch.nn.init.eye_(torch.zeros(3)),
    "dirac_": lambda torch: torch.nn.init.dirac_(torch.zeros(3, 3)),
    "dirac_ groups": lambda torch: torch.nn.init.dirac_(torch.zeros(3, 3, 3), groups=2),
    "orthogonal_": lambda torch: torch.nn.init.orthogonal_(torch.zeros(3)),
    "sparse_": lambda torch: torch.nn.init.sparse_(torch.zeros(3), 0.1),
    "prelu": lambda torch: torch.nn.functional.prelu(torch.zeros(2, 3), torch.zeros(2)),
    "glu": lambda torch: torch.nn.functional.glu(torch.zeros(3, 5)),
    "gelu": lambda torch: torch.nn.functional.gelu(torch.zeros(1), approximate="x"),
    "softmax dim": lambda torch: torch.nn.functional.softmax(torch.zeros(2, 3), 2),
    "softshrink": lambda torch: torch.nn.functional.softshrink(torch.zeros(1), -1.0),
    "hardtanh": lambda torch: torch.nn.Hardtanh(1.0, 1.0),
    "reduction": lambda torch: torch.nn.functional.mse_loss(torch.zeros(1), torch.zeros(1), reduction="avg"),
    "smooth_l1 beta": lambda torch: torch.nn.functional.smooth_l1_loss(torch.zeros(1), torch.zeros(1), beta=-1.0),
    "huber delta": lambda torch: torch.nn.functional.huber_loss(torch.zeros(1), torch.zeros(1), delta=0.0),
    "ce class": lambda torch: torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 5])),
    "ce negative class": lambda torch: torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([-1, 1])),
    "ce batch": lambda torch: torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1, 2])),
    "ce multi-target": lambda torch: torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.zeros(2, 1).long()),
    "ce images": lambda torch: torch.nn.functional.cross_entropy(torch.zeros(2, 3, 4), torch.zeros(2, 5).long()),
    "ce one": lambda torch: torch.nn.functional.cross_entropy(torch.zeros(3), torch.tensor([0, 1])),
    "ce probabilities of integers": lambda torch: torch.nn.functional.cross_entropy(
        torch.zeros(2, 3), torch.zeros(2, 3).long()
    ),
    "ce smoothing": lambda torch: torch.nn.functional.cross_entropy(
        torch.zeros(2, 3), torch.zeros(2).long(), label_smoothing=2.0
    ),
    "ce weight": lambda torch: torch.nn.functional.cross_entropy(
        torch.zeros(2, 3), torch.zeros(2).long(), weight=torch.ones(2)
    ),
    "nll class": lambda torch: torch.nn.functional.nll_loss(torch.zeros(2, 3), torch.tensor([0, 3])),
    "bce size": lambda torch: torch.nn.functional.binary_cross_entropy(torch.zeros(2), torch.zeros(3)),
    "bce range": lambda torch: torch.nn.functional.binary_cross_entropy(torch.tensor([1.5]), torch.zeros(1)),
    "bce logits size": lambda torch: torch.nn.functional.binary_cross_entropy_with_logits(
        torch.zeros(2), torch.zeros(3)
    ),
    "gaussian variance": lambda torch: torch.nn.functional.gaussian_nll_loss(
        torch.zeros(2), torch.zeros(2), torch.tensor([1.0, -1.0])
    ),
    "gaussian size": lambda torch: torch.nn.functional.gaussian_nll_loss(
        torch.zeros(4, 3), torch.zeros(4, 3), torch.ones(2)
    ),
    "triplet margin": lambda torch: torch.nn.TripletMarginLoss(margin=0.0),
    "multi margin p": lambda torch: torch.nn.MultiMarginLoss(p=3),
    "hook arity": lambda torch: _with_bad_hook(torch),
    "clip nonfinite": lambda torch: _clip_nonfinite(torch),
    "vector": lambda torch: torch.nn.utils.vector_to_parameters([1.0], [torch.zeros(1)]),
}


def _with_bad_hook(torch: Any) -> Any:
    net = _net(torch)
    net.register_forward_pre_hook(lambda module, args, kwargs: 3, with_kwargs=True)
    return net(torch.zeros(1, 2))


def _clip_nonfinite(torch: Any) -> Any:
    w = torch.zeros(1, requires_grad=True)
    w.grad = torch.tensor([float("inf")])
    return torch.nn.utils.clip_grad_norm_(w, 1.0, error_if_nonfinite=True)


WARNINGS: dict[str, Callable[[Any], Any]] = {
    "mse sizes": lambda torch: torch.nn.functional.mse_loss(torch.zeros(3, 1), torch.zeros(3)),
    "l1 sizes": lambda torch: torch.nn.L1Loss()(torch.zeros(3, 1), torch.zeros(3)),
    "smooth_l1 sizes": lambda torch: torch.nn.SmoothL1Loss()(torch.zeros(3, 1), torch.zeros(1)),
    "huber sizes": lambda torch: torch.nn.HuberLoss()(torch.zeros(3, 1), torch.zeros(1)),
    "softmax": lambda torch: torch.nn.functional.softmax(torch.zeros(2, 3)),
    "log_softmax": lambda torch: torch.nn.LogSoftmax()(torch.zeros(2, 3, 4)),
    "softmin": lambda torch: torch.nn.Softmin()(torch.zeros(3)),
    "kl mean": lambda torch: torch.nn.KLDivLoss()(torch.zeros(3, 2), torch.ones(3, 2)),
    "size_average": lambda torch: torch.nn.MSELoss(size_average=False),
    "reduce": lambda torch: torch.nn.functional.l1_loss(torch.zeros(1), torch.zeros(1), reduce=False),
    "empty init": lambda torch: torch.nn.init.kaiming_uniform_(torch.zeros(0, 2)),
    "trunc_normal_": lambda torch: torch.nn.init.trunc_normal_(torch.zeros(2), mean=9.0),
    "empty generator": lambda torch: torch.nn.utils.clip_grad_norm_((p for p in ()), 1.0),
}


def error_of(torch: Any, name: str) -> list[str]:
    try:
        ERRORS[name](torch)
    except Exception as error:
        return [type(error).__name__, str(error)]
    raise AssertionError(f"{name} raised nothing")


def warning_of(torch: Any, name: str) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WARNINGS[name](torch)
    return [text for w in caught for text in (w.category.__name__, str(w.message))]


def record() -> None:
    import torch

    arrays = {}
    for name, run in cases(torch).items():
        for position, value in enumerate(run()):
            if value is not None:
                arrays[f"{name}/{position}"] = value
    for name, draw in RANDOM.items():
        for seed in SEEDS:
            torch.manual_seed(seed)
            arrays[f"random {name}/{seed}"] = numpy(draw(torch))
    np.savez_compressed(ARRAYS, **arrays)
    texts = {
        "reprs": {layer: repr(build(torch, layer)) for layer in LAYERS},
        "states": {layer: _state(build(torch, layer)) for layer in LAYERS},
        "errors": {name: error_of(torch, name) for name in ERRORS},
        "warnings": {name: warning_of(torch, name) for name in WARNINGS},
    }
    TEXTS.write_text(json.dumps(texts, indent=1) + "\n")
    print(f"{len(arrays)} arrays, {sum(map(len, texts.values()))} texts")


def _state(layer: Any) -> dict[str, list[int]]:
    return {k: list(v.shape) for k, v in layer.state_dict().items()} if hasattr(layer, "state_dict") else {}


if __name__ == "__main__":
    record()
