"""The officer's rooms about voice hosts: hosts, alerts with what was done about them, rules, playbooks."""

from config.adminguard import alerts, hosts, playbooks, rules

__all__ = ["alerts", "hosts", "playbooks", "rules"]
