"""All rows of the table, one file a family."""

from __future__ import annotations

from benchmarks.workload import Workload
from benchmarks.workloads import chain, convolution, loading, mlp, process, sequence

TRAININGS = [*mlp.WORKLOADS, *convolution.WORKLOADS, *sequence.WORKLOADS]
WORKLOADS: list[Workload] = [
    *TRAININGS,
    *chain.WORKLOADS,
    *loading.WORKLOADS,
    *process.WORKLOADS,
    *[process.step_memory(workload) for workload in TRAININGS if workload.name in ("cnn", "resnet")],
]
