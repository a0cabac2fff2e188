"""What commands print: tables whose columns stand below each other on a terminal."""

from __future__ import annotations

from mytorch.training.console import print_table


def test_letters_that_take_two_places_are_counted_as_two(capsys):
    print_table(["run", "epochs"], [["보스턴", "150"], ["boston", "8"]], right=[1])
    assert capsys.readouterr().out.splitlines() == ["run     epochs", "보스턴     150", "boston       8"]
