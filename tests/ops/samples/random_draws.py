"""Samples of the operations that record a draw: their gradients are 0, whatever was drawn."""


def samples(draw):
    one = [draw(draw.normal(2, 3)), draw(draw.normal()), draw(draw.normal(0))]
    two = [
        draw(draw.normal(2, 3), draw.normal(3)),
        draw(draw.normal(), draw.normal(2)),
        draw(draw.normal(0), draw.normal(0)),
    ]
    return {"bernoulli": one, "poisson": one, "normal": two}
