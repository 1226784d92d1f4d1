"""The officer's rooms about consent: notices, purposes, apps. Each button calls one verb; rows change nowhere else."""

from config.adminconsent import apps, notices, purposes

__all__ = ["apps", "notices", "purposes"]
