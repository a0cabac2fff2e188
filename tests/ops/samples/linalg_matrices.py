"""Samples of functions of matrices: systems of equations, determinants, decompositions. All matrices are well conditioned.

Where only one triangle of a symmetric matrix is looked at, the derivative is that of symmetric changes. So the samples
ask for the mean of both triangles.
"""

import numpy as np


def samples(draw):
    n = draw.normal

    def square(*shape):
        """Matrices whose pivots and singular values are far from each other and from 0."""
        size = shape[-1]
        return np.diag(np.arange(2.0, 2.0 + size)) + 0.3 * n(*shape)

    def symmetric(*shape):
        x = square(*shape)
        return (x + x.swapaxes(-1, -2)) / 2

    squares = [square(3, 3), square(2, 2, 2), square(1, 1), square(0, 0), square(0, 2, 2)]
    shapes = [n(3, 3), n(2, 3), n(3, 2), n(2, 3, 2), n(3, 0), n(0, 2)]
    empty = [n(0, 2, 2)]
    lower = np.tril(square(2, 3, 3))
    return {
        "inverse": [draw(x) for x in squares],
        "linalg_solve": [
            draw(square(3, 3), n(3, 2)), draw(square(2, 2, 2), n(2, 1)), draw(square(2, 2), n(2, 2, 1)),
            draw(square(2, 2), n(2, 0)), draw(square(0, 0), n(0, 2)),
        ],
        "linalg_solve_triangular": [draw(lower[0], n(3, 2), upper=False), draw(lower, n(3, 1), upper=False)],
        "linalg_det": [draw(x) for x in (*squares, np.diag([2.0, 0.0, 1.0]), np.ones((2, 2)))],
        "linalg_slogdet": [draw(x) for x in (*squares, -square(3, 3))],
        "linalg_cholesky": [draw(symmetric(3, 3), whole=True), draw(symmetric(2, 2, 2), whole=True)],
        "linalg_eigh": [draw(symmetric(3, 3), triangle=None), draw(symmetric(2, 2, 2), triangle=None)],
        "linalg_qr": [
            *[draw(x, mode="reduced") for x in shapes[:4] + empty],
            draw(n(2, 2), mode="complete"), draw(n(2, 3), mode="complete"),
        ],
        "linalg_svd": [
            *[draw(x, full_matrices=False) for x in shapes[:4] + empty],
            draw(square(3, 3), full_matrices=True),
        ],
        "linalg_pinv": [
            *[draw(x, atol=None, rtol=None, hermitian=False) for x in shapes[:4]],
        ],
        "linalg_lu_factor": [draw(x) for x in (square(3, 3), square(2, 2, 2), n(2, 3), n(3, 2), n(2, 1, 2))],
        "linalg_matrix_exp": [draw(n(2, 2)), draw(n(2, 2, 2)), draw(4 * n(2, 2)), draw(n(0, 0))],
    }  # fmt: skip
