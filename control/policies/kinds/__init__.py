"""What each kind of policy is made from, and how it decides. A file for each kind."""

from __future__ import annotations

from control.policies.kinds import (
    event_matcher,
    expression,
    geoip,
    network,
    password,
    password_expiry,
    reputation,
    time,
    unique_password,
)
from control.policies.kinds.kind import Kind

KINDS: dict[str, Kind] = {
    module.KIND.name: module.KIND
    for module in (
        event_matcher,
        expression,
        geoip,
        network,
        password,
        password_expiry,
        reputation,
        time,
        unique_password,
    )
}
