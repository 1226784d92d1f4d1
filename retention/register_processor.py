"""Register a third party to which an app passes things on, by an officer; and end it.

One transaction: its key stored and synced, the row, entry `processor.registered`. Its secret is shown once: by it the service signs what it asks, and
the processor what it answers (Standard Webhooks). One that has ended gets nothing more, and still answers for what it got.
"""

import base64
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from uuid_utils.compat import uuid7

from accounts.models import App
from consent.enter import enter_for_tenant
from hooks import target
from hooks.errors import TargetRefused
from keyring.keys import store
from retention.errors import ProcessorRefused, ProcessorUnknown
from retention.models import ProbeAddress, Processor

PLACE = "{disclosure}"
APP_PLACE = "{artifact}"


@dataclass(frozen=True)
class Registered:
    """A processor and its secret."""

    processor: Processor
    secret: str


@dataclass(frozen=True)
class Words:
    """What is said of a processor."""

    name: str
    service: str
    country: str
    contact: str
    agreement: str
    keeps_for: timedelta
    endpoint: str = ""
    probe_url: str = ""


def register_processor(*, app: App, words: Words, officer: str, now: datetime) -> Registered:
    """Register it for one app.

    Raises:
        ProcessorRefused: Its name is taken, it keeps things for no time or for ever, or an address may not be called.
    """
    if not timedelta(0) <= words.keeps_for <= timedelta(days=3650):
        raise ProcessorRefused
    _check(words.endpoint)
    _check(words.probe_url, place=PLACE)
    processor = Processor(id=uuid7(), app=app, registered_at=now, **vars(words))
    try:
        with transaction.atomic():
            key = store().make(processor.key_name, now=now)
            processor.save(force_insert=True)
            enter_for_tenant(
                tenant=app.tenant,
                kind="processor.registered",
                actor=f"officer:{officer}",
                payload={
                    "app": str(app.id),
                    "processor": str(processor.id),
                    "name": words.name,
                    "country": words.country,
                    "keeps_for_days": words.keeps_for.days,
                    "agreement": words.agreement,
                },
                now=now,
            )
    except IntegrityError:
        raise ProcessorRefused from None
    return Registered(processor, "whsec_" + base64.b64encode(key).decode())


def end_processor(*, processor_id: uuid.UUID, officer: str, now: datetime) -> Processor:
    """Pass nothing on to it any more.

    Raises:
        ProcessorUnknown: There is none.
    """
    with transaction.atomic():
        found = Processor.objects.select_related("app__tenant").select_for_update(of=("self",))
        processor = found.filter(id=processor_id).first()
        if processor is None:
            raise ProcessorUnknown
        if processor.ended_at is None:
            processor.ended_at = now
            processor.save(update_fields=["ended_at"])
            enter_for_tenant(
                tenant=processor.app.tenant,
                kind="processor.ended",
                actor=f"officer:{officer}",
                payload={"app": str(processor.app_id), "processor": str(processor.id)},
                now=now,
            )
    return processor


def set_probe(*, app: App, url: str) -> None:
    """Say where the app can be asked whether something is gone; nowhere, where the address is empty.

    Raises:
        ProcessorRefused: The address may not be called, or has no place for an artifact's id.
    """
    _check(url, place=APP_PLACE)
    if url:
        ProbeAddress.objects.update_or_create(app=app, defaults={"url": url})
    else:
        ProbeAddress.objects.filter(app=app).delete()


def _check(url: str, *, place: str = "") -> None:
    if not url:
        return
    try:
        target.check_url(
            url.replace(place, str(uuid.UUID(int=0))) if place else url, private=settings.HOOK_TARGETS_PRIVATE
        )
    except (TargetRefused, ValueError):
        raise ProcessorRefused from None
    if place and (url.count(place) != 1 or url.replace(place, "").count("{")):
        raise ProcessorRefused
