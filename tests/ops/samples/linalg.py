"""Samples of products of vectors and matrices, and of formulas with several operands."""


def samples(draw):
    n = draw.normal
    linear = [draw(n(2, 3), n(4, 3), n(4)), draw(n(0, 3), n(2, 3), n(2)), draw(n(2, 0), n(2, 0), n(2))]
    batched = [draw(n(3), n(2, 3), n(2)), draw(n(2, 1, 3), n(2, 3), n(2)), draw(n(2, 2, 3), n(0, 3), n(0))]

    def bare(cases):
        return [draw(case.inputs[0], case.inputs[1], None) for case in cases]

    return {
        "mm": [draw(n(2, 3), n(3, 2)), draw(n(2, 0), n(0, 3)), draw(n(0, 2), n(2, 3))],
        "matmul": [draw(n(2, 2, 3), n(3, 2)), draw(n(2, 1, 2, 2), n(1, 2, 2, 1)), draw(n(1, 2), n(2, 2, 1))],
        "bmm": [draw(n(2, 1, 3), n(2, 3, 2)), draw(n(0, 1, 3), n(0, 3, 2))],
        "mv": [draw(n(2, 3), n(3)), draw(n(2, 0), n(0))],
        "dot": [draw(n(3), n(3)), draw(n(0), n(0))],
        "outer": [draw(n(2), n(3)), draw(n(0), n(3))],
        "sum_rows": [draw(n(3, 2)), draw(n(0, 2)), draw(n(1, 4))],
        "linear": linear,
        "linear_no_bias": bare(linear),
        "linear_batched": batched,
        "linear_batched_no_bias": bare(batched),
        "contract": [
            draw(n(2, 3), n(3, 2), terms=("ij", "jk"), out="ik"),
            draw(n(2, 3), n(3), n(2, 3), terms=("ij", "j", "ij"), out="i"),
            draw(n(2, 3), n(1, 3), terms=("ij", "ij"), out="ji"),
            draw(n(2, 3), terms=("ij",), out="ji"),
        ],
        "addcmul": [draw(n(2, 3), n(3), n(2, 1), value=0.5), draw(n(), n(2), n(), value=2)],
        "addcdiv": [draw(n(2, 3), n(3), draw.uniform(0.5, 2, 2, 1), value=0.5)],
        "lerp_number": [draw(n(2, 3), n(3), weight=0.3), draw(n(2), n(2), weight=0.9)],
        "lerp": [draw(n(2, 3), n(3), draw.uniform(0.1, 0.4, 2, 1)), draw(n(2), n(2), draw.uniform(0.6, 0.9, 2))],
        "addmm": [draw(n(2, 2), n(2, 3), n(3, 2), beta=0.5, alpha=2), draw(n(2), n(2, 3), n(3, 2), beta=1, alpha=1),
                  draw(n(2, 1), n(2, 0), n(0, 2), beta=1, alpha=1)],
    }  # fmt: skip
