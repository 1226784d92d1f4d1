"""What can go wrong with artifacts."""

import uuid
from datetime import datetime


class RetentionError(Exception):
    """Retention cannot do what was asked."""


class ArtifactUnknown(RetentionError):
    """There is no such artifact."""


class ArtifactGone(RetentionError):
    """The artifact was destroyed, or is being destroyed."""


class TooManyPlaces(RetentionError):
    """An artifact lies in at most 64 places."""


class NoPolicy(RetentionError):
    """There is no retention policy for this kind of artifact, so it cannot be recorded."""


class AudioRefused(RetentionError):
    """The audio is not what may be taken."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class PortraitRefused(RetentionError):
    """The picture is not what may be taken."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class MarkRefused(RetentionError):
    """The evidence that a synthesis is marked as AI-made is missing or not whole."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class BytesNotTaken(RetentionError):
    """The bytes were not taken; that the thing exists was entered, and the app has to destroy it."""

    def __init__(self, refusal: object, *, artifact: uuid.UUID, entry: uuid.UUID) -> None:
        super().__init__(refusal)
        self.refusal = refusal
        self.entered = True
        self.artifact = artifact
        self.entry = entry


class LineageUnknown(RetentionError):
    """Something it was derived from is not an artifact of this app and of these people."""


class SubjectTwice(RetentionError):
    """Two of the sessions are about the same person."""


class NotHeldByApp(RetentionError):
    """The app does not hold this artifact, so it has nothing to acknowledge."""


class Unsigned(RetentionError):
    """The acknowledgement is not signed with the secret of one of the app's hooks."""


class ErasureUnknown(RetentionError):
    """There is no such erasure."""


class OwnErasure(RetentionError):
    """It is the officer's own erasure: another officer has to say that it is known who asked."""


class ErasureBegun(RetentionError):
    """The erasure has been decided and has begun: it cannot be taken back any more."""


class ExtensionRefused(RetentionError):
    """The time of this erasure cannot be extended: it takes a reason, once, before the thirtieth day, where the law knows it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ProcessorUnknown(RetentionError):
    """The app has no such processor."""


class ProcessorRefused(RetentionError):
    """The processor cannot be registered so: its name is taken, or an address of it is none that may be called."""


class DisclosureUnknown(RetentionError):
    """There is no such disclosure."""


class NothingToErase(RetentionError):
    """Nobody is known by this name, so there is nothing to erase."""


class CertificateGone(RetentionError):
    """The certificate is not ready, or our copy of it has been deleted."""


class CertificateBroken(RetentionError):
    """The file is no erasure certificate."""


class ClipUnreadable(RetentionError):
    """It takes too much to read this file."""


class ClipBusy(RetentionError):
    """Other files are being read: ask again in a moment."""


class ClipUnmarkable(RetentionError):
    """No C2PA manifest can be embedded in this file: speech for the vault is WAV, FLAC or MP3, and not OGG."""


class SignerExpired(RetentionError):
    """The certificate by which the service marks speech has run out: it takes none into the vault until its operator renews it."""


class LabelFixed(RetentionError):
    """What a clip was marked with stays: nothing here takes a label away or changes it. That it was tried has been entered."""

    def __init__(self, entry: uuid.UUID) -> None:
        super().__init__(entry)
        self.entry = entry


class NoLabel(RetentionError):
    """Only synthetic speech has a label."""


class HoldUnknown(RetentionError):
    """There is no such legal hold, or it has ended."""


class HoldsLost(RetentionError):
    """Legal holds were lost in a restore and not placed again: nothing is destroyed until they are."""


class HoldWithoutReference(RetentionError):
    """A legal hold is placed with the reference of what it rests on, and released with a reason."""


class HoldWithoutScope(RetentionError):
    """A legal hold is about a person, an app or an artifact of one organisation."""


class HoldNeedsWarrant(RetentionError):
    """What shows somebody of Illinois is kept beyond its time by a warrant or a subpoena alone (740 ILCS 14/15(a))."""


class NotProcessed(RetentionError):
    """That moment lies in the future, or before the thing was recorded."""


class PolicyRefused(RetentionError):
    """A policy cannot say this."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class NotRestricted(RetentionError):
    """It is not restricted for a reason that can be lifted, or not there to be restricted."""


class ExportRefused(RetentionError):
    """The export, or its extension, is refused; `reason` says why, `again_at` when it can be asked for again."""

    def __init__(self, reason: str, again_at: datetime | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again_at = again_at


class ExportGone(RetentionError):
    """The export is not ready, or has been destroyed."""


class PastTheEnd(ExportGone):
    """The export is ready, and ends before where it should go on; `total` bytes are all there is."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.total = total


class PassphraseWrong(RetentionError):
    """That is not the passphrase."""


class TooManyTries(RetentionError):
    """Too many wrong passphrases; `again_at` says when the next one is looked at."""

    def __init__(self, again_at: datetime) -> None:
        super().__init__(again_at)
        self.again_at = again_at
