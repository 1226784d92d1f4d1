"""What can go wrong with consent. A refusal to use is no error but a value (see `consent.terms`)."""

from collections.abc import Sequence


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


class RequestCooling(ConsentError):
    """The person refused this a short time ago: ask again later."""


class NoticeChanged(ConsentError):
    """The notice has changed since it was shown."""


class NoticeUnknown(ConsentError):
    """There is no such draft of a notice."""


class NoticeIncomplete(ConsentError):
    """The notice says not all that the law demands: carries what is missing, by language."""

    def __init__(self, missing: object) -> None:
        super().__init__(missing)
        self.missing = missing


class AttestationMissing(ConsentError):
    """Nobody has said for the app that whoever is imitated is told of it and asked separately."""


class NotExplicit(ConsentError):
    """To recognise a person takes an explicit yes: on a screen that showed the notice, and is kept."""


class AppIncomplete(ConsentError):
    """The app lacks what it needs before it may ask: carries what."""

    def __init__(self, lacks: Sequence[object]) -> None:
        super().__init__(lacks)
        self.lacks = lacks


class PurposeInvalid(ConsentError):
    """The catalogue takes no such purpose: carries why, as `consent.use_class` says it."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = faults


class AgeUnsaid(ConsentError):
    """Nobody has said whether the person is an adult."""


class AgeSaid(ConsentError):
    """What is known of a minor is changed by the guardian."""


class BirthdayImpossible(ConsentError):
    """Nobody born that day is a minor now."""


class ResidenceUnknown(ConsentError):
    """That is no code of a place."""


class GuardianNeeded(ConsentError):
    """The person is too young to answer alone: a guardian has to."""


class DelegationUnknown(ConsentError):
    """There is nobody for whom this account may act now."""


class DelegationForbidden(ConsentError):
    """This account may not come to act for this person."""


class DelegationDecided(ConsentError):
    """This has been decided already."""


class TooManyDelegations(ConsentError):
    """This account has as many requests waiting as it may have."""


class InvitationUnknown(ConsentError):
    """There is no such code, or its hour is over."""


class DocumentRefused(ConsentError):
    """The document is no PDF, JPEG or PNG of at most 10 MiB."""


class PurposeForbidden(ConsentError):
    """What this purpose does with a voiceprint is forbidden where the person may live."""


class AssessmentMissing(ConsentError):
    """A sensitive purpose has no impact assessment."""


class NeedsItsOwn(ConsentError):
    """This operation needs a consent of its own, and is asked for alone."""


class ArtifactsUnnamed(ConsentError):
    """A session to combine names a portrait and a recording of the same person, both still there."""


class StatementUnknown(ConsentError):
    """There is no such spoken statement, or it has been given."""


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


class TokenRefused(ConsentError):
    """The token shows nothing: carries a stable reason and a sentence."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class ReceiptRestricted(ConsentError):
    """The person had it erased: proof of consent is kept for a case at law, and given to nobody else."""


class AlreadyClaimed(ConsentError):
    """A wallet keeps your key in this log already."""


class KeyUsedBefore(ConsentError):
    """These words were used in this log before. Make a new wallet: with the old words your old entries could be found again."""


class NotClaimed(ConsentError):
    """This takes a wallet that keeps your key in this log."""


class ReplacedJustNow(ConsentError):
    """Your wallet took the place of another just now: it shows consents from the day after tomorrow on at the latest."""


class EntryNotYours(ConsentError):
    """There is no such entry about you, or it was erased."""


class ReceiptBroken(ConsentError):
    """The file is no consent receipt."""
