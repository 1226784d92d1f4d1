"""What can go wrong with artifacts."""

import uuid


class RetentionError(Exception):
    """Retention cannot do what was asked."""


class ArtifactUnknown(RetentionError):
    """There is no such artifact."""


class ArtifactGone(RetentionError):
    """The artifact was destroyed, or is being destroyed."""


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
