"""What the LDAP door decides about searches and compares, apart from any connection: who may see what."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace

from outpost import __version__
from outpost.directory.contexts import NamingContexts
from outpost.directory.memory import LONGEST_ANSWER, Asked, Memory
from outpost.directory.reader import Reader
from outpost.directory.tree import Tree
from outpost.listeners.ldap_binds import Bound
from outpost.telemetry import Telemetry
from protocols.ldap import controlled, dn
from protocols.ldap.again import LONGEST_QUESTION, encode_messages, operations
from protocols.ldap.controlled import Wanted
from protocols.ldap.dn import DN
from protocols.ldap.evaluation import Recognise, predicate
from protocols.ldap.events import SearchReceived
from protocols.ldap.messages import CompareRequest
from protocols.ldap.paging import OpenSet, OpenSets
from protocols.ldap.result import Refused, Result, ResultCode
from protocols.ldap.root_dse import Features, root_dse
from protocols.ldap.schema import DESCRIBED, known_type, without_binary
from protocols.ldap.search import Entry, PlainEntry, Slice, results
from protocols.ldap.search_request import Scope, SearchRequest
from protocols.ldap.sorting import Leave
from protocols.ldap.subschema import SUBSCHEMA_KEY, subschema

COMPARE_TRUE, COMPARE_FALSE = Result(ResultCode.COMPARE_TRUE), Result(ResultCode.COMPARE_FALSE)

Place = tuple[Iterator[Entry | None], Recognise, Hashable]
"""The matching entries, what their attributes are, and whose question it is."""


class Reads:
    """``now`` gives seconds since the epoch; ``leave`` takes what sorted searches held."""

    def __init__(
        self,
        contexts: NamingContexts,
        telemetry: Telemetry,
        now: Callable[[], float],
        offers_start_tls: bool,
        leave: Leave = list.clear,
    ) -> None:
        self._telemetry = telemetry
        self.open_sets = OpenSets()
        self._contexts = contexts
        self._now = now
        self._offers_start_tls = offers_start_tls
        self._leave = leave

    def search(
        self, event: SearchReceived, bound: Bound | None, secure: bool, asker: Hashable
    ) -> bytes | Iterator[Slice]:
        """Slices of the answer, as `protocols.ldap.search.results`, or all of one that was given before. Raises
        Refused. ``asker`` is the connection.

        Without a bind there are the root DSE and the schema alone: clients find base DNs and StartTLS there before
        they bind, and people are nobody else's business. 50 says so, where 32 would send operators looking for a
        wrong base DN.
        """
        request = event.request
        if not event.controls and (known := self.again(event.content, bound, secure)) is not None:
            return encode_messages(event.message_id, known)
        self._telemetry.taken["ldap", "search"] += 1
        expired = self._time_limit(request.time_limit) if request.time_limit else None
        if event.controls and (wanted := controlled.wanted(event.controls)) is not None:
            return self._controlled(event, wanted, bound, secure, asker, expired or _never)
        base, tree = self._place(request.base)
        if tree is None and (own := self._own_entries(base, request.scope, bound, secure)) is not None:
            return results(event.message_id, request, own, known_type, expired=expired)
        reader = self._reader(base, tree, bound, secure)
        slices = reader.answer(event.message_id, request, base, expired)
        if bound is None or event.controls or len(event.content) > LONGEST_QUESTION or reader.now is not None:
            return slices
        memory = self._contexts.memory
        memory.plans.learn(reader, event.content, request, base)
        asked = bound.provider, bound.identity.user, secure, event.content
        return _remembering(memory, asked, slices) if memory.comes_again(asked) else slices

    def again(self, content: bytes, bound: Bound | None, secure: bool) -> Sequence[bytes] | None:
        """What is answered to a search with this content and no controls, if it need not be read: it came before, or
        others did that differ in what they assert alone."""
        reader = None if bound is None else self._readable_by(bound)
        if bound is None or reader is None:
            return None
        memory, asked = self._contexts.memory, (bound.provider, bound.identity.user, secure, content)
        said = memory.answers.get(asked)
        if said is None:
            said = memory.plans.answer(reader, content)
            if said is None:
                return None
            if memory.comes_again(asked):
                memory.keep(asked, said)
        self._telemetry.taken["ldap", "search"] += 1
        return said

    def compare(self, request: CompareRequest, bound: Bound | None, secure: bool) -> Result:
        """True or false (RFC 4511 s4.10). Raises Refused."""
        self._telemetry.taken["ldap", "compare"] += 1
        base, tree = self._place(request.entry)
        own = self._own_entries(base, Scope.BASE, bound, secure)
        if own is None:
            reader = self._reader(base, tree, bound, secure)
            entry, known = reader.entry_at(base), reader.recognise(request.attribute.lower())
        else:
            entry, known = own[0], known_type(request.attribute.lower())
        if known is None:
            if without_binary(request.attribute.lower()) in DESCRIBED:
                said = "Nobody may compare this attribute."
                raise Refused(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, said, reason="never_told")
            raise Refused(ResultCode.UNDEFINED_ATTRIBUTE_TYPE, "No such attribute type is known here.")
        assertion = known.rule.normalise(request.value)
        if assertion is None:
            if not known.rule.name:
                raise Refused(ResultCode.INAPPROPRIATE_MATCHING, "Values of this attribute cannot be compared.")
            raise Refused(ResultCode.INVALID_ATTRIBUTE_SYNTAX, "The value does not fit the attribute's syntax.")
        if entry.holds(known.key, known.rule, assertion):
            return COMPARE_TRUE
        if not entry.has(known.key):
            raise Refused(ResultCode.NO_SUCH_ATTRIBUTE, "The entry has no such attribute.")
        return COMPARE_FALSE

    # --- where ---

    def _place(self, text: str) -> tuple[DN, Tree | None]:
        try:
            return self._contexts.place(text)
        except ValueError:
            raise Refused(ResultCode.INVALID_DN_SYNTAX, "The name is no DN.") from None

    def _own_entries(self, base: DN, scope: Scope, bound: Bound | None, secure: bool) -> Sequence[PlainEntry] | None:
        """The root DSE or the subschema, if one of them is asked for; below the subschema there is nothing."""
        if not base.key and scope is Scope.BASE:
            start_tls = self._offers_start_tls and not secure
            contexts, external = self._contexts, self._contexts.of_certificates() is not None
            features = Features(start_tls, secure, contexts.active_directory(), external, contexts.host_name())
            return (PlainEntry("", root_dse(self._contexts.base_dns(), features, __version__)),)
        if base.key != SUBSCHEMA_KEY:
            return None
        if scope not in (Scope.BASE, Scope.SUB):
            return ()
        tree = None if bound is None else self._contexts.tree(bound.provider)
        return (subschema(() if tree is None else tree.custom_types()),)

    def _reader(self, base: DN, tree: Tree | None, bound: Bound | None, secure: bool) -> Reader:
        if bound is None:
            if not base.key:
                tree = self._contexts.of_anybody()
            reader = None if tree is None else self._contexts.readable_by_anybody(tree)
            if reader is None:
                said = "Bind first: this directory is not read anonymously."
                raise Refused(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, said, reason="not_bound")
            return reader
        if not base.key:
            tree = self._contexts.tree(bound.provider)
        if tree is None:
            self._knock(base)
            said = "No naming context here holds this name."
            raise Refused(ResultCode.NO_SUCH_OBJECT, said, reason="unknown_base_dn")
        reader = self._readable_by(bound)
        if reader is None or reader.tree.provider is not tree.provider:
            said = "This account may not read here."
            raise Refused(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, said, reason="may_not_read")
        told = secure and reader.everything and tree.settings.samba_password_hashes
        return replace(reader, now=self._now()) if told else reader

    def _readable_by(self, bound: Bound) -> Reader | None:
        now = self._now()
        if now >= bound.not_after:
            return None
        return self._contexts.readable_by(bound.identity, bound.provider, now, bound.by_policies)

    def _knock(self, name: DN) -> None:
        """The people below a base that nobody serves are nobody's business."""
        if name.key:
            self._telemetry.knocked("base_dn", dn.top(name), peer="")

    def _time_limit(self, seconds: int) -> Callable[[], bool]:
        end = self._now() + seconds
        return lambda: self._now() >= end

    # --- pages and order ---

    def _controlled(
        self,
        event: SearchReceived,
        asked: Wanted,
        bound: Bound | None,
        secure: bool,
        asker: Hashable,
        expired: Callable[[], bool],
    ) -> Iterator[Slice]:
        request, page = event.request, asked.page
        entries, recognise, whose = self._found(request, bound, secure)
        order, said = controlled.order_of(asked, recognise)
        if asked.view is not None and order is not None:
            return controlled.view(event.message_id, request, entries, order, asked.view, said, expired, self._leave)
        if page is not None and page.cookie:
            opened = self._continued(page.cookie, asker, whose, request, asked)
        else:
            opened = OpenSet(whose, request, controlled.in_order(entries, order, self._leave), keys=asked.keys)
        if page is not None and page.size == 0:  # no more is wanted (RFC 2696 s3)
            opened = OpenSet(whose, request, iter(()))
        size = None if page is None else page.size
        keep = self.open_sets.keep
        return controlled.answer(event.message_id, request, opened, size, said, lambda rest: keep(asker, rest), expired)

    def _continued(
        self, cookie: bytes, asker: Hashable, whose: Hashable, request: SearchRequest, asked: Wanted
    ) -> OpenSet:
        """What the set began with: the same person, rights, revision, question and order."""
        opened = self.open_sets.take(asker, cookie)
        same = opened is not None and (opened.whose, opened.request) == (whose, request)
        if opened is None or not same or asked.keys not in ((), opened.keys):
            raise Refused(ResultCode.PROTOCOL_ERROR, "The paged results cookie is invalid.")
        return opened

    def _found(self, request: SearchRequest, bound: Bound | None, secure: bool) -> Place:
        base, tree = self._place(request.base)
        own = self._own_entries(base, request.scope, bound, secure)
        if own is not None:
            return controlled.matching(own, predicate(request.filter, known_type)), known_type, None
        reader = self._reader(base, tree, bound, secure)
        whose = (reader.tree.provider.pk, reader.user, reader.everything)
        return reader.matching(request, base), reader.recognise, whose


def _remembering(memory: Memory, asked: Asked, slices: Iterator[Slice]) -> Iterator[Slice]:
    """The same slices; if the first is all there is, it is kept in the ``memory`` of the revision that the search began
    on: the slices may be taken when there is another one already."""
    first = next(slices)
    yield first
    second = next(slices, None)
    if second is not None:
        yield second
        yield from slices
    elif isinstance(first, bytes) and len(first) <= LONGEST_ANSWER:
        memory.keep(asked, operations(first))


def _never() -> bool:
    return False
