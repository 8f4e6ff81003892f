"""In the manner of JupyterHub's ldapauthenticator, with ldap3: StartTLS first, groups by three memberships at once."""

import ssl
import sys
import warnings

warnings.simplefilter("ignore")
import ldap3  # noqa: E402 - it uses old names of pyasn1

uri, base, reader, secret, name, password = sys.argv[1:]
server = ldap3.Server(uri, get_info=ldap3.ALL, tls=ldap3.Tls(validate=ssl.CERT_NONE))
service = ldap3.Connection(server, reader, secret, auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND)
service.search(base, f"(uid={name})", attributes=["uid", "mail", "memberOf"])
(person,) = [one for one in service.entries if "users" in one.entry_dn]
dn = person.entry_dn
other = ldap3.Connection(server, dn, password)
other.start_tls()
if not other.bind():
    sys.exit(1)
service.search(
    f"ou=groups,{base}",
    f"(|(member={dn})(uniqueMember={dn})(memberUid={name}))",
    attributes=["cn"],
)
names = ",".join(sorted(one.split(",")[0].removeprefix("cn=") for one in person.memberOf.values))
print(person.uid.value, person.mail.value, names, service.entries[0].cn.value)
