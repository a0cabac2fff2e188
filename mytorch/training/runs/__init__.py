"""The run directory and its files: where they lie, who may write them, checkpoints, and how a run stands."""
