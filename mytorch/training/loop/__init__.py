"""The training loop and its state: steps, averages, schedules, scores, gates, and going on from a checkpoint."""
