"""report.html: one page that holds all of a run."""
