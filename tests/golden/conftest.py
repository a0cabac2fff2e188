"""The scripts that recorded the figures need other libraries; they are run by hand, not collected."""

collect_ignore_glob = ["record_*.py"]
