"""Proofs without identity: one curve, BLS12-381, no trusted setup."""
