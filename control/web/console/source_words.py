"""The names of the fields of sources, in the words of `control.web.console.words`."""

from __future__ import annotations

from control.web.console.phrases import Words

SOURCE_WORDS: dict[str, Words] = {
    "sources": Words("Sources", "Which have a button on the page; none ticked: all that are on."),
    "authentication_source": Words("Authentication source", "People sign in there, and are asked nothing here."),
    "enrollment_flow": Words("Enrollment flow", "For people whom nobody knows yet. Empty: they do not get in."),
    "user_matching_mode": Words(
        "User matching mode",
        "Whether people whom nobody has connected are taken for somebody who is here already.",
        options={
            "identifier": "identifier: never; addresses and names count for nothing",
            "email_link": "email_link: connect whoever has the same address. Only where you trust it as yourself",
            "email_deny": "email_deny: refuse those whose address somebody here has",
            "username_link": "username_link: connect whoever has the same name. Only where you trust it as yourself",
            "username_deny": "username_deny: refuse those whose name somebody here has",
        },
    ),
    "oidc_well_known_url": Words(
        "OIDC Well-known URL",
        "Of the issuer's document. Google and GitLab need none, Microsoft Entra your tenant's.",
        example="https://id.example.com/.well-known/openid-configuration",
    ),
    "authorization_url": Words("Authorization URL", "Empty: the usual one."),
    "access_token_url": Words("Access token URL", "Empty: the usual one."),
    "profile_url": Words("Profile URL", "Empty: the usual one."),
    "emails_url": Words("Addresses URL", "Lists a person's addresses. Empty: the usual one."),
    "pkce": Words("PKCE", options={"S256": "S256", "none": "none: for a provider that refuses it"}),
    "consumer_key": Words("Consumer key", "The client ID that the provider has given you."),
    "consumer_secret": Words("Consumer secret", "The client secret that the provider has given you."),
    "authorization_code_auth_method": Words(
        "Authorization code authentication method",
        options={"basic_auth": "HTTP Basic", "post_body": "In the form: for a provider that wants it there"},
    ),
    "additional_scopes": Words("Additional scopes", "Beside the usual ones, with spaces between."),
    "allowed_email_domains": Words(
        "Allowed email domains", "One to a line. Nobody else comes in; empty: everybody.", example="example.com"
    ),
    "allowed_emails": Words(
        "Allowed email addresses",
        "One to a line, beside those of the domains. Nobody else comes in; both empty: everybody.",
        example="alice@example.com",
    ),
    "allowed_organizations": Words(
        "Allowed organizations",
        "One to a line, as the provider names them: Google the domain, Microsoft Entra the tenant's id, GitHub the "
        "organization, others groups. Nobody else comes in; empty: everybody.",
    ),
    "group_mapping": Words(
        "Group mapping",
        "One to a line: their name, an equals sign, our group. At each sign-in people are put into those groups of "
        "ours that the provider names, and taken out of the others in this list.",
        example="acme/engineers = Engineers",
    ),
    "server_uri": Words(
        "Server URI", "Several with commas between are asked in that order.", example="ldaps://dc1.example.com"
    ),
    "start_tls": Words("StartTLS", "The connection begins in the open and is then encrypted."),
    "peer_certificate": Words("TLS verification certificate", "Of who issued the server's. Empty: whom we trust."),
    "bind_cn": Words(
        "Bind CN", "The account that looks people up. If it is emptied, its password is forgotten.", example="cn=reader"
    ),
    "bind_password": Words("Bind password"),
    "additional_user_dn": Words("Additional user DN", "Put before the base DN; empty: people are anywhere below it."),
    "additional_group_dn": Words("Additional group DN", "Put before the base DN."),
    "user_object_filter": Words("User object filter", "Whoever does not fit cannot sign in."),
    "object_uniqueness_field": Words(
        "Object uniqueness field", "Never changes and is never given again: objectSid, objectGUID or entryUUID."
    ),
    "user_property_mappings": Words(
        "User property mappings", "Where they say something of people, it comes before the attributes that stand here."
    ),
    "group_property_mappings": Words("Group property mappings", "The same of groups."),
    "username_field": Words("Username attribute", "uid; of Active Directory sAMAccountName."),
    "name_field": Words("Name attribute"),
    "email_field": Words("Email attribute"),
    "group_name_field": Words("Group name attribute"),
    "lookup_groups_from_user": Words(
        "Look groups up by people's memberOf", "Active Directory needs it for large ones."
    ),
    "password_login_update_internal_password": Words(
        "Keep right passwords as hashes", "For while no server of the directory answers."
    ),
    "sync_users": Words("Take people over"),
    "sync_groups": Words("Take groups over"),
    "delete_not_found_objects": Words("Delete who is gone there", "Else they are deactivated, and stay so."),
    "source": Words("Source"),
}
