"""A small Django project of its own whose one model django-pghistory tracks. Nothing of the service loads it."""
