"""The benchmark suite: `python -m benchmarks` prints one table of workloads: ours, PyTorch's and NumPy by hand."""

import mytorch  # noqa: F401 - before any file here loads NumPy: it sets up BLAS
