"""What can go wrong with hooks."""


class HooksError(Exception):
    """Hooks cannot do what was asked."""


class SubscriptionUnknown(HooksError):
    """There is no such subscription."""


class TargetRefused(HooksError):
    """The address may not be a target: it must be https and lead to the public internet."""


class ChallengeFailed(HooksError):
    """The address did not answer the challenge: 2xx and JSON with the same `challenge` are needed within ten seconds."""


class ChallengeUnderWay(HooksError):
    """Another address of this app is being challenged; subscribe one after the other."""


class TooManySubscriptions(HooksError):
    """An app has at most twenty subscriptions."""


class DeliveryUnknown(HooksError):
    """There is no such delivery."""
