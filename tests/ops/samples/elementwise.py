"""Samples of the functions of one number."""


def samples(draw):
    anywhere = [
        "exp",
        "expm1",
        "exp2",
        "sin",
        "cos",
        "tan",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "erf",
        "sigmoid",
        "neg",
        "abs",
        "square",
        "relu",
        "sign",
        "reciprocal",
    ]
    positive = ["log", "log2", "log10", "sqrt", "rsqrt"]
    made = {name: draw.unary(-1.2, 1.2) for name in anywhere}
    made |= {name: draw.unary(0.3, 3.0) for name in positive}
    made |= {name: draw.unary(-0.8, 0.8) for name in ("asin", "acos", "atanh", "log1p")}
    made["acosh"] = draw.unary(1.3, 3.0)
    # Constant between the integers, so away from them.
    made |= {name: draw.unary(1.1, 1.4) for name in ("floor", "ceil", "trunc", "round")}
    made["round_decimals"] = [
        draw(draw.uniform(1.12, 1.14, 3), decimals=1),
        draw(draw.uniform(11.0, 14.0, 2), decimals=-1),
    ]
    for name in ("tanh_backward", "sigmoid_backward", "threshold_backward"):
        made[name] = [draw(draw.normal(*shape), draw.uniform(0.1, 0.9, *shape)) for shape in ((), (3, 2), (0, 3))]
    made["to_copy"] = [draw(draw.normal(2, 3), dtype="float64", back="float64")]
    return made
