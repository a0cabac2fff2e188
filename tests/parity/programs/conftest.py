"""The programs import PyTorch as anybody's do; test_programs.py runs them, pytest is not to import them."""

collect_ignore_glob = ["*.py"]
