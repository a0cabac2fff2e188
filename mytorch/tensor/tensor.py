"""`Tensor`: the array object that users hold.

What it is, how it gets out of the tensor world, and its side of autograd are in this file. The operators and the
methods that compute are handed on from `mytorch.ops` in `mytorch.tensor.methods`; `mytorch.tensor.memory` has where its
elements lie, `mytorch.tensor.conversions` how it changes its type.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from mytorch.autograd import engine
from mytorch.autograd.application import register_tensor_class, wrap
from mytorch.autograd.node import Handle, Node, Pick
from mytorch.backend import dtypes
from mytorch.ops import pieces
from mytorch.ops import shape as shapes
from mytorch.tensor.conversions import TensorConversions
from mytorch.tensor.memory import TensorMemory
from mytorch.tensor.methods import TensorMethods
from mytorch.tensor.printing import tensor_repr


class Size(tuple[int, ...]):
    """A tensor's shape: a tuple that prints as PyTorch's does.

    >>> Size((2, 3)), Size((2, 3)).numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The product of the sizes."""
        return int(np.prod(self, dtype=np.int64))

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if isinstance(index, slice) else found


class Tensor(TensorMethods, TensorMemory, TensorConversions):
    """An n-dimensional array that knows how it was computed. Made with `mytorch.tensor(...)` and the like.

    >>> import mytorch
    >>> x = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ()
    __array_priority__ = 1000  # so that NumPy leaves `array + tensor` to __radd__

    hooks: dict[int, Callable[..., Any]] | None = None  # on the gradient of a leaf
    after_accumulation: dict[int, Callable[..., Any]] | None = None

    def __init__(self, *args: Any) -> None:
        """`Tensor()` is empty, `Tensor(2, 3)` uninitialised of that shape, `Tensor([1, 2])` holds those values."""
        if len(args) == 1 and not isinstance(args[0], int):
            source = args[0].array if isinstance(args[0], Tensor) else args[0]
            self.array = np.array(source, dtype=dtypes.default_float())
        else:
            self.array = np.empty(args or (0,), dtype=dtypes.default_float())
        self._grad = self.node = self.version = self.base = None
        self.needs_grad = False

    # --- what it is -----------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> dtypes.dtype:
        """The element type."""
        return dtypes.of(self.array.dtype)

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.array.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.nbytes

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel
    ndimension = dim

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.array.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the elements are floats."""
        return self.array.dtype.kind == "f"

    def is_complex(self) -> bool:
        """Whether the elements are complex."""
        return self.array.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Whether the elements can be negative."""
        return self.dtype.is_signed

    # --- out of the tensor world ----------------------------------------------------------------------------------

    def item(self) -> Any:
        """The one element as a Python number.

        Raises:
            RuntimeError: there is not exactly one element.

        >>> import mytorch
        >>> mytorch.tensor([[2.5]]).item()
        2.5
        """
        if self.array.size != 1:
            raise RuntimeError(f"a Tensor with {self.array.size} elements cannot be converted to Scalar")
        return self.array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self.array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The NumPy array that the tensor holds: the same memory.

        Raises:
            RuntimeError: the tensor requires a gradient (writing to the array would go unseen) and not `force`.
        """
        if self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        return np.array(array, dtype=dtype, copy=copy) if copy is not None else np.asarray(array, dtype=dtype)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
        return wrap(np.asarray(array))

    def _number(self) -> Any:
        """The one element, for Python's number types, which expect a ValueError where there is not exactly one."""
        if self.array.size != 1:
            raise ValueError(
                f"only one element tensors can be converted to Python scalars, this one has {self.array.size}"
            )
        return self.array.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub" or self.array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.array.item())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            what = "no values" if not self.array.size else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self.array.item())

    def is_nonzero(self) -> bool:
        """Whether the one element is not 0; RuntimeError if there is not exactly one."""
        return bool(self)

    def __len__(self) -> int:
        if not self.array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(pieces.unbind(self))

    def __reversed__(self) -> Tensor:
        return shapes.flip(self, 0) if self.array.ndim else self

    def __delitem__(self, index: Any) -> NoReturn:
        raise TypeError("Tensor does not support deleting items")

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (Tensor, int, float, complex, np.generic)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return bool((self == element).any())

    def __repr__(self) -> str:
        return tensor_repr(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if not self.array.ndim else object.__format__(self, spec)

    def __hash__(self) -> int:
        return id(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            "a Tensor cannot be pickled: loading a pickle can run any code. Save it with mytorch.save, or its values "
            "with safetensors."
        )

    def __copy__(self) -> Tensor:
        """Another leaf on the same memory, with the same gradient and attributes."""
        copy: Tensor = self._leaf(self.array)
        copy.version = self.counter()
        copy._grad = self._grad
        return copy

    def _leaf(self, array: Any) -> Tensor:
        """A leaf of this tensor's class and attributes around another raw array."""
        leaf = type(self).__new__(type(self))
        leaf._grad = leaf.node = leaf.version = leaf.base = None
        leaf.array, leaf.needs_grad = array, self.needs_grad
        leaf.__dict__.update({k: v for k, v in self.__dict__.items() if k not in ("hooks", "after_accumulation")})
        return leaf

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.node is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment. Use x.detach().clone() for a copy without history."
            )
        copy = self._leaf(self.array.copy(order="K"))
        memo[id(self)] = copy
        copy._grad = None if self._grad is None else wrap(self._grad.array.copy())
        return copy

    # --- gradients ------------------------------------------------------------------------------------------------

    @property
    def grad(self) -> Tensor | None:
        """The sum of the gradients that have reached this leaf, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value.array.shape != self.array.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: expected {self.shape}, got {value.shape}"
                )
            if value.array.dtype != self.array.dtype:
                raise RuntimeError(
                    f"assigned grad has data of a different type: expected {self.dtype}, got {value.dtype}"
                )
        self._grad = value

    @property
    def data(self) -> Tensor:
        """The same memory without history. Changes through it are not seen by the engine: prefer `no_grad`."""
        return wrap(self.array)

    @data.setter
    def data(self, value: Any) -> None:
        self.array = value.array if isinstance(value, Tensor) else np.asarray(value)

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made this tensor, or None for a leaf."""
        if self.node is None:
            return None
        return (self.node.edges[0] if isinstance(self.node, Pick) else self.node).shown()

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self.node is None

    @property
    def _version(self) -> int:
        return 0 if self.version is None else self.version[0]

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` this is."""
        return self.node.index if isinstance(self.node, Pick) else 0

    @property
    def retains_grad(self) -> bool:
        """Whether a tensor that is no leaf keeps its gradient."""
        return self.node is not None and self.node.captured_by is not None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say in place whether gradients flow to this tensor.

        Raises:
            RuntimeError: it is not floating point, or it is no leaf and the answer would be no.
        """
        self.requires_grad = requires_grad
        return self

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add this tensor's gradients to the `.grad` of the leaves that it was made from. See `autograd.backward`."""
        engine.backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same memory, cut off from the graph: no gradient flows through it."""
        out = wrap(self.array)
        out.version = self.counter()
        return out

    def detach_(self) -> Tensor:
        """Cut this tensor itself off from the graph: it becomes a leaf that requires no gradient."""
        if self.base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.node, self.needs_grad = None, False
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in `.grad` although it is no leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.node is not None:
            self.node.captured_by = weakref.ref(self)
            self.node.special = True

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Handle:
        """Call `hook(grad)` when the gradient of this tensor is complete; what it returns replaces the gradient."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        owner: Any = self
        if self.node is not None:
            owner = self.node
            owner.special = True
        if owner.hooks is None:
            owner.hooks = {}
        return Handle.add(owner.hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Handle:
        """Call `hook(tensor)` each time a gradient has been added to this leaf's `.grad`."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.node is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if self.after_accumulation is None:
            self.after_accumulation = {}
        return Handle.add(self.after_accumulation, hook)


register_tensor_class(Tensor)
