"""Settings, all from the environment; safe by default.

`CONSONANT_MODE` is `production` unless it says `local`; `make run` says so, and leaves the values of its embedded servers in
`var/run/service.env`, which is read here when the environment is silent, so that a second terminal finds the running service.
"""

import os
from datetime import date, timedelta
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from django.utils.dateparse import parse_duration
from django.utils.translation import gettext_lazy as _

from config import rates
from keyring.secretfile import read_or_make

BASE_DIR = Path(__file__).resolve().parent.parent
django_stubs_ext.monkeypatch()  # lets Django's generic classes take their parameters at run time
env = environ.Env()
VAR = Path(env.str("CONSONANT_VAR", str(BASE_DIR / "var"))).resolve()
# Whoever says the mode or the address says all: a file left by an earlier `make run` must not make production local.
if not {"CONSONANT_MODE", "CONSONANT_PUBLIC_URL"} & set(os.environ) and (VAR / "run" / "service.env").is_file():
    environ.Env.read_env(VAR / "run" / "service.env")

MODE = env.str("CONSONANT_MODE", "production")
if MODE not in {"local", "production"}:
    raise ImproperlyConfigured("CONSONANT_MODE is neither `local` nor `production`")
LOCAL = MODE == "local"
DEBUG = False
PUBLIC_URL = env.str("CONSONANT_PUBLIC_URL", f"http://127.0.0.1:{env.int('PORT', 8000)}" if LOCAL else "").rstrip("/")
if not LOCAL and not PUBLIC_URL.startswith("https://"):
    raise ImproperlyConfigured("CONSONANT_PUBLIC_URL must be this service's https:// address in production")
