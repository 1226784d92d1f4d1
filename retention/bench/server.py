"""The service as gunicorn serves it, with the reference beside it."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.ROOT_URLCONF = "retention.bench.urls"
application = get_wsgi_application()
