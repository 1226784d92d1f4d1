"""What can go wrong for an app. `NotAllowed` and `Unavailable` are the two that every app has to expect."""

from __future__ import annotations


class ConsonantError(Exception):
    """The service did not do what was asked."""


class NotAllowed(ConsonantError):
    """Consent does not stand for this: stop, and show the person the message.

    `reason` is stable and for programs (docs/api.md lists them); `cure` says what would help. Never retry it in a loop: each one is entered.
    """

    def __init__(self, reason: str, cure: str = "", sentence: str = "") -> None:
        super().__init__(sentence or f"not allowed: {reason}")
        self.reason, self.cure = reason, cure


class Unavailable(ConsonantError):
    """The service cannot be asked now, so nothing may be computed."""


class Rejected(ConsonantError):
    """The service took the request for wrong: `status` and `problem` (the last part of the problem's type) say why."""

    def __init__(self, status: int, problem: str, sentence: str = "", reason: str = "") -> None:
        super().__init__(sentence or f"{status} {problem}")
        self.status, self.problem, self.reason = status, problem, reason


class ResidueLeft(ConsonantError):
    """Something that has to go could not be removed: `count` files or caches. The guard beside the app tries again."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} things that have to go could not be removed")
        self.count = count


class Misconfigured(ConsonantError):
    """A setting is missing or is none that can be used; the message names it and never its value."""
