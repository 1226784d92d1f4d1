"""Measures consent and records as an app sees them, over HTTP on a service of its own: `manage.py bench consent`.

Everything measured is the real thing: gunicorn as `make run` starts it, PostgreSQL durable as in service, the courier with its broker, a
receiver of hooks that checks nothing. Each number stands beside a reference in the same run where there is one. It runs in a database of its
own that is dropped afterwards (deploy/bench.py). What each measure means, and what it leaves out: docs/bench.md.
"""
