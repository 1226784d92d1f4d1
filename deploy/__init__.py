"""Starts, stops and checks the service on one machine; nothing of the service imports it."""
