"""Samples of recurrent layers: with and without biases, both directions, steps of different sizes, runs of several."""

import itertools


def samples(draw):
    def layer(gates, states, sizes, features, units, bias, reverse, outputs=None, project=False, **options):
        outputs, rows = outputs or units, gates * units
        sides = [outputs, units][:states]
        weights = [(rows, features), (rows, outputs), *([(rows,)] * 2 if bias else [])]
        arrays = [
            draw.uniform(-1, 1, *shape) for shape in [(sum(sizes), features), *[(sizes[0], n) for n in sides], *weights]
        ]
        if not bias:
            arrays += [None, None]
        if project:
            arrays.append(draw.uniform(-1, 1, outputs, units) if outputs != units else None)
        return draw(*arrays, sizes=sizes, reverse=reverse, **options)

    return {
        "lstm_layer": [
            layer(4, 2, (2, 1), 1, 1, True, False, project=True),
            layer(4, 2, (1, 1), 1, 2, False, True, outputs=1, project=True),
            layer(4, 2, (2,), 1, 1, False, False, project=True),
        ],
        "gru_layer": [layer(3, 1, (2, 1), 1, 1, True, False), layer(3, 1, (1, 1), 1, 2, False, True)],
        "rnn_layer": [
            layer(1, 1, sizes, 1, 2, bias, reverse, relu=relu)
            for (sizes, bias, reverse), relu in itertools.product(
                [((2, 1), True, False), ((2, 2), False, True)], (False, True)
            )
        ],
    }
