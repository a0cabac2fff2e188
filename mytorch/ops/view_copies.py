"""The views as copies: `squeeze_copy` is `squeeze` with memory of its own, and so on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from mytorch.backend.memory_format import contiguous_format
from mytorch.ops import pieces, shape, strided, triangle
from mytorch.ops.splitting import split_with_sizes

P = ParamSpec("P")

__all__ = [
    "alias_copy", "as_strided_copy", "detach_copy", "diagonal_copy", "expand_copy", "narrow_copy", "permute_copy",
    "select_copy", "slice_copy", "split_copy", "split_with_sizes_copy", "squeeze_copy", "t_copy", "transpose_copy",
    "unbind_copy", "unfold_copy", "unsqueeze_copy", "view_copy",
]  # fmt: skip


def _copied(name: str, view: Callable[P, Any]) -> Callable[P, Any]:
    """The function of that name: what a view function gives, copied; several views are copied each."""

    @functools.wraps(view)
    def copy(*args: P.args, **kwargs: P.kwargs) -> Any:
        found = view(*args, **kwargs)
        if isinstance(found, tuple):
            return tuple([shape.clone(x, memory_format=contiguous_format) for x in found])
        return shape.clone(found, memory_format=contiguous_format)

    copy.__name__ = copy.__qualname__ = name
    copy.__doc__ = f"`{name.removesuffix('_copy')}`, copied: the result has memory of its own."
    return copy


def _alias(input: Any) -> Any:
    return input


def _detach(input: Any) -> Any:
    return input.detach()


alias_copy = _copied("alias_copy", _alias)
as_strided_copy = _copied("as_strided_copy", strided.as_strided)
detach_copy = _copied("detach_copy", _detach)
diagonal_copy = _copied("diagonal_copy", triangle.diagonal)
expand_copy = _copied("expand_copy", shape.expand)
narrow_copy = _copied("narrow_copy", pieces.narrow)
permute_copy = _copied("permute_copy", shape.permute)
select_copy = _copied("select_copy", pieces.select)
slice_copy = _copied("slice_copy", strided.slice_view)
split_copy = _copied("split_copy", pieces.split)
split_with_sizes_copy = _copied("split_with_sizes_copy", split_with_sizes)
squeeze_copy = _copied("squeeze_copy", shape.squeeze)
t_copy = _copied("t_copy", shape.t)
transpose_copy = _copied("transpose_copy", shape.transpose)
unbind_copy = _copied("unbind_copy", pieces.unbind)
unfold_copy = _copied("unfold_copy", strided.unfold)
unsqueeze_copy = _copied("unsqueeze_copy", shape.unsqueeze)
view_copy = _copied("view_copy", shape.view)
