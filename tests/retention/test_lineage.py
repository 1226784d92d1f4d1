"""What sources forbid, by cases and by properties: no way leads past a consent to combine."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from consent.terms import COMBINATION_NOT_ALLOWED, Operation
from retention.lineage import BOTH, Room, Source, media_of, objection, operation_of

MEDIA = st.sampled_from([frozenset(), frozenset({"portrait"}), frozenset({"voice"}), BOTH])
IDS = st.sampled_from([uuid.UUID(int=n) for n in range(6)])
SOURCES = st.lists(
    st.builds(
        Source,
        id=IDS,
        subject=st.just(uuid.UUID(int=9)),
        session=IDS,
        media=MEDIA.filter(bool),
        strength=st.integers(10, 40),
        permitted=st.booleans(),
        taken_back=st.booleans(),
    ),
    max_size=4,
)
ROOMS = st.builds(
    Room,
    id=IDS,
    operations=st.sampled_from([[], [Operation.SYNTHESIZE], [Operation.COMBINE], list(Operation)]),
    combines=st.lists(IDS, max_size=4),
    strength=st.integers(10, 40),
)


@given(SOURCES, MEDIA, MEDIA)
def test_a_thing_shows_what_its_sources_show(sources, said, scope):
    media = media_of(sources, said=said, scope=scope)
    assert media
    assert all(source.media <= media for source in sources)
    assert set(said) <= media
    assert (operation_of(Operation.SYNTHESIZE, media) == Operation.COMBINE) == (media == BOTH)


@given(SOURCES, MEDIA, ROOMS)
def test_nothing_is_combined_but_what_was_named_in_a_session_to_combine(sources, said, room):
    media = media_of(sources, said=said, scope=["voice"])
    found = objection(sources, media=media, room=room)
    shown = set().union(*(source.media for source in sources))
    if media == BOTH and found is None:
        assert Operation.COMBINE in room.operations
        assert shown == BOTH
        assert all(source.id in room.combines or source.session == room.id for source in sources)
        assert not any(source.taken_back for source in sources)
    if media != BOTH:
        assert found != COMBINATION_NOT_ALLOWED
    if found is None:
        assert all(source.permitted and source.strength >= room.strength for source in sources)


@given(SOURCES, ROOMS)
def test_one_source_more_never_allows_what_was_forbidden_for_its_purpose(sources, room):
    for count in range(len(sources)):
        few, more = (objection(some, media={"voice"}, room=room) for some in (sources[:count], sources))
        assert few is None or more is not None
