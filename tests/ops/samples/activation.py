"""Samples of activation functions, away from their kinks."""


def samples(draw):
    wide = draw.unary(-4.2, 4.4)
    x = [sample.inputs[0] for sample in wide]
    made = dict.fromkeys(("hardsigmoid", "hardswish", "log_sigmoid", "silu", "mish", "gelu", "gelu_tanh"), wide)
    made["leaky_relu"] = [draw(a, slope=0.2) for a in x]
    made["hardtanh"] = [draw(a, low=-1.5, high=0.75) for a in x]
    made["threshold"] = [draw(a, threshold=0.02, value=-3.0) for a in x]
    made["softshrink"] = made["hardshrink"] = [draw(a, lambd=0.05) for a in x]
    made["elu"] = [draw(a, alpha=0.7, scale=1.3, rate=2.0) for a in x]
    made["softplus"] = [draw(a, beta=2.0, threshold=5.0) for a in x]
    made["prelu"] = [draw(a, draw.normal()) for a in x] + [draw(draw.normal(2, 3), draw.normal(3))]
    over = [draw(draw.normal(), axis=()), draw(draw.normal(4), axis=(0,)), draw(draw.normal(2, 3), axis=(1,))]
    over += [
        draw(draw.normal(2, 3, 2), axis=(1,)),
        draw(draw.normal(0, 3), axis=(0,)),
        draw(draw.normal(2, 0), axis=(1,)),
    ]
    made["softmax"] = made["log_softmax"] = over
    return made
