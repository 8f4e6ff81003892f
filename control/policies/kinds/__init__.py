"""What each kind of policy is made from, and how it decides. A file for each kind."""

from __future__ import annotations

from control.policies.kinds import event_matcher, expression, network, reputation, time
from control.policies.kinds.kind import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (event_matcher.KIND, expression.KIND, network.KIND, reputation.KIND, time.KIND)
}
