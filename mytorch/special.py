"""`torch.special`: mathematical functions under the names that they have in SciPy, handed on from `mytorch.ops`.

>>> import mytorch
>>> mytorch.special.expit(mytorch.tensor([0.0]))
tensor([0.5000])
"""

from __future__ import annotations

from mytorch.ops.bessel import i0, i0e, i1, i1e
from mytorch.ops.elementwise import erf, exp2, expm1, log1p
from mytorch.ops.elementwise import sigmoid as expit
from mytorch.ops.error_function import erfc, erfcx, erfinv, log_ndtr, ndtr, ndtri
from mytorch.ops.gamma import digamma, polygamma, zeta
from mytorch.ops.gamma import lgamma as gammaln
from mytorch.ops.gamma import mvlgamma as multigammaln
from mytorch.ops.incomplete_gamma import igamma as gammainc
from mytorch.ops.incomplete_gamma import igammac as gammaincc
from mytorch.ops.logarithmic import entr, logit, sinc, xlog1py, xlogy
from mytorch.ops.reduction import logsumexp
from mytorch.ops.rounding import round
from mytorch.ops.softmax import log_softmax, softmax

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit", "expm1", "gammainc", "gammaincc", "gammaln",
    "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri",
    "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip

psi = digamma
