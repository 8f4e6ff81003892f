"""In Flask-AppBuilder's manner (Airflow, Superset), with python-ldap: memberOf without being asked for by name."""

import sys

import ldap

uri, base, reader, secret, name, password = sys.argv[1:]
service = ldap.initialize(uri)
service.set_option(ldap.OPT_REFERRALS, 0)
service.simple_bind_s(reader, secret)
filter = f"(&(objectClass=inetOrgPerson)(uid={name}))"
found = service.search_s(base, ldap.SCOPE_SUBTREE, filter, ["givenName", "sn", "mail", "memberOf", "uid"])
((dn, shown),) = [entry for entry in found if entry[0] is not None]
try:
    ldap.initialize(uri).simple_bind_s(dn, password)
except ldap.INVALID_CREDENTIALS:
    sys.exit(1)
names = ",".join(sorted(one.decode().split(",")[0].removeprefix("cn=") for one in shown["memberOf"]))
groups = f"ou=groups,{base}"
(group,) = service.search_s(groups, ldap.SCOPE_SUBTREE, f"(&(objectClass=groupOfNames)(member={dn}))", ["cn"])
print(shown["uid"][0].decode(), shown["mail"][0].decode(), names, group[1]["cn"][0].decode())
