"""Devices: names, equality, and the one error where a device is not there."""

from __future__ import annotations

import pytest

from mytorch.backend.device import CPU, device, require


def test_names():
    assert repr(device("cpu")) == "device(type='cpu')"
    assert repr(device("cuda:1")) == "device(type='cuda', index=1)"
    assert str(device("cuda", 2)) == "cuda:2"
    assert str(device(3)) == "cuda:3"
    assert device(device("cuda:1")) == device("cuda:1")
    assert device("cuda") != device("cuda:0")
    assert device("cpu") != "cpu"
    assert len({device("cpu"), CPU, device("cuda")}) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("tpu",), RuntimeError, "Expected one of cpu, cuda device type at start of device string: tpu"),
        (("cuda:x",), RuntimeError, "Invalid device string: 'cuda:x'"),
        (("cuda:",), RuntimeError, "Invalid device string"),
        (("cuda:1", 2), RuntimeError, "index was passed explicitly"),
        ((1.5,), TypeError, "expected a name"),
    ],
)
def test_mistakes(arguments, error, message):
    with pytest.raises(error, match=message):
        device(*arguments)


def test_only_the_cpu_is_there():
    assert require(None) is CPU
    assert require("cpu") == CPU
    with pytest.raises(RuntimeError, match=r"no tensor can be put on 'cuda:0'.*is_available.*Use device='cpu'"):
        require("cuda:0")
