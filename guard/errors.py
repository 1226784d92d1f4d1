"""What can go wrong with hosts and what they report."""


class GuardError(Exception):
    """Guard cannot do what was asked."""


class HostUnknown(GuardError):
    """There is no such host."""


class NameTaken(GuardError):
    """The organisation has a host of this name already."""


class AlertUnknown(GuardError):
    """There is no such alert."""


class AlertClosed(GuardError):
    """The alert is closed: nothing of it can be undone any more."""


class NothingToUndo(GuardError):
    """This step was not taken, or was undone already."""


class RuleUnknown(GuardError):
    """There is no such rule."""


class StepUnknown(GuardError):
    """A playbook has only these steps: notify, suspend, hasten, isolate."""


class TooManyRows(GuardError):
    """More rows than may be sent at once: 10,000."""


class BodyTooLarge(GuardError):
    """The body is larger than may be sent here: 5 MiB as it is read, also where it comes compressed."""


class BodyUnreadable(GuardError):
    """The body is not compressed as it says."""


class NightUnknown(GuardError):
    """There is no such time zone."""


class Unreadable(GuardError):
    """The row is not an event that can be read."""


class RuleUnreadable(GuardError):
    """A rule cannot be read, or asks for what is not judged here."""
