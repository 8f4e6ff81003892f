"""django-auth-ldap: a login through its backend, with its groups and a group that is required."""

import sys

import django
import ldap
from django.conf import settings
from django_auth_ldap.config import LDAPSearch, NestedGroupOfNamesType

uri, base, reader, secret, name, password = sys.argv[1:]
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    AUTHENTICATION_BACKENDS=["django_auth_ldap.backend.LDAPBackend"],
    AUTH_LDAP_SERVER_URI=uri,
    AUTH_LDAP_BIND_DN=reader,
    AUTH_LDAP_BIND_PASSWORD=secret,
    AUTH_LDAP_USER_SEARCH=LDAPSearch(base, ldap.SCOPE_SUBTREE, "(&(objectClass=inetOrgPerson)(uid=%(user)s))"),
    AUTH_LDAP_USER_ATTR_MAP={"email": "mail", "last_name": "sn"},
    AUTH_LDAP_GROUP_SEARCH=LDAPSearch(base, ldap.SCOPE_SUBTREE, "(objectClass=groupOfNames)"),
    AUTH_LDAP_GROUP_TYPE=NestedGroupOfNamesType(),
    AUTH_LDAP_REQUIRE_GROUP=f"cn=engineering,ou=groups,{base}",
    AUTH_LDAP_MIRROR_GROUPS=["engineering", "staff"],
)
django.setup()
from django.contrib.auth import authenticate  # noqa: E402 - after the settings
from django.core.management import call_command  # noqa: E402

call_command("migrate", verbosity=0)
user = authenticate(username=name, password=password)
if user is None:
    sys.exit(1)
names = ",".join(sorted(group.name for group in user.groups.all()))
print(user.username, user.email, names, "engineering")
