"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "access_token",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=True),
        sa.Column("granted", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_access_token")),
    )
    with op.batch_alter_table("access_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_access_token_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_token_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_token_provider"), ["provider"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_token_session"), ["session"], unique=False)
        batch_op.create_index(batch_op.f("ix_access_token_user"), ["user"], unique=False)

    op.create_table(
        "application",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("provider", WHOLE, nullable=True),
        sa.Column("meta_launch_url", sa.Text(), nullable=False),
        sa.Column("open_in_new_tab", sa.Boolean(), nullable=False),
        sa.Column("meta_icon", sa.Text(), nullable=False),
        sa.Column("meta_description", sa.Text(), nullable=False),
        sa.Column("meta_publisher", sa.Text(), nullable=False),
        sa.Column("meta_hide", sa.Boolean(), nullable=False),
        sa.Column("policy_engine_mode", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_application")),
        sa.UniqueConstraint("provider", name=op.f("uq_application_provider")),
        sa.UniqueConstraint("slug", name=op.f("uq_application_slug")),
    )
    op.create_table(
        "authenticator",
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pk", WHOLE, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("last_updated", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_authenticator")),
    )
    with op.batch_alter_table("authenticator", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_authenticator_user"), ["user"], unique=False)

    op.create_table(
        "authenticator_use",
        sa.Column("pk", WHOLE, autoincrement=False, nullable=False),
        sa.Column("last_used", sa.Double(), nullable=False),
        sa.Column("step", WHOLE, nullable=False),
        sa.Column("drift", WHOLE, nullable=False),
        sa.Column("spent", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("origins", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("failures", WHOLE, nullable=False),
        sa.Column("failed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_authenticator_use")),
    )
    op.create_table(
        "authorization_code",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("session", sa.Text(), nullable=True),
        sa.Column("granted", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_authorization_code")),
    )
    with op.batch_alter_table("authorization_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_authorization_code_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_authorization_code_provider"), ["provider"], unique=False)
        batch_op.create_index(batch_op.f("ix_authorization_code_session"), ["session"], unique=False)
        batch_op.create_index(batch_op.f("ix_authorization_code_user"), ["user"], unique=False)

    op.create_table(
        "binding",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("user", WHOLE, nullable=True),
        sa.Column("order", WHOLE, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("negate", sa.Boolean(), nullable=False),
        sa.Column("timeout", WHOLE, nullable=False),
        sa.Column("failure_result", sa.Boolean(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_binding")),
    )
    with op.batch_alter_table("binding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_binding_policy"), ["policy"], unique=False)
        batch_op.create_index(batch_op.f("ix_binding_target"), ["target"], unique=False)

    op.create_table(
        "certificate",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("certificate_data", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key_data", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_certificate")),
        sa.UniqueConstraint("name", name=op.f("uq_certificate_name")),
    )
    op.create_table(
        "change_log",
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pk", sa.JSON(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("joined", sa.JSON(), nullable=False),
        sa.Column("left", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_change_log")),
    )
    with op.batch_alter_table("change_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_change_log_revision"), ["revision"], unique=False)

    op.create_table(
        "counter",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "device",
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user", WHOLE, nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("vlan", sa.Text(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("last_updated", sa.Double(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_device")),
        sa.UniqueConstraint("address", name=op.f("uq_device_address")),
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_user"), ["user"], unique=False)

    op.create_table(
        "ended_session",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_ended_session")),
    )
    with op.batch_alter_table("ended_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ended_session_expires"), ["expires"], unique=False)

    op.create_table(
        "event",
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("context", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("user", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_created"), ["created"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_expires"), ["expires"], unique=False)

    op.create_table(
        "flow",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("designation", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("authentication", sa.Text(), nullable=False),
        sa.Column("denied_action", sa.Text(), nullable=False),
        sa.Column("layout", sa.Text(), nullable=False),
        sa.Column("background", sa.Text(), nullable=False),
        sa.Column("compatibility_mode", sa.Boolean(), nullable=False),
        sa.Column("policy_engine_mode", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_flow")),
        sa.UniqueConstraint("slug", name=op.f("uq_flow_slug")),
    )
    op.create_table(
        "former_password",
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_former_password")),
    )
    with op.batch_alter_table("former_password", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_former_password_user"), ["user"], unique=False)

    op.create_table(
        "group",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("is_superuser", sa.Boolean(), nullable=False),
        sa.Column("parents", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("roles", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("ordinal", WHOLE, nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("last_updated", sa.Double(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_group")),
        sa.UniqueConstraint("name_folded", name=op.f("uq_group_name_folded")),
        sa.UniqueConstraint("ordinal", name=op.f("uq_group_ordinal")),
    )
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_head")),
    )
    op.create_table(
        "radius_session",
        sa.Column("nas", sa.Text(), nullable=False),
        sa.Column("nas_name", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("user", WHOLE, nullable=True),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("calling_station", sa.Text(), nullable=False),
        sa.Column("called_station", sa.Text(), nullable=False),
        sa.Column("ssid", sa.Text(), nullable=False),
        sa.Column("port", sa.Text(), nullable=False),
        sa.Column("framed_ip", sa.Text(), nullable=False),
        sa.Column("started", sa.Double(), nullable=False),
        sa.Column("last_told", sa.Double(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("ended", sa.Double(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("seconds", WHOLE, nullable=False),
        sa.Column("input_octets", WHOLE, nullable=False),
        sa.Column("output_octets", WHOLE, nullable=False),
        sa.Column("outpost", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("order", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_radius_session")),
        sa.UniqueConstraint("nas", "nas_name", "session", name=op.f("uq_radius_session_nas_nas_name_session")),
    )
    with op.batch_alter_table("radius_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_radius_session_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_radius_session_live"), ["live"], unique=False)
        batch_op.create_index(batch_op.f("ix_radius_session_user"), ["user"], unique=False)
    op.create_table(
        "reputation",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("ip", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("score", WHOLE, nullable=False),
        sa.Column("updated", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_reputation")),
        sa.UniqueConstraint("identifier", "ip", name=op.f("uq_reputation_identifier_ip")),
    )
    with op.batch_alter_table("reputation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reputation_updated"), ["updated"], unique=False)

    op.create_table(
        "tries",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("wrong", WHOLE, nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=False),
        sa.Column("right", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_tries")),
        sa.UniqueConstraint("account", "place", name=op.f("uq_tries_account_place")),
    )
    with op.batch_alter_table("tries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tries_last"), ["last"], unique=False)

    op.create_table(
        "issued_certificate",
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("user", WHOLE, nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("certificate_data", sa.Text(), nullable=False),
        sa.Column("not_after", sa.Double(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("revoked", sa.Double(), nullable=True),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_issued_certificate")),
        sa.UniqueConstraint("authority", "serial", name=op.f("uq_issued_certificate_authority_serial")),
    )
    with op.batch_alter_table("issued_certificate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_issued_certificate_created"), ["created"], unique=False)
        batch_op.create_index(batch_op.f("ix_issued_certificate_device"), ["device"], unique=False)
        batch_op.create_index(batch_op.f("ix_issued_certificate_user"), ["user"], unique=False)
    op.create_table(
        "knock",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("outpost", sa.Text(), nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.Column("first", sa.Double(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
        sa.Column("answered", sa.Double(), nullable=True),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_knock")),
        sa.UniqueConstraint("kind", "what", "outpost", name=op.f("uq_knock_kind_what_outpost")),
    )
    with op.batch_alter_table("knock", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_knock_last"), ["last"], unique=False)

    op.create_table(
        "login",
        sa.Column("pk", WHOLE, autoincrement=False, nullable=False),
        sa.Column("last_login", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_login")),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "outpost",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("providers", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("config", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("user", WHOLE, nullable=True),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_outpost")),
        sa.UniqueConstraint("name", name=op.f("uq_outpost_name")),
    )
    op.create_table(
        "outpost_instance",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("outpost", sa.Text(), nullable=False),
        sa.Column("hostname", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("last_seen", sa.Double(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("reported", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_outpost_instance")),
    )
    op.create_table(
        "pending_challenge",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("asked_by", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("flow", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_pending_challenge")),
    )
    with op.batch_alter_table("pending_challenge", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pending_challenge_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_pending_challenge_user"), ["user"], unique=False)

    op.create_table(
        "policy",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("execution_logging", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("last_updated", sa.Double(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", name=op.f("uq_policy_name")),
    )
    op.create_table(
        "property_mapping",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("on_failure", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_property_mapping")),
        sa.UniqueConstraint("managed", name=op.f("uq_property_mapping_managed")),
        sa.UniqueConstraint("name", name=op.f("uq_property_mapping_name")),
    )
    op.create_table(
        "provider",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pk", WHOLE, autoincrement=False, nullable=False),
        sa.Column("authentication_flow", sa.Text(), nullable=True),
        sa.Column("authorization_flow", sa.Text(), nullable=True),
        sa.Column("invalidation_flow", sa.Text(), nullable=True),
        sa.Column("property_mappings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_provider")),
        sa.UniqueConstraint("client_id", name=op.f("uq_provider_client_id")),
        sa.UniqueConstraint("name", name=op.f("uq_provider_name")),
    )
    op.create_table(
        "radius_nas",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("shared_secret", sa.Text(), nullable=False),
        sa.Column("message_authenticator", sa.Text(), nullable=False),
        sa.Column("coa_port", WHOLE, nullable=False),
        sa.Column("radsec_name", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_radius_nas")),
        sa.UniqueConstraint("name", name=op.f("uq_radius_nas_name")),
        sa.UniqueConstraint("network", "identifier", name=op.f("uq_radius_nas_network_identifier")),
    )
    with op.batch_alter_table("radius_nas", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_radius_nas_provider"), ["provider"], unique=False)

    op.create_table(
        "radius_order",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outpost", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_radius_order")),
    )
    with op.batch_alter_table("radius_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_radius_order_outpost"), ["outpost"], unique=False)
        batch_op.create_index(batch_op.f("ix_radius_order_session"), ["session"], unique=False)

    op.create_table(
        "radius_rule",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("order", WHOLE, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("group", sa.Text(), nullable=True),
        sa.Column("nas", sa.Text(), nullable=False),
        sa.Column("ssid", sa.Text(), nullable=False),
        sa.Column("weekdays", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("begins", WHOLE, nullable=False),
        sa.Column("ends", WHOLE, nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_radius_rule")),
    )
    with op.batch_alter_table("radius_rule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_radius_rule_provider"), ["provider"], unique=False)

    op.create_table(
        "refresh_token",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("granted", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_refresh_token")),
    )
    with op.batch_alter_table("refresh_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refresh_token_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_refresh_token_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_refresh_token_provider"), ["provider"], unique=False)
        batch_op.create_index(batch_op.f("ix_refresh_token_user"), ["user"], unique=False)

    op.create_table(
        "revision",
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_revision")),
    )
    op.create_table(
        "role",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("permissions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_role")),
        sa.UniqueConstraint("name", name=op.f("uq_role_name")),
    )
    op.create_table(
        "session",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("user", WHOLE, nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("last_used", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("signed_in", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_session")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_user"), ["user"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_uuid"), ["uuid"], unique=False)

    op.create_table(
        "setting",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_setting")),
    )
    op.create_table(
        "stage",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_stage")),
        sa.UniqueConstraint("name", name=op.f("uq_stage_name")),
    )
    op.create_table(
        "stage_binding",
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("order", WHOLE, nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("evaluate_on_plan", sa.Boolean(), nullable=False),
        sa.Column("re_evaluate_policies", sa.Boolean(), nullable=False),
        sa.Column("invalid_response_action", sa.Text(), nullable=False),
        sa.Column("policy_engine_mode", sa.Text(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_stage_binding")),
        sa.UniqueConstraint("flow", "stage", "order", name=op.f("uq_stage_binding_flow_stage_order")),
    )
    op.create_table(
        "token",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("expiring", sa.Boolean(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.Column("revealed", sa.Boolean(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_token")),
        sa.UniqueConstraint("identifier", name=op.f("uq_token_identifier")),
        sa.UniqueConstraint("key_digest", name=op.f("uq_token_key_digest")),
    )
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_user"), ["user"], unique=False)

    op.create_table(
        "token_use",
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("last_used", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_token_use")),
    )
    op.create_table(
        "user",
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("pk", WHOLE, autoincrement=False, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("ordinal", WHOLE, nullable=False),
        sa.Column("credential_version", WHOLE, nullable=False),
        sa.Column("valid_from", sa.Double(), nullable=True),
        sa.Column("valid_until", sa.Double(), nullable=True),
        sa.Column("sessions_not_before", sa.Double(), nullable=False),
        sa.Column("released", sa.Double(), nullable=False),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("date_joined", sa.Double(), nullable=False),
        sa.Column("last_updated", sa.Double(), nullable=False),
        sa.Column("password_change_date", sa.Double(), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("managed", sa.Text(), nullable=True),
        sa.Column("username_folded", sa.Text(), nullable=False),
        sa.Column("email_folded", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_user")),
        sa.UniqueConstraint("ordinal", name=op.f("uq_user_ordinal")),
        sa.UniqueConstraint("username_folded", name=op.f("uq_user_username_folded")),
        sa.UniqueConstraint("uuid", name=op.f("uq_user_uuid")),
    )
    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_email"), ["email"], unique=False)
        batch_op.create_index(batch_op.f("ix_user_email_folded"), ["email_folded"], unique=False)

    op.create_table(
        "session_client",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_session_client")),
        sa.UniqueConstraint("session", "provider", name=op.f("uq_session_client_session_provider")),
    )
    with op.batch_alter_table("session_client", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_client_provider"), ["provider"], unique=False)

    op.create_table(
        "logout_notice",
        sa.Column("provider", WHOLE, nullable=False),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("tries", WHOLE, nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_logout_notice")),
    )
    with op.batch_alter_table("logout_notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_logout_notice_due"), ["due"], unique=False)
        batch_op.create_index(batch_op.f("ix_logout_notice_provider"), ["provider"], unique=False)

    op.create_table(
        "user_consent",
        sa.Column("user", WHOLE, nullable=False),
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("pk", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("expires", sa.Double(), nullable=True),
        sa.Column("created", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_user_consent")),
        sa.UniqueConstraint("user", "application", name=op.f("uq_user_consent_user_application")),
    )
    with op.batch_alter_table("user_consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_consent_application"), ["application"], unique=False)

    op.create_table(
        "member",
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("user", WHOLE, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["group"], ["group.pk"], name=op.f("fk_member_group")),
        sa.ForeignKeyConstraint(["user"], ["user.pk"], name=op.f("fk_member_user")),
        sa.PrimaryKeyConstraint("group", "user", name=op.f("pk_member")),
    )
    with op.batch_alter_table("member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_member_user"), ["user"], unique=False)
