"""How each kind of proof is checked: the table of DESIGN D8."""

from __future__ import annotations

from collections.abc import Mapping

from control.authentication import Prove
from control.flows.headless import password_proof, reply_proof
from control.flows.state import FlowServices
from control.proofs import certificates, devices, network


def proofs(services: FlowServices) -> Mapping[str, Prove]:
    """Kind of a proof to what checks it, for `control.authentication.Authentication`."""
    return {
        "password": password_proof(services),
        "chap": network.chap(services.store),
        "mschapv2": network.mschapv2(services.store),
        "certificate": certificates.certificate(services.store, services.now),
        "device": devices.device(services.store),
        "reply": reply_proof(services),
    }
