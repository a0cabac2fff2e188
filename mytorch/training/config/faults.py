"""What is wrong with a component of a config, said by code that does not know where the component stands."""

from __future__ import annotations

from typing import NamedTuple

from mytorch.training.config.yaml_source import Keys


class Fault(NamedTuple):
    """A problem of a component that does not know where the component stands.

    `path` leads from the component to the value that the message is about, `at` to the part to be pointed at.
    """

    path: Keys
    message: str
    at: Keys | None = None
    on_key: bool = False

    def below(self, prefix: Keys) -> Fault:
        """The same, seen from `prefix` further up."""
        at = self.path if self.at is None else self.at
        return Fault(prefix + self.path, self.message, prefix + at, self.on_key)


class ComponentError(ValueError):
    """All that is wrong with one component: `faults`."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("\n".join(fault.message for fault in faults))
