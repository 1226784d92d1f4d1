"""Note that a person had to do with an app: it is from then that some laws count how long a voiceprint may live (740 ILCS 14/15(a)).

To the day, for every session would write the same row. In the caller's transaction; a row that somebody else holds is passed over, for
then it is being changed by what is itself such a moment, or closed.
"""

from datetime import datetime, timedelta

from consent.models import Binding

GRAIN = timedelta(days=1)


def interacted(binding: Binding, *, now: datetime) -> None:
    """Note it, unless it was noted less than a day ago."""
    last = binding.last_interaction_at or binding.bound_at
    if now - last < GRAIN:
        return
    free = Binding.objects.filter(id=binding.id).select_for_update(of=("self",), no_key=True, skip_locked=True)
    Binding.objects.filter(id__in=list(free.values_list("id", flat=True))).update(last_interaction_at=now)
