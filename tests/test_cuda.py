"""Without a GPU, `mytorch.cuda` says so, and what needs one gives one clear error."""

from __future__ import annotations

import pytest

import mytorch


def test_there_is_no_gpu():
    assert not mytorch.cuda.is_available()
    assert mytorch.cuda.device_count() == 0


def test_seeding_it_is_no_error():
    mytorch.cuda.manual_seed(0)
    mytorch.cuda.manual_seed_all(0)
    mytorch.cuda.empty_cache()


@pytest.mark.parametrize(
    "use",
    [
        lambda: mytorch.cuda.current_device(),
        lambda: mytorch.cuda.synchronize(),
        lambda: mytorch.ones(2).cuda(),
        lambda: mytorch.zeros(2, device="cuda:0"),
        lambda: mytorch.nn.Linear(2, 2).to(mytorch.device("cuda")),
    ],
)
def test_using_it_is_one_clear_error(use):
    with pytest.raises(RuntimeError, match="computes on the CPU only"):
        use()
