"""What can go wrong with artifacts."""


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
