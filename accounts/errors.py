"""What can be wrong with an account or an app. The docstring is the message."""


class AccountsError(Exception):
    """Base class of the errors of this app."""

    def __str__(self) -> str:
        return (type(self).__doc__ or "").strip()


class OverlapOutOfBounds(AccountsError):
    """Two secrets can overlap for ninety days at most, and not for less than nothing."""
