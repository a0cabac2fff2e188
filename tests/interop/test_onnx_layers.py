"""Which modules can be written as ONNX, and what is said of those that cannot. The graphs are run in tests/parity."""

from __future__ import annotations

import pytest

from mytorch import nn
from mytorch.interop.onnx_graph import ROWS_TO_TRY, Writer, example, record_calls
from mytorch.interop.onnx_layers import emitter_of, emitters
from mytorch.training.errors import UserError


class Renamed(nn.Linear):
    pass


class Doubled(nn.Linear):
    def forward(self, input):
        return 2 * super().forward(input)


class OwnWords(Doubled):
    def to_onnx(self, layer, input):
        return f"{input} of {layer.place}"


class Silent(Doubled):
    def to_onnx(self, layer, input):
        pass


class Broken(Doubled):
    def to_onnx(self, layer, input):
        return input[99]


class Twice(nn.Module):
    def __init__(self):
        self.inner = nn.Identity()

    def forward(self, input):
        return self.inner(input)

    def to_onnx(self, layer, input):
        return layer.child("inner", self.inner, layer.child("inner", self.inner, input))


def test_a_subclass_is_written_as_its_base_unless_it_computes_something_else():
    assert emitter_of(Renamed(2, 3)) is emitters()[nn.Linear]
    assert emitter_of(Doubled(2, 3)) is None
    model = nn.Sequential(nn.Identity(), OwnWords(2, 3))
    assert Writer(model, [example((2,))]).write(model, "", "x") == "x of 1"


def test_the_shapes_of_all_calls_are_noted():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.Unflatten(1, (2, 2)), nn.Flatten(), shared).train()
    calls = record_calls(model, [example((4,))])
    assert [call.inputs[0][0] for call in calls[id(shared)]] == [(ROWS_TO_TRY, 4)] * 2
    assert calls[id(model[1])][0].outputs[0][0] == (ROWS_TO_TRY, 2, 2)
    assert model.training


def hooked():
    layer = nn.ReLU()
    layer.register_forward_hook(lambda module, arguments, result: 2 * result)
    return layer


@pytest.mark.parametrize(
    ("layer", "row", "why"),
    [
        (Doubled(4, 4), (4,), r"layer 0\.1 \(Doubled\) cannot be exported to ONNX: there is no rule.*to_onnx"),
        (Silent(4, 4), (4,), r"\(Silent\).*must return the name of a value"),
        (Broken(4, 4), (4,), r"\(Broken\).*its to_onnx failed: IndexError"),
        (Twice(), (4,), r"layer 0\.1\.inner: a to_onnx writes it more often than forward calls it"),
        (hooked(), (4,), "forward hook"),
        (nn.MaxPool1d(2, return_indices=True), (3, 4), r"\(MaxPool1d\).*several results"),
        (nn.Flatten(0), (4,), r"\(Flatten\).*changes the number of rows"),
        (nn.Conv1d(ROWS_TO_TRY, ROWS_TO_TRY, 1), (4,), r"\(Conv1d\).*the rows would be taken for channels"),
        (nn.InstanceNorm1d(ROWS_TO_TRY), (4,), r"\(InstanceNorm1d\).*the rows would be taken for channels"),
        (nn.TransformerEncoderLayer(4, 2, 3), (5, 4), r"\(MultiheadAttention\).*batch_first=True"),
        (nn.TransformerEncoderLayer(4, 2, 3, batch_first=True), (4,), r"the rows would be taken for channels"),
        (
            nn.TransformerEncoderLayer(4, 2, 3, batch_first=True, activation=nn.functional.silu),
            (5, 4),
            r"activation is a function that has no counterpart",
        ),
        (nn.Unfold(1), (4, 4), r"\(Unfold\).*the rows would be taken for channels"),
    ],
)
def test_what_cannot_be_written_is_named_with_its_place(layer, row, why):
    model = nn.Sequential(nn.Sequential(nn.Identity(), layer))
    with pytest.raises(UserError, match=why):
        Writer(model, [example(row)]).write(model, "", "input")
