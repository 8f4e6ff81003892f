"""Somebody puts a flow together by its pages, and signs in by it."""

from __future__ import annotations

import re

from control.records import Flow, Stage, StageBinding
from control.store.interface import Query
from tests.control.web.browsing import PASSWORD, USER, Browser, Site

FLOWS = "/if/admin/flow/flows/"


def stage_of(site: Site, admin: Browser, kind: str, **fields: str) -> Stage:
    admin.get(f"/if/admin/flow/stages/~new/{kind}/")
    admin.submit(True, None, name=f"my {kind}", **fields)
    (stage,) = site.sql.read_now(lambda tx: tx.select(Stage, Query(equal={"name": f"my {kind}"})))
    return stage


def test_a_flow_is_put_together_by_its_pages(site: Site, admin: Browser) -> None:
    admin.get(f"{FLOWS}~new/")
    page = admin.submit(name="Own", slug="own", title="Come in", designation="authentication", authentication="none")
    assert page.url.path == f"{FLOWS}own/"
    assert "signs nobody in" in admin.text
    made = {
        "identification": stage_of(site, admin, "identification"),
        "password": stage_of(site, admin, "password"),
        "user_login": stage_of(site, admin, "user_login", session_duration="hours=1"),
    }
    assert made["user_login"].settings["session_duration"] == "hours=1"
    (flow,) = site.sql.read_now(lambda tx: tx.select(Flow, Query(equal={"slug": "own"})))
    for order, stage in enumerate(made.values()):
        page = admin.get(f"/if/admin/flow/bindings/~new/?target={flow.pk}")
        assert re.search(rf'value="{flow.pk}" selected', page.text)
        page = admin.submit(target=flow.pk, stage=stage.pk, order=str(order), re_evaluate_policies="on")
        assert page.url.path == f"{FLOWS}own/"
    assert "signs nobody in" not in admin.text
    assert len(site.sql.read_now(lambda tx: tx.select(StageBinding, Query(equal={"flow": flow.pk})))) == 3
    site.user("alice")
    alice = site.browser()
    alice.sign_in("alice", PASSWORD, "/if/flow/own/")
    assert alice.get(USER).status_code == 200


def test_what_would_lead_in_a_circle_is_refused_on_the_page(site: Site, admin: Browser) -> None:
    (login,) = site.sql.read_now(lambda tx: tx.select(Flow, Query(equal={"slug": "default-recovery-flow"})))
    admin.get("/if/admin/flow/stages/~new/redirect/")
    admin.submit(name="round", mode="flow", target_flow=login.pk)
    (stage,) = site.sql.read_now(lambda tx: tx.select(Stage, Query(equal={"name": "round"})))
    admin.get(f"/if/admin/flow/bindings/~new/?target={login.pk}")
    admin.submit(target=login.pk, stage=stage.pk, order="0")
    assert "This leads in a circle" in admin.text