_host = urlsplit(PUBLIC_URL).hostname or ""
ALLOWED_HOSTS = env.list(
    "CONSONANT_ALLOWED_HOSTS", default=[_host, *(["localhost", "127.0.0.1", "[::1]"] if LOCAL else [])]
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

VERSION = "0.1.0"
SECRETS = VAR / "secrets"
SECRET_KEY = read_or_make(SECRETS / "django", lambda: get_random_secret_key().encode()).decode()
KEY_STORE = VAR / "keys" / "keys.sqlite3"
KEK_FILE = Path(env.str("CONSONANT_KEK_FILE", str(SECRETS / "kek")))
# Keys on a server (OpenBao or Vault, KV version 2) instead of in the file: docs/keys.md. Empty: the file.
KEY_SERVER = env.str("CONSONANT_KEY_STORE", "").rstrip("/")
KEY_SERVER_MOUNT = env.str("CONSONANT_KEY_STORE_MOUNT", "consonant")
KEY_SERVER_TOKEN_FILE = Path(env.str("CONSONANT_KEY_STORE_TOKEN_FILE", str(SECRETS / "key-store-token")))
KEY_SERVER_CA_FILE = env.str("CONSONANT_KEY_STORE_CA_FILE", "")
if KEY_SERVER and not KEY_SERVER.startswith(("https://", "http://127.0.0.1:", "http://localhost:", "http://[::1]:")):
    raise ImproperlyConfigured("CONSONANT_KEY_STORE must be an https:// address, or one of this machine")
# Who keeps the key-encryption key of new epochs: a PKCS#11 token, else the environment, else KEK_FILE.
KEK_SECRETS = env.str("CONSONANT_KEK", "")
PKCS11_MODULE = env.str("CONSONANT_PKCS11_MODULE", "")
PKCS11_TOKEN = env.str("CONSONANT_PKCS11_TOKEN", "consonant")
PKCS11_PIN_FILE = Path(env.str("CONSONANT_PKCS11_PIN_FILE", str(SECRETS / "pkcs11-pin")))
SUITE = env.str("CONSONANT_SUITE", "aes-256-gcm")  # of new seals; those of every suite open
# How long what voice hosts report is kept, an ISO 8601 duration; and a folder of Sigma rules of one's own, besides those shipped.
_keep = env.str("CONSONANT_TELEMETRY_KEEP", "PT24H")
TELEMETRY_KEEP = (parse_duration(_keep) if _keep.startswith("P") else None) or timedelta()
if timedelta(minutes=10) > TELEMETRY_KEEP:
    raise ImproperlyConfigured("CONSONANT_TELEMETRY_KEEP is an ISO 8601 duration of ten minutes or more, such as PT24H")
RULES = env.str("CONSONANT_RULES", "")
# Where voice hosts may connect to although they only listen: this service's own addresses or networks. This machine needs no saying.
try:
    GUARD_PEERS = tuple(ip_network(peer, strict=False) for peer in env.list("CONSONANT_GUARD_PEERS", default=[]))
except ValueError:
    raise ImproperlyConfigured("CONSONANT_GUARD_PEERS are addresses or networks: 203.0.113.7,10.1.0.0/16") from None
# Who is told of alerts by syslog over TLS: tls://host:port, with the certificates (PEM) that are trusted for it and our own. Empty: nobody.
SIEM_URL = env.str("CONSONANT_SIEM_URL", "")
if SIEM_URL and not SIEM_URL.startswith("tls://"):
    raise ImproperlyConfigured("CONSONANT_SIEM_URL is neither empty nor tls://host:port")
SIEM_CA = env.str("CONSONANT_SIEM_CA", "")
SIEM_CERT = env.str("CONSONANT_SIEM_CERT", "")
SIEM_KEY = env.str("CONSONANT_SIEM_KEY", "")
SIEM_FORMAT = env.str("CONSONANT_SIEM_FORMAT", "ocsf")
if SIEM_FORMAT not in {"ocsf", "ecs", "cef"}:
    raise ImproperlyConfigured("CONSONANT_SIEM_FORMAT is none of `ocsf`, `ecs` and `cef`")
LOG_FOLDER = VAR / "logs"
# Where the published logs lie: in LOG_FOLDER, or in a bucket, s3://bucket/prefix; and the server, where that is not Amazon's.
LOG_STORE = env.str("CONSONANT_LOG_STORE", "")
if LOG_STORE and not LOG_STORE.startswith("s3://"):
    raise ImproperlyConfigured("CONSONANT_LOG_STORE is neither empty nor s3://bucket/prefix")
S3_ENDPOINT = env.str("CONSONANT_S3_ENDPOINT", "")
HEADS = VAR / "heads"
LOG_ORIGIN = env.str("CONSONANT_LOG_ORIGIN", "consonant.local")
# The log of the tenants' heads, and how often each tenant's newest head is entered in it.
PLATFORM_ORIGIN = f"{LOG_ORIGIN}/platform.log"
PLATFORM_SECONDS = env.int("CONSONANT_PLATFORM_SECONDS", 5 if LOCAL else 60)
# A file in the form of C2SP tlog-policy: whose cosignatures a checkpoint needs before it is published. Empty: nobody's.
WITNESS_POLICY = env.str("CONSONANT_WITNESS_POLICY", "")
# Who testifies to the time of the platform's head: an RFC 3161 authority, with the certificates (PEM) that are trusted for it, and others.
TSA_URL = env.str("CONSONANT_TSA_URL", "")
TSA_ROOTS = env.str("CONSONANT_TSA_ROOTS", "")
if TSA_URL and not TSA_ROOTS:
    raise ImproperlyConfigured("CONSONANT_TSA_ROOTS must name the certificates that CONSONANT_TSA_URL is trusted by")
ANCHORS = env.list("CONSONANT_ANCHORS", default=[])
# A file that holds the token that whoever reads /metrics must show. Empty: in local mode this machine reads without one, else nobody.
METRICS_TOKEN = env.str("CONSONANT_METRICS_TOKEN", "")
# Who is trusted to have signed a clip's C2PA manifest (PEM), besides this service; `manage.py trust` keeps it. Empty: any that holds counts.
C2PA_TRUST = Path(env.str("CONSONANT_C2PA_TRUST", str(VAR / "trust" / "c2pa.pem")))
# Whether hooks may call http and private addresses: on a developer's machine.
HOOK_TARGETS_PRIVATE = env.bool("CONSONANT_HOOKS_PRIVATE", LOCAL)
ERASURE_WORKING_DAYS = env.int("CONSONANT_ERASURE_WORKING_DAYS", 15)
# China's weekdays off, and the Saturdays and Sundays worked instead, as the State Council announces them each year: 2027-01-01,...
ERASURE_HOLIDAYS = frozenset(map(date.fromisoformat, env.list("CONSONANT_ERASURE_HOLIDAYS", default=[])))
ERASURE_WORKED_WEEKENDS = frozenset(map(date.fromisoformat, env.list("CONSONANT_ERASURE_WORKED_WEEKENDS", default=[])))
ORPHAN_GRACE_SECONDS = env.int("CONSONANT_ORPHAN_GRACE_SECONDS", 300)

INSTALLED_APPS = [
    "config.apps.Admin",
    "config.apps.Project",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "oauth2_provider",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "accounts",
    "keyring",
    "ledger",
    "vault",
    "zkp",
    "hooks",
    "consent",
    "retention",
    "guard",
    "portal",
]

MIDDLEWARE = [
    "config.bodies.ReadToTheEnd",
    "config.requestlog.RequestLog",
    "config.outage.Outage",
    "config.permissions.Permissions",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "config.outage.Restored",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    },
]

