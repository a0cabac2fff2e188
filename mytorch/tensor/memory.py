"""Where a tensor's elements lie: strides, memory formats, storage, the methods that lay it out anew, and DLPack.

Nearly all of PyTorch's questions about other kinds of memory have one answer here, since there is one kind.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.backend import device as devices
from mytorch.backend import memory_format as formats
from mytorch.backend import storage
from mytorch.ops import shape as shapes
from mytorch.ops.dims import as_shape, normalize_dim
from mytorch.ops.transposition import transposed
from mytorch.tensor.storage import TypedStorage, UntypedStorage

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


class TensorMemory(DifferentiableArray):
    """Where a tensor's elements lie. Users meet it as `mytorch.Tensor`."""

    __slots__ = ()

    # --- one kind of memory -----------------------------------------------------------------------------------------

    is_cpu = True
    is_cuda = is_sparse = is_sparse_csr = is_quantized = is_meta = is_mkldnn = is_nested = False
    is_mps = is_xpu = is_ipu = is_xla = is_mtia = is_maia = is_vulkan = False
    layout = formats.strided

    @property
    def device(self) -> devices.device:
        """Where the memory is."""
        return devices.CPU

    def get_device(self: Any) -> int:
        """The number of the GPU; -1 on the CPU."""
        return -1

    def is_pinned(self: Any) -> bool:
        """Whether the memory is page-locked for a GPU: never."""
        return False

    def pin_memory(self: Any, device: Any = None) -> Tensor:
        """The tensor itself: there is no GPU to which page-locked memory would be copied faster."""
        out: Tensor = self
        return out

    def is_shared(self: Any) -> bool:
        """Whether other processes see the memory: never."""
        return False

    def is_inference(self: Any) -> bool:
        """Whether the tensor must stay out of autograd: none must, `inference_mode` makes ordinary tensors."""
        return False

    def is_conj(self: Any) -> bool:
        """Whether the elements are yet to be conjugated: never, `conj` does it at once."""
        return False

    def is_neg(self: Any) -> bool:
        """Whether the elements are yet to be negated: never."""
        return False

    # --- where the elements lie -------------------------------------------------------------------------------------

    def is_contiguous(self: Any, *, memory_format: formats.memory_format = formats.contiguous_format) -> bool:
        """Whether the elements lie without gaps in row-major order, or in that of another format."""
        return formats.is_laid_out(self.array, memory_format)

    def stride(self: Any, dim: int | None = None) -> Any:
        """How many elements lie between neighbours in memory, for each dimension or for one.

        >>> import mytorch
        >>> mytorch.zeros(2, 3).t().stride()
        (1, 3)
        """
        strides = storage.strides(self.array)
        return strides if dim is None else strides[normalize_dim(dim, self.array.ndim)]

    def storage_offset(self: Any) -> int:
        """How many elements lie in memory before the tensor's first one.

        >>> import mytorch
        >>> mytorch.zeros(4)[3:].storage_offset()
        3
        """
        return storage.offset(self.array)

    def dim_order(self: Any) -> tuple[int, ...]:
        """The dimensions from that with the widest stride to that with the narrowest.

        >>> import mytorch
        >>> mytorch.zeros(2, 3, 4).permute(1, 2, 0).dim_order()
        (2, 0, 1)
        """
        return formats.order(self.array)

    def data_ptr(self: Any) -> int:
        """The address of the first element; 0 where there are none."""
        return storage.address(self.array) if self.array.size else 0

    def untyped_storage(self: Any) -> UntypedStorage:
        """The memory that this tensor and its views share, as bytes."""
        return UntypedStorage(self.array)

    def storage(self: Any) -> TypedStorage:
        """The memory that this tensor and its views share, as elements."""
        return TypedStorage(self.array, self.array.dtype)

    def is_set_to(self: Any, tensor: Tensor) -> bool:
        """Whether both show the same memory in the same way."""
        a, b = self.array, tensor.array
        same = storage.address(a) == storage.address(b) and storage.extent(a) == storage.extent(b)
        return same and a.shape == b.shape and storage.strides(a) == storage.strides(b)

    def is_same_size(self: Any, other: Tensor) -> bool:
        """Whether both have the same shape."""
        return bool(self.array.shape == other.array.shape)

    # --- turned -----------------------------------------------------------------------------------------------------

    @property
    def T(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        """The tensor with its dimensions in reverse order; meant for matrices."""
        ndim = self.array.ndim
        if not ndim:
            return transposed("Tensor.T", self)
        if ndim > 2:
            warnings.warn(
                "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it "
                "will throw an error in a future release. Consider `x.mT` to transpose batches of matrices or "
                "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.",
                stacklevel=2,
            )
        return shapes.permute(self, tuple(reversed(range(ndim))))

    @property
    def mT(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        """The last two dimensions exchanged."""
        return transposed("tensor.mT", self)

    @property
    def mH(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        """The last two dimensions exchanged, and complex elements conjugated."""
        return transposed("tensor.mH", self, conjugated=True)

    @property
    def H(self: Any) -> Tensor:  # noqa: N802 - PyTorch's name
        """A matrix with rows and columns exchanged, and complex elements conjugated."""
        if self.array.ndim not in (0, 2):
            more = ". For batches of matrices, consider using tensor.mH" if self.array.ndim > 2 else "."
            raise RuntimeError(
                f"tensor.H is only supported on matrices (2-D tensors). Got {self.array.ndim}-D tensor{more}"
            )
        return transposed("tensor.H", self, conjugated=True)

    # --- laid out anew ----------------------------------------------------------------------------------------------

    def resize_(self: Any, *size: Any, memory_format: formats.memory_format = formats.contiguous_format) -> Tensor:
        """Another shape over the same memory, whatever that then shows; with more memory where it is too small.

        Grown memory is the tensor's own: other tensors keep the memory that they shared with it.

        Raises:
            RuntimeError: the tensor requires a gradient.

        >>> import mytorch
        >>> mytorch.arange(6).resize_(2, 2)
        tensor([[0, 1],
                [2, 3]])
        """
        if self.requires_grad:
            raise RuntimeError("cannot resize variables that require grad")
        shape = as_shape(size)
        if any(n < 0 for n in shape):
            raise RuntimeError(f"resize_(): expected sizes that are not negative, got {list(shape)}")
        if shape != self.array.shape or memory_format is not formats.contiguous_format:
            strides = formats.strides_of(shape, memory_format)
            memory = _with_room(self.array, storage.span(shape, strides))
            if memory is not self.array:
                self.base = None
            self.array = storage.as_strided(memory, shape, strides, storage.offset(self.array))
            self.changed()
        out: Tensor = self
        return out

    def resize_as_(
        self: Any, the_template: Tensor, *, memory_format: formats.memory_format = formats.contiguous_format
    ) -> Tensor:
        """`resize_` to the shape of another tensor; `preserve_format` means the format of that tensor."""
        if memory_format is formats.preserve_format:
            memory_format = formats.suggested(the_template.array)
        out: Tensor = self.resize_(the_template.array.shape, memory_format=memory_format)
        return out

    def set_(
        self: Any,
        source: Tensor | UntypedStorage | None = None,
        storage_offset: int = 0,
        size: Sequence[int] | None = None,
        stride: Sequence[int] | None = None,
    ) -> Tensor:
        """Let the tensor show the memory of another one, or a storage, from now on; nothing if there is no source.

        Args:
            storage_offset: where to begin, counted from the other tensor's first element.
            size, stride: what to show; all that the other tensor shows, or all of the storage, if no size is given.

        Raises:
            RuntimeError: the tensor requires a gradient, or the element types differ.

        >>> import mytorch
        >>> x = mytorch.zeros(2)
        >>> x.set_(mytorch.ones(3))
        tensor([1., 1., 1.])
        """
        if mode.enabled and self.requires_grad:
            raise RuntimeError("set_() has no derivative: use it on tensors that require no gradient, or in no_grad()")
        if source is None:
            array = np.empty(0, self.array.dtype)
        elif isinstance(source, UntypedStorage):
            array = TypedStorage(source.array, self.array.dtype).array
        else:
            array = source.array
        if array.dtype != self.array.dtype:
            raise RuntimeError(f"Could not set tensor of type {array.dtype} to a tensor of type {self.array.dtype}")
        if size is not None:
            shape = as_shape((size,))
            strides = storage.contiguous_strides(shape) if stride is None else as_shape((stride,))
            start = storage_offset if isinstance(source, UntypedStorage) else storage.offset(array) + storage_offset
            array = storage.as_strided(array, shape, strides, start)
        self.array, self.base = array, None
        self.changed()
        out: Tensor = self
        return out

    def share_memory_(self: Any) -> Tensor:
        """Refused: the memory of one process is not seen by others. Loaders hand batches on by themselves."""
        raise RuntimeError(
            "share_memory_(): memory that several processes share is not supported; hand tensor.detach().numpy() on"
        )

    # --- element by element -----------------------------------------------------------------------------------------

    def apply_(self: Any, callable: Callable[[Any], Any]) -> Tensor:
        """Replace every element by what a Python function makes of it: slow, meant for tests.

        >>> import mytorch
        >>> mytorch.tensor([1.0, 2.0]).apply_(lambda v: v * 10)
        tensor([10., 20.])
        """
        return _write_each("apply_", self, callable)

    def map_(self: Any, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
        """Replace every element by what a Python function makes of it and of another tensor's element in its place."""
        return _write_each("map_", self, callable, tensor)

    # --- DLPack -----------------------------------------------------------------------------------------------------

    def __dlpack__(
        self: Any,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The memory as a DLPack capsule, for `from_dlpack` of any library.

        Raises:
            BufferError: the tensor requires a gradient; or the memory is read-only, and the other library asks for an
                old version of the protocol, which cannot say so.

        >>> import mytorch
        >>> shared = np.from_dlpack(mytorch.tensor([1.0, 2.0]))
        >>> shared
        array([1., 2.], dtype=float32)
        """
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if stream not in (None, -1):
            raise AssertionError("stream should be None on cpu.")
        return self.array.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self: Any) -> tuple[int, int]:
        """DLPack's numbers for the kind of device and for which one: the CPU."""
        found: tuple[int, int] = self.array.__dlpack_device__()
        return found


def _with_room(array: Any, needed: int) -> Any:
    """The array, or where its memory has no room for so many elements from its first one on, one in larger memory."""
    size = storage.extent(array)[1]
    before = storage.offset(array)
    if (before + needed) * array.itemsize <= size:
        return array
    grown = np.empty(before + needed, array.dtype)
    grown[: size // array.itemsize] = TypedStorage(array, array.dtype).array
    return grown


def _write_each(name: str, x: Any, function: Callable[..., Any], *others: Any) -> Any:
    if x.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    arrays = np.broadcast_arrays(x.array, *[other.array for other in others])
    for place in np.ndindex(x.array.shape):
        x.array[place] = function(*[array[place].item() for array in arrays])
    x.changed()
    return x
