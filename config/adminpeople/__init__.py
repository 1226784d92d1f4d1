"""The officer's rooms about people: who they are is masked until it is asked for with a purpose, and the look is an entry."""

from config.adminpeople import delegations, grants, subjects, users

__all__ = ["delegations", "grants", "subjects", "users"]
