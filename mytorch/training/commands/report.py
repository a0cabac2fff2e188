"""`mytorch report`: the page of a run written again, or one page that compares several runs or those of a series."""

from __future__ import annotations

from pathlib import Path

from mytorch.training.commands.comparison import differing_keys, key_rows, names_of, score_rows, scores_of
from mytorch.training.commands.run_table import line_of
from mytorch.training.commands.several import series_of
from mytorch.training.console import check_output, print_json
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.report.page import write_comparison, write_report
from mytorch.training.runs.run import LATEST, Run


def report(selectors: list[str], *, runs_dir: Path, output: Path | None = None, json: bool = False) -> None:
    """Write the page; say where it is."""
    series = [None if selector == LATEST else series_of(selector, runs_dir) for selector in selectors]
    runs = [
        run
        for selector, of in zip(selectors, series, strict=True)
        for run in ([Run.find(runs_dir, selector)] if of is None else of.runs.values())
    ]
    names = names_of(runs)
    first = series[0]
    if output is not None:
        path = output
    elif len(selectors) == 1:
        path = runs[0].report if first is None else first.path / "report.html"
    else:
        path = runs_dir / "comparison.html"
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"-o: expected the name of an HTML file, such as report.html, got {str(path)!r}")
    check_output(path)
    try:
        if len(runs) == 1:
            write_report(runs[0], path)
        else:
            lines = [line_of(run) for run in runs]
            scores = [scores_of(run, line.state) for run, line in zip(runs, lines, strict=True)]
            keys = key_rows(differing_keys(runs))
            write_comparison(dict(zip(names, runs, strict=True)), path, keys, score_rows(lines, scores))
    except OSError as error:
        raise RunFailed(f"cannot write {path}: {error.strerror or error}; -o FILE.html chooses another") from None
    if json:
        print_json({"report": path})
    else:
        print(f"report:  {path}")
