"""What is measured in every training, and what it says in plain words."""
