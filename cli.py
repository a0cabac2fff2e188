"""The command line: the commands of `mytorch_cli`, and what becomes of errors and warnings."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

from mytorch_cli import looking, runs, training

app = typer.Typer(
    name="mytorch",
    help="Train, score and look at models described in YAML files.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for _commands in (training, looking, runs):  # in the order of the help
    app.add_typer(_commands.app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from mytorch.version import __version__

        typer.echo(f"mytorch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. Exit code 2: a user's mistake; 1: a failed run; 130 or 143: interrupted."""
    warnings.showwarning = _show_warning
    if hasattr(sys.stdout, "reconfigure"):  # a name that the terminal's encoding lacks is printed as \\uac00
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            from mytorch.training.own_code import own_place, told

            if not own_place(error):
                raise
            print(f"error: in your own code: {told(error)}", file=sys.stderr)
            sys.exit(1)
        message = _without_number(error) if isinstance(error, OSError) else error
        print(f"{'' if code > 128 else 'error: '}{message}", file=sys.stderr)
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    """The exit code for an error that is meant for the user; None for one that is a defect of the program."""
    from mytorch.training.errors import Interrupted, RunFailed, UserError

    if isinstance(error, Interrupted):
        return error.exit_code
    kinds = {UserError: 2, RunFailed: 1, OSError: 1}
    return next((code for kind, code in kinds.items() if isinstance(error, kind)), None)


def _without_number(error: OSError) -> str:
    """What the system says, without its error number: `FILE: No space left on device`."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def _show_warning(message: Warning | str, *_where: Any, **_more: Any) -> None:
    """A warning as one line for people, without the place in the program that gave it."""
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    main()
