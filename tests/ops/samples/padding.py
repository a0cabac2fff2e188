"""Samples of borders, also negative ones."""


def samples(draw):
    pairs = [((0, 0), (1, 2)), ((0, 0), (-1, 1)), ((1, 0), (2, 1))]
    made = {
        "pad_constant": [draw(draw.normal(2, 3), widths=w, value=1.5) for w in (*pairs, ((1, -1), (-2, 0)))],
        "pad_copied": [],
        "pad_folded": [],
    }
    for mode in ("reflect", "replicate", "circular"):
        for widths in pairs:
            size = (2 + sum(widths[0]), 3 + sum(widths[1]))
            made["pad_copied"].append(draw(draw.normal(2, 3), widths=widths, mode=mode))
            made["pad_folded"].append(draw(draw.normal(*size), widths=widths, mode=mode))
    return made
