"""A database that is put back to where it was: what a backup does."""

import uuid
from contextlib import contextmanager

from django.db import connection


@contextmanager
def restored_afterwards():
    """Back the database up; what happens in the block is lost in the database, as after a restore."""
    name, backup = connection.settings_dict["NAME"], f"backup_{uuid.uuid4().hex}"
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{backup}" TEMPLATE "{name}"')
    yield
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        cursor.execute(f'ALTER DATABASE "{backup}" RENAME TO "{name}"')
    connection.close()
