"""Measures the ledger, each time beside a reference in the same run: `manage.py bench ledger`.

Everything measured is the real thing: `ledger.append` in processes of their own, `manage.py sequence` and `manage.py publish` as an
operator runs them, files that are synced, proofs and verification from those files. It runs in a database of its own that is
dropped afterwards (deploy/bench.py). What each measure means, and what it leaves out: docs/bench.md.
"""
