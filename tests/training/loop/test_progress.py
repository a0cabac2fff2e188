"""The progress display: little of it, on standard error, and a terminal that is whole afterwards."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from mytorch.training.loop.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(stream: io.StringIO, epochs: int, mode: str = "auto", first: int = 1) -> str:
    with Progress(epochs, mode, stream) as progress:  # type: ignore[arg-type]
        for epoch in range(first, epochs + 1):
            progress.epoch(epoch, {"train_loss": 1 / epoch, "validation_loss": None, "learning_rate": 1e-3})
    return stream.getvalue()


@pytest.mark.parametrize("epochs", [1, 2, 17, 18, 19, 20, 36, 37, 200, 1000, 99_999])
def test_plain_lines_are_few_and_hold_first_and_last(epochs: int) -> None:
    lines = show(io.StringIO(), epochs).splitlines()
    assert min(epochs, 10) <= len(lines) <= 20
    assert lines[0].split() == [
        "epoch",
        *f"{1:{len(str(epochs))}}/{epochs}".split(),
        "train",
        "1",
        "lr",
        "0.001",
    ]
    assert f"epoch {epochs}/{epochs}" in lines[-1]


def test_plain_lines_of_a_resumed_run() -> None:
    lines = show(io.StringIO(), 200, first=151).splitlines()
    assert lines[0].startswith("epoch 151/200")
    assert lines[-1].startswith("epoch 200/200")


def test_quiet_shows_nothing() -> None:
    assert show(Terminal(), 50, "quiet") == ""


def test_live_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    shown = show(Terminal(), 200)
    assert "epoch 200/200" in shown
    assert "train 0.005" in shown
    assert "0s left" in shown
    assert shown.count("epoch ") < 20  # not two hundred
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back


def test_plain_on_a_terminal_that_cannot_move_its_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in show(Terminal(), 20)


def test_ctrl_c_leaves_the_terminal_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()

    def interrupted() -> None:
        with Progress(10, "auto", stream) as progress:
            progress.epoch(1, {"train_loss": 1.0})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")
    assert stream.getvalue().endswith("\n") or stream.getvalue().endswith("\x1b[?25h")


def test_standard_output_stays_clean_and_rich_is_not_imported() -> None:
    program = (
        "import sys\n"
        "from mytorch.training.loop.progress import Progress\n"
        "with Progress(3) as progress:\n"
        "    progress.epoch(1, {'train_loss': 1.0})\n"
        "assert 'rich' not in sys.modules\n"
        "print('result')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "result\n"
    assert done.stderr.endswith("epoch 1/3  train 1\n")


def test_a_result_printed_into_a_pipe_is_not_moved_to_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with Progress(3, "live", Terminal()) as progress:
        progress.epoch(1, {})
        print("result")
    assert capsys.readouterr().out == "result\n"