# --- state ---------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgresql:///consonant")}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL database")
DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
# A statement that goes to the database as it is, its values beside it (the hottest ones do), is planned once and not each time.
DATABASES["default"].setdefault("OPTIONS", {}).update(connect_timeout=5, prepare_threshold=1)
# The role that owns the tables, for `migrate` alone (config/roles.py). Empty: the service's own.
OWNER_DATABASE = (
    env.db_url("CONSONANT_OWNER_DATABASE_URL", default="") if env.str("CONSONANT_OWNER_DATABASE_URL", "") else {}
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Voices and faces lie apart from each other and from the rest: in folders or prefixes beside it, or wherever their own options say.
VAULT_BACKEND = env.str("CONSONANT_VAULT_BACKEND", "vault.storage.DurableFolder")
VAULT_OPTIONS = env.json("CONSONANT_VAULT_OPTIONS", {"location": str(VAR / "vault")})
_beside = str(VAULT_OPTIONS.get("location", "vault"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "vault": {"BACKEND": VAULT_BACKEND, "OPTIONS": VAULT_OPTIONS},
    "vault-voices": {
        "BACKEND": VAULT_BACKEND,
        "OPTIONS": env.json("CONSONANT_VAULT_VOICES_OPTIONS", VAULT_OPTIONS | {"location": f"{_beside}-voices"}),
    },
    "vault-faces": {
        "BACKEND": VAULT_BACKEND,
        "OPTIONS": env.json("CONSONANT_VAULT_FACES_OPTIONS", VAULT_OPTIONS | {"location": f"{_beside}-faces"}),
    },
    "staticfiles": {"BACKEND": "config.staticfiles.Hashed"},
}
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", "redis://localhost:6379/0")
# Where limits are counted: on the broker's Redis, or on one of their own, or in each process's memory (config/counts.py).
_broker = CELERY_BROKER_URL.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
CACHE_URL = env.str(
    "CONSONANT_CACHE_URL", _broker if _broker.startswith(("redis://", "rediss://", "unix://")) else "memory://"
)
if not CACHE_URL.startswith(("redis://", "rediss://", "unix://", "memory://")):
    raise ImproperlyConfigured("CONSONANT_CACHE_URL is the address of a Redis, or memory://")
CACHES = {
    "default": {
        "BACKEND": "config.counts.Counts",
        "LOCATION": CACHE_URL,
        "KEY_FUNCTION": "config.counts.hidden",
    }
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 60}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Targets take their time: what calls them has workers of its own, so that nothing that must go on time waits for them.
CELERY_TASK_ROUTES = {
    "hooks.*": {"queue": "hooks"},
    "retention.make_exports": {"queue": "hooks"},
    "retention.ask_processors": {"queue": "hooks"},
    "retention.look": {"queue": "hooks"},
    "consent.check_fallbacks": {"queue": "hooks"},
    "guard.export": {"queue": "hooks"},
    "guard.tell": {"queue": "hooks"},
    "consent.tell_of_notice": {"queue": "hooks"},
}
# A tick that waited longer than it may is dropped: the next one does its work.
CELERY_BEAT_SCHEDULE = {
    "retention.sweep": {"task": "retention.sweep", "schedule": 1.0, "options": {"expires": 5}},
    "retention.apply_policies": {"task": "retention.apply_policies", "schedule": 30.0, "options": {"expires": 30}},
    "retention.look_for_overlooked": {
        "task": "retention.look_for_overlooked",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "retention.sweep_orphans": {"task": "retention.sweep_orphans", "schedule": 30.0, "options": {"expires": 30}},
    "retention.pursue": {"task": "retention.pursue", "schedule": 1.0, "options": {"expires": 5}},
    "retention.ask_processors": {"task": "retention.ask_processors", "schedule": 2.0, "options": {"expires": 2}},
    "retention.mend": {"task": "retention.mend", "schedule": 3600.0, "options": {"expires": 3600}},
    "retention.look": {"task": "retention.look", "schedule": 30.0, "options": {"expires": 30}},
    "consent.lapse": {"task": "consent.lapse", "schedule": 2.0, "options": {"expires": 5}},
    "consent.tell_of_notice": {"task": "consent.tell_of_notice", "schedule": 30.0, "options": {"expires": 30}},
    "consent.check_fallbacks": {"task": "consent.check_fallbacks", "schedule": 86400.0, "options": {"expires": 3600}},
    "retention.make_exports": {"task": "retention.make_exports", "schedule": 30.0, "options": {"expires": 30}},
    "retention.close_lockers": {"task": "retention.close_lockers", "schedule": 30.0, "options": {"expires": 30}},
    "hooks.deliver": {"task": "hooks.deliver", "schedule": 1.0, "options": {"expires": 1}},
    "guard.watch": {"task": "guard.watch", "schedule": 1.0, "options": {"expires": 5}},
    "guard.tell": {"task": "guard.tell", "schedule": 2.0, "options": {"expires": 2}},
    "guard.forget": {"task": "guard.forget", "schedule": 3600.0, "options": {"expires": 3600}},
    "guard.export": {"task": "guard.export", "schedule": 2.0, "options": {"expires": 2}},
    "ledger.verify_now": {"task": "ledger.verify_now", "schedule": 30.0, "options": {"expires": 30}},
    "accounts.tidy": {"task": "accounts.tidy", "schedule": 3600.0, "options": {"expires": 3600}},
    "zkp.tidy": {"task": "zkp.tidy", "schedule": 3600.0, "options": {"expires": 3600}},
    "consent.end_custody": {"task": "consent.end_custody", "schedule": 30.0, "options": {"expires": 30}},
    "hooks.tidy": {"task": "hooks.tidy", "schedule": 3600.0, "options": {"expires": 3600}},
    "ledger.anchor": {"task": "ledger.anchor", "schedule": 3600.0, "options": {"expires": 3600}},
    "ledger.expire_reservations": {
        "task": "ledger.expire_reservations",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}

# --- people and apps ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal:home"
ACCOUNT_ADAPTER = "accounts.adapter.Accounts"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {"verify": "30/m/ip", "ask_proof": "30/m/ip", "wallet": "60/m/user"}  # beside allauth's own
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Consonant] "
# How many proxies of one's own stand before the service: the limits on logins count what the outermost saw.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("CONSONANT_PROXY_COUNT", 0)
ACCOUNT_LOGOUT_REDIRECT_URL = "portal:home"
MFA_ADAPTER = "accounts.adapter.SecondFactors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Consonant"
MFA_FORMS = {
    "add_webauthn": "accounts.forms.AddPasskey",
    "authenticate_webauthn": "accounts.forms.ShowPasskey",
    "login_webauthn": "accounts.forms.SignInByPasskey",
    "reauthenticate_webauthn": "accounts.forms.ShowPasskeyAgain",
}
if not LOCAL and "EMAIL_URL" not in os.environ:
    raise ImproperlyConfigured("EMAIL_URL must say where letters go in production: they carry codes")
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("CONSONANT_MAIL_FROM", f"no-reply@{_host}")

OAUTH2_PROVIDER_APPLICATION_MODEL = "accounts.App"
OAUTH2_PROVIDER = {
    "SCOPES": {
        "consent": "Ask people for consent and open sessions",
        "record": "Record and read artifacts",
        "hooks": "Be told of events",
        "guard": "Read alerts on the app's hosts",
    },
    "OAUTH2_VALIDATOR_CLASS": "accounts.validator.TwoSecrets",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    # OAuth 2.0 as RFC 9700 wants it; tokens are stored as digests.
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
}

# --- REST -----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerToken"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.negotiation.OneForm",
    "DEFAULT_PERMISSION_CLASSES": ["oauth2_provider.contrib.rest_framework.TokenHasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["config.throttle.PerApp"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.jsonbody.BoundedJSON"],
    "DEFAULT_SCHEMA_CLASS": "config.openapi.Operation",
    "EXCEPTION_HANDLER": "config.problems.handle",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Consonant",
    "DESCRIPTION": "The consent-and-lifecycle ledger for biometric voice data: what a voice app asks, records and is told.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/(api/)?v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["config.openapi.complete"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}
# How often an app may call, how often with a batch, and how often one address may ask for tokens; empty: as often as it likes.
try:
    API_RATES = {
        "calls": rates.parse(env.str("CONSONANT_API_RATE", "60000/minute" if LOCAL else "6000/minute")),
        "batch": rates.parse(env.str("CONSONANT_API_BATCH_RATE", "6000/minute" if LOCAL else "600/minute")),
        "tokens": rates.parse(env.str("CONSONANT_TOKEN_RATE", "6000/minute" if LOCAL else "60/minute")),
        "proofs": rates.parse(env.str("CONSONANT_PROOF_RATE", "6000/minute" if LOCAL else "60/minute")),
    }
except ValueError as error:
    raise ImproperlyConfigured(
        f"CONSONANT_API_RATE, CONSONANT_API_BATCH_RATE, CONSONANT_TOKEN_RATE or CONSONANT_PROOF_RATE: {error}"
    ) from None
# An upload is held in memory until it is sealed: plain audio never lies on disk.
MAX_UPLOAD_BYTES = 16 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_HANDLERS = ["config.uploads.BoundedMemory"]

# --- pages ----------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("简体中文"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("swagger-ui", files("drf_spectacular_sidecar") / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"),
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "worker-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = not LOCAL
SECURE_HSTS_SECONDS = 0 if LOCAL else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not LOCAL
# Set only where a proxy of one's own removes the header from outside requests.
if proxy_header := env.str("CONSONANT_PROXY_SSL_HEADER", ""):
    SECURE_PROXY_SSL_HEADER = (proxy_header, "https")

# --- logs: one JSON object a line, no addresses of people, no paths that hold ids -----------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "config.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": env.str("CONSONANT_LOG_LEVEL", "INFO")},
    "loggers": {
        # Django's own lines name the path of a request, which can hold a token; config.requestlog names the route.
        "django.request": {"level": "CRITICAL"},
        "django.security": {"level": "CRITICAL"},
        "django.server": {"level": "CRITICAL"},
        # Its own lines go where all others go, so that nobody's address stays in them.
        "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
        # Its lines name the whole address of a hook, which can hold a secret.
        "httpx": {"level": "WARNING"},
    },
}
