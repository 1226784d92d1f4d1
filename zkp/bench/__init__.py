"""How long proofs take in Python, on both backends: `manage.py bench zkp`."""
