"""What can go wrong with consent. A refusal to use is no error but a value (see `consent.terms`)."""


class ConsentError(Exception):
    """Consent cannot do what was asked."""


class RequestUnknown(ConsentError):
    """There is no such consent request."""


class RequestExpired(ConsentError):
    """The consent request was not answered in time."""


class RequestAnswered(ConsentError):
    """The consent request has been answered already."""


class BoundToAnother(ConsentError):
    """The app's user is tied to another person."""


class GrantUnknown(ConsentError):
    """There is no such grant."""


class GrantEnded(ConsentError):
    """The grant has ended."""


class SessionUnknown(ConsentError):
    """There is no such session."""


class PurposeUnknown(ConsentError):
    """The app has not declared this purpose."""


class OperationUnknown(ConsentError):
    """The app has not declared this operation for the purpose."""


class Refused(ConsentError):
    """A use was refused: carries the `consent.terms.Refusal` out of a view, and whether that was entered in the ledger."""

    def __init__(self, refusal: object, *, entered: bool = True) -> None:
        super().__init__(refusal)
        self.refusal = refusal
        self.entered = entered
