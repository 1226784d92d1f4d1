"""The officer's rooms about consent: notices, purposes, apps, tenants. Each button calls one verb; rows change nowhere else."""

from config.adminconsent import apps, notices, purposes, tenants

__all__ = ["apps", "notices", "purposes", "tenants"]
