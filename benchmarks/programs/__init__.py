"""Programs that run as processes of their own: PyTorch's side of whole trainings, and what measures a process."""
