"""What is done about an alert where no officer has said otherwise. Pure.

What an officer cannot undo, `hasten`, no level does by itself: a false alarm would cost people what they made.
"""

from collections.abc import Mapping
from typing import Final

DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "informational": (),
    "low": (),
    "medium": ("notify",),
    "high": ("notify",),
    "critical": ("suspend", "isolate", "notify"),
}
"""By level."""
ORDER: Final = ("suspend", "isolate", "hasten", "notify")
"""What stops the harm comes first, whatever the playbook's order."""


def in_order(steps: tuple[str, ...]) -> list[str]:
    """Return the steps in the order in which they are taken."""
    return sorted(set(steps), key=ORDER.index)
