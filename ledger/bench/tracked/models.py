"""What is written: about the bytes of one entry."""

import pghistory
from django.db import models


@pghistory.track(pghistory.InsertEvent())
class Recorded(models.Model):
    """One row, which a trigger copies into the table of events."""

    at = models.DateTimeField(auto_now_add=True)
    kind = models.CharField(max_length=60)
    actor = models.CharField(max_length=60)
    payload = models.BinaryField()

    def __str__(self) -> str:
        return self.kind
