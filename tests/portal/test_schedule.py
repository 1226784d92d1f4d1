"""The published schedule: for anybody, from the live rows, in both languages, as a page and as JSON."""

from datetime import timedelta

import pytest

from retention.models import Kind, Policy

pytestmark = pytest.mark.django_db
PATH = "/retention-schedule"


def test_b1_anybody_reads_the_written_schedule(client):
    page = client.get(PATH)
    assert page.status_code == 200
    text = page.content.decode()
    assert "at most 5 minutes after it has been processed, or after the session ends" in text
    assert "United States: Illinois" in text
    assert "at most 1095 days after the person last had to do with the app" in text
    assert "740 ILCS 14/15(a)" in text


def test_it_is_written_from_the_live_rows(client):
    Policy.objects.create(kind="model", custody="", residence="CN", since="session", ttl=timedelta(hours=36))
    assert "at most 1 day 12 hours after the session ends" in client.get(PATH).content.decode()
    Policy.objects.filter(kind="transcript").delete()
    assert "Nothing of this kind may be kept." in client.get(PATH).content.decode()


def test_machines_read_the_same(client):
    for answer in (client.get(f"{PATH}?format=json"), client.get(PATH, headers={"accept": "application/json"})):
        assert answer.headers["Content-Type"] == "application/json"
        said = answer.json()
        assert [each["kind"] for each in said["kinds"]] == list(Kind.values)
        rows = sum(len(each["policies"]) for each in said["kinds"])
        assert rows == Policy.objects.count()
        upload = next(each for each in said["kinds"] if each["kind"] == "upload")["policies"]
        assert {"shows": "portrait", "counted_from": "processed", "lives_at_most": "P0DT00H05M00S"}.items() <= next(
            each for each in upload if each["shows"] == "portrait"
        ).items()
    assert "Accept" in client.get(PATH).headers["Vary"]


def test_it_changes_nothing(client):
    assert client.post(PATH).status_code == 405
