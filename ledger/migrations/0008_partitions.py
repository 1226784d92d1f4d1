"""Third step: `ledger_entry` becomes a table partitioned by index, and the present table its first partition.

No row is read or written: the valid CHECK proves the bounds, the present primary key, index and foreign key become the parent's own.
All of it is one short transaction; a crash inside leaves the table as it was.

- A piece is 4,194,304 entries of every log: 64 x 65,536, whole tiles of every level that a log of that size fills. With its indexes
  it takes about 3 GB.
- No DEFAULT partition: each new piece would have to look through it under an exclusive lock. An entry without a place is refused.
- `ledger_make_room` makes the next piece, as the owner, for a service that may not create tables: a table of its own first, then ATTACH, which
  lets readers and writers of the others pass. At most one piece a call; it returns where the last one ends. It waits a tenth of a
  second for its locks and then leaves things as they are, rather than hold up those who append.
- Guards stand on the parent, whose row triggers PostgreSQL copies to every partition; TRUNCATE's are made on each. They are ALWAYS on,
  whatever `session_replication_role` says.
- Nobody but the owner gets a right on a partition: reading and appending go through the parent.
- Two indexes on `log_id` alone go: the primary key serves what they served.
"""

import django.db.models.deletion
from django.db import migrations, models

PIECE = 4_194_304

SWAP = """
DO $swap$
DECLARE
    bound bigint;
    foreign_key text;
    by_ref text;
    spare text;
BEGIN
    LOCK TABLE ledger_entry IN ACCESS EXCLUSIVE MODE;
    SELECT (regexp_match(pg_get_constraintdef(oid), 'index < ''?(\\d+)'))[1]::bigint INTO STRICT bound
        FROM pg_constraint WHERE conrelid = 'ledger_entry'::regclass AND conname = 'ledger_entry_bounds' AND convalidated;
    SELECT conname INTO STRICT foreign_key FROM pg_constraint WHERE conrelid = 'ledger_entry'::regclass AND contype = 'f';
    SELECT indexrelid::regclass::text INTO STRICT by_ref FROM pg_index JOIN pg_attribute a
        ON a.attrelid = indrelid AND a.attnum = indkey[0] WHERE indrelid = 'ledger_entry'::regclass AND attname = 'ref';
    FOR spare IN SELECT indexrelid::regclass FROM pg_index JOIN pg_attribute a ON a.attrelid = indrelid AND a.attnum = indkey[0]
        WHERE indrelid = 'ledger_entry'::regclass AND indnatts = 1 AND attname = 'log_id'
    LOOP
        EXECUTE format('DROP INDEX %s', spare);
    END LOOP;
    DROP TRIGGER ledger_append_only ON ledger_entry;
    ALTER TABLE ledger_entry RENAME TO ledger_entry_from_0;
    ALTER TABLE ledger_entry_from_0 RENAME CONSTRAINT ledger_entry_pkey TO ledger_entry_from_0_pkey;
    EXECUTE format('ALTER INDEX %s RENAME TO ledger_entry_from_0_ref', by_ref);

    CREATE TABLE ledger_entry (LIKE ledger_entry_from_0) PARTITION BY RANGE (index);
    ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_pkey PRIMARY KEY (log_id, index);
    EXECUTE format('CREATE INDEX %s ON ledger_entry (ref)', by_ref);
    EXECUTE format('ALTER TABLE ledger_entry ADD CONSTRAINT %I FOREIGN KEY (log_id) REFERENCES ledger_log DEFERRABLE INITIALLY DEFERRED', foreign_key);
    CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW EXECUTE FUNCTION ledger_refuse();
    CREATE TRIGGER ledger_append_only_whole BEFORE TRUNCATE ON ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
    EXECUTE format('ALTER TABLE ledger_entry ATTACH PARTITION ledger_entry_from_0 FOR VALUES FROM (0) TO (%s)', bound);
    ALTER TABLE ledger_entry_from_0 DROP CONSTRAINT ledger_entry_bounds;
    ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_append_only, ENABLE ALWAYS TRIGGER ledger_append_only_whole;
    ALTER TABLE ledger_entry_from_0 ENABLE ALWAYS TRIGGER ledger_append_only_whole;
END
$swap$
"""

ROOM = """
CREATE FUNCTION ledger_room() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC
    SELECT max((regexp_match(pg_get_expr(relpartbound, oid), 'TO \\(''?(\\d+)'))[1]::bigint)
        FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = 'ledger_entry'::regclass;
END
"""

MAKE_ROOM = """
CREATE FUNCTION ledger_make_room(upto bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {schema}, pg_temp SET lock_timeout = '100ms' AS $make_room$
DECLARE
    piece CONSTANT bigint := {piece};
    room bigint := ledger_room();
    part text;
    reader regrole;
BEGIN
    IF room >= upto THEN
        RETURN room;
    END IF;
    LOCK TABLE ledger_entry IN SHARE UPDATE EXCLUSIVE MODE;
    room := ledger_room();
    IF room >= upto THEN
        RETURN room;
    END IF;
    part := format('ledger_entry_from_%s', room);
    EXECUTE format('CREATE TABLE %I (LIKE ledger_entry INCLUDING INDEXES)', part);
    EXECUTE format('CREATE TRIGGER ledger_append_only_whole BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()', part);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER ledger_append_only_whole', part);
    FOR reader IN SELECT DISTINCT grantee FROM pg_class, aclexplode(relacl) WHERE oid = part::regclass AND grantee NOT IN (0, relowner) LOOP
        EXECUTE format('REVOKE ALL ON %I FROM %s', part, reader);
    END LOOP;
    EXECUTE format('ALTER TABLE ledger_entry ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', part, room, room + piece);
    RETURN room + piece;
EXCEPTION WHEN lock_not_available THEN
    RETURN room;
END
$make_room$
"""

GUARDS = """
ALTER TABLE ledger_checkpoint ENABLE ALWAYS TRIGGER ledger_append_only, ENABLE ALWAYS TRIGGER ledger_append_only_whole;
CREATE TRIGGER ledger_pending_whole BEFORE TRUNCATE ON ledger_pending FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
ALTER TABLE ledger_pending ENABLE ALWAYS TRIGGER ledger_pending_whole;
"""


def partition(_apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(SWAP)
        cursor.execute(ROOM)
        cursor.execute(MAKE_ROOM.format(schema=schema, piece=PIECE))
        cursor.execute("REVOKE ALL ON FUNCTION ledger_make_room(bigint) FROM PUBLIC")
        cursor.execute(GUARDS)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_entry_bounds_hold")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(partition)],
            state_operations=[
                migrations.AlterField(
                    "entry",
                    "log",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="entries",
                        to="ledger.log",
                    ),
                ),
            ],
        ),
    ]
