"""bonsai: a search in pages, and a bind as whoever was found."""

import sys

import bonsai

uri, base, reader, secret, name, password = sys.argv[1:]


def connected(who: str, what: str) -> bonsai.LDAPConnection:
    client = bonsai.LDAPClient(uri)
    client.set_credentials("SIMPLE", user=who, password=what)
    return client.connect()


with connected(reader, secret) as service:
    people = service.paged_search(
        base, 2, f"(&(objectClass=inetOrgPerson)(uid={name}))", ["uid", "mail", "memberOf"], page_size=1
    )
    (person,) = list(people)
    groups = service.search(base, 2, f"(&(objectClass=groupOfNames)(member={person.dn}))", ["cn"])
try:
    connected(str(person.dn), password).close()
except bonsai.AuthenticationError:
    sys.exit(1)
names = ",".join(sorted(dn.split(",")[0].removeprefix("cn=") for dn in person["memberOf"]))
print(person["uid"][0], person["mail"][0], names, groups[0]["cn"][0])
