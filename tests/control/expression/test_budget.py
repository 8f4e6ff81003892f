"""Whatever runs away ends: in steps, in depth, in size, or by the clock; and quickly."""

from __future__ import annotations

import time
from itertools import count

import pytest

from control.expression.budget import Limits
from control.expression.environment import Asked
from control.expression.evaluation import evaluate
from control.expression.exposed import free
from control.expression.faults import Exhausted, Failed, Refused
from control.expression.http import HttpFacts
from control.expression.people import GroupFacts, PersonFacts
from control.expression.program import LIMITS, Program, plain
from control.mappings.radius import Packet
from tests.control.expression.running import run, value_of
from tests.pace import slowness

WIDE = "wide = [1]\nfor i in range(45):\n  wide = [wide, wide]\n"
WIDE_IN_AN_EXCEPTION = "inside = []\nerror = ValueError(inside)\n" + WIDE + "inside.append(wide)\n"
BOMBS = {
    "endless loop": "while True:\n  pass",
    "endless loop that catches everything": "while True:\n  try:\n    while True:\n      pass\n  except:\n    pass",
    "endless finally": "try:\n  while True:\n    pass\nfinally:\n  while True:\n    pass",
    "power": "return 9**9**9",
    "power by steps": "x = 3\nwhile True:\n  x = x ** 3",
    "power of a negative": "return (-10)**10**10",
    "power in place": "x = 10\nx **= 10**10\nreturn x",
    "shift": "return 1 << 10**12",
    "multiplication": "x = 10**300\nwhile True:\n  x = x * x",
    "factorial": "x = 1\nfor i in range(1, 10**6):\n  x *= i\nreturn x",
    "text times a number": "return 'a' * 10**12",
    "number times text": "return 10**12 * 'a'",
    "list times a number": "return [0] * 10**12",
    "tuple times a number": "return (0,) * 10**12",
    "doubling text": "s = 'aaaa'\nwhile True:\n  s += s",
    "doubling a list": "s = [1, 2]\nwhile True:\n  s += s",
    "doubling by extend": "s = [1, 2]\nwhile True:\n  s.extend(s)",
    "growing while going through": "s = [1]\nfor x in s:\n  s.append(x)",
    "range to list": "return list(range(10**12))",
    "range sum": "return sum(range(10**12))",
    "range max": "return max(range(10**12))",
    "range unpacked": "a, *b = range(10**12)\nreturn b",
    "range starred": "return [*range(10**12)]",
    "range as arguments": "return max(*range(10**12))",
    "range joined": "return ''.join(str(x) for x in range(10**12))",
    "range of astronomical length": "return list(range(10**40))",
    "range in a set": "return set(range(10**12))",
    "search of a range by generator": "return 'x' in (i for i in range(10**12))",
    "nested comprehension": "return [a for a in range(999) for b in range(999) for c in range(999)]",
    "comprehension that keeps nothing": "return [a for a in range(10**12) if False]",
    "dictionary comprehension": "return {a: a for a in range(10**12)}",
    "lazy chain": "g = (x for x in range(10**12))\nh = (x for x in g)\nreturn list(h)",
    "recursion": "def f(n):\n  return f(n + 1)\nreturn f(0)",
    "mutual recursion": "def f(n):\n  return g(n)\ndef g(n):\n  return f(n)\nreturn f(0)",
    "recursion through a list": "l = []\nl.append(lambda: l[0]())\nreturn l[0]()",
    "recursion through sorted": "f = lambda x: sorted([2, 1], key=f)\nreturn f(1)",
    "chain of closures": "f = lambda: 1\nfor i in range(5000):\n  f = (lambda g: lambda: g())(f)\nreturn f()",
    "chain of generators": "g = (x for x in [1])\nfor i in range(5000):\n  g = (x for x in g)\nreturn list(g)",
    "y combinator": "return (lambda f: f(f))(lambda f: f(f))",
    "deep list shown": "x = []\nfor i in range(5000):\n  x = [x]\nreturn str(x)",
    "deep list compared": "x = y = []\nfor i in range(5000):\n  x = [x]\n  y = [y]\nreturn x == y",
    "deep tuple as a key": "x = ()\nfor i in range(20000):\n  x = (x,)\nreturn {x: 1}",
    "wide tuple as a key": "x = (1,)\nfor i in range(40):\n  x = (x, x)\nreturn {x: 1}",
    "wide tuple in a set": "x = (1,)\nfor i in range(40):\n  x = (x, x)\nreturn {x}",
    "wide tuple by setdefault": "x = (1,)\nd = {}\nfor i in range(40):\n  x = (x, x)\nd.setdefault(x, 1)",
    "wide list compared": "x = [1]\ny = [1]\nfor i in range(40):\n  x = [x, x]\n  y = [y, y]\nreturn x == y",
    "wide list shown": "x = [1]\nfor i in range(40):\n  x = [x, x]\nreturn f'{x}'",
    "list inside itself shown": "x = []\nx.append(x)\nreturn str(x)",
    "list inside itself compared": "x = []\nx.append(x)\ny = []\ny.append(y)\nreturn x == y",
    "ljust": "return 'a'.ljust(10**12)",
    "zfill": "return 'a'.zfill(10**12)",
    "center in a loop": "while True:\n  x = 'a'.center(99999)",
    "replace": "return ('a' * 9999).replace('a', 'b' * 9999)",
    "replace of nothing": "return ('a' * 99999).replace('', 'b' * 99999)",
    "join": "return ('a' * 9999).join(['b'] * 9999)",
    "format width": "return '{:1000000000}'.format(1)",
    "format precision": "return '{:.1000000000f}'.format(1.0)",
    "f-string width": "return f'{1:1000000000}'",
    "f-string width made up": "w = 10**9\nreturn f'{1:{w}}'",
    "percent width": "return '%1000000000d' % 1",
    "percent width from the arguments": "return '%*d' % (1000000000, 1)",
    "percent precision": "return '%.1000000000f' % 1.0",
    "many percents": "return ('%s' * 9999) % ((('a' * 9999),) * 9999)",
    "digits": "return int('9' * 99999)",
    "round to minus a billion": "return round(5, -10**9)",
    "regular expression replaced": "return regex_replace('a' * 99999, '', 'b' * 9999)",
    "regular expression groups": "return regex_replace('a' * 9999, '(a*)', '\\\\1' * 9999)",
    "large pattern": "return regex_match('a', '(a{999}){999}')",
    "sorting with a key that grows": "l = list(range(999))\nreturn sorted(l, key=lambda x: [l] * 99)",
    "dictionary update": "d = {}\nwhile True:\n  d.update({len(d): 1})",
    "set union": "s = {0}\nwhile True:\n  s = s | {len(s)}",
    "slice assignment": "l = [1]\nwhile True:\n  l[0:0] = l",
    "splitting": "return [('a ' * 40000).split() for i in range(10**6)]",
    "counting": "s = 'a' * 99999\nreturn [s.count('b') for i in range(10**6)]",
    "copying": "l = [0] * 99999\nreturn [l[:] for i in range(10**6)]",
    "lists of shared lists as the result": "x = [1]\nfor i in range(49):\n  x = [x, x]\nreturn x == 1",
    "wide list in an exception shown": WIDE_IN_AN_EXCEPTION + "return str(error)",
    "wide list in an exception in a list shown": WIDE_IN_AN_EXCEPTION + "return f'{[error]}'",
    "wide list in an exception raised": WIDE_IN_AN_EXCEPTION + "raise error",
    "percent and zeros": "return ('%' + '0' * 90000 + '!') % 1",
    "format of many fields": "return ('{0}' * 33000).format('')",
    "numbers that collide in a set": "return set([i * (2**61 - 1) for i in range(14000)])",
    "numbers that collide as keys": "d = {}\nfor i in range(14000):\n  d[i * (2**61 - 1)] = 1",
    "networks that collide": (
        "first = ip_address('::')\nreturn set([ip_network(str(first + i * (2**61 - 1))) for i in range(1, 4000)])"
    ),
    "pattern without an automaton": "return regex_match('a' * 98000, '(x?a?){400}z')",
    "nothing taken out of a dictionary inside itself": "d = {}\nd['d'] = d\nreturn delete_none_values(d)",
    "nothing taken out of a wide dictionary": (
        "d = {}\nfor i in range(45):\n  d = {'a': d, 'b': [d]}\nreturn delete_none_values(d)"
    ),
    "pattern looked for again and again": "return regex_replace('a' * 90000, '(a[^z]*z|a)', '')",
    "many characters taken off": "return ('\\u0141' * 99000).strip('\\u4141' * 99000 + '\\u0141')",
    "almost found from the end": "return ('a' * 99000).rfind('ab' + 'a' * 50000)",
    "almost split from the end": "return ('a' * 99000).rsplit('ab' + 'a' * 50000)",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_runaways_end_within_budget(source: str) -> None:
    began = time.process_time()
    with pytest.raises(Failed):
        Program(source).run({}, time.monotonic, Limits(seconds=20.0))
    assert time.process_time() - began < 5.0 * slowness()


BOMBS_OF_NAMES = {
    "records looked up by a wide list": WIDE + "return user.ak_groups.filter(name__contains=wide).exists()",
    "records looked up by a pattern": "return user.ak_groups.filter(attributes__long__regex='(x?a?){400}z').exists()",
    "address of a wide list": WIDE + "return http_request.build_absolute_uri(wide)",
    "attribute of an answer by a wide tuple": ("key = (1,)\nfor i in range(45):\n  key = (key, key)\npacket[key] = 1"),
    "attribute of an answer of a wide kind": (
        "kind = (1,)\nfor i in range(45):\n  kind = (kind, kind)\n"
        "define_attribute(1, 'v', 'name', 1, attribute_type=kind)"
    ),
}


@pytest.mark.parametrize("source", BOMBS_OF_NAMES.values(), ids=BOMBS_OF_NAMES.keys())
def test_what_expressions_are_given_runs_away_no_more_than_they_do(source: str) -> None:
    packet = Packet()
    more = {"packet": packet, "define_attribute": free("define_attribute", packet.define)}
    group = GroupFacts("g", "staff", attributes={"long": "a" * 90_000})
    asked = Asked(PersonFacts(1, {"username": "alice"}, (group,), (group,)), http=HttpFacts())
    began = time.process_time()
    found = evaluate(source, asked, time.monotonic, more, Limits(seconds=20.0))
    assert found.fault is not None
    assert time.process_time() - began < 5.0 * slowness()


def test_a_range_is_not_gone_through_for_a_fraction() -> None:
    assert value_of("return [1.5 in range(10**12), 2.0 in range(10**12), 'x' in range(9)]") == [False, True, False]


def test_a_sentence_about_a_failure_is_measured_before_it_is_written() -> None:
    with pytest.raises(Failed) as failure:
        run(WIDE_IN_AN_EXCEPTION + "raise error")
    assert failure.value.fault.sentence == "ValueError"


def test_an_exception_that_is_kept_keeps_nothing_of_where_it_was() -> None:
    source = (
        "error = ValueError()\nfor number in range(3):\n  try:\n    try:\n      raise error\n"
        "    except Exception:\n      raise KeyError(number)\n  except Exception as caught:\n    error = caught\n"
        "return error"
    )
    error = value_of(source)
    assert error.args == (2,)
    assert (error.__traceback__, error.__context__) == (None, None)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [("return 0x" + "f" * 1_025, "more than 4096 bits"), ("return '\\ud800'", "Half a character")],
)
def test_constants_that_no_answer_can_hold_are_refused(source: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        Program(source)


def test_a_pattern_may_be_written_as_people_write_it() -> None:
    """Python warns of such a text; whoever saves or asks it hears nothing of that."""
    assert value_of("return regex_match('a7', '\\d$')") is True


def test_regular_expressions_take_linear_time() -> None:
    """With Python's own `re` this one takes longer than the universe has been there."""
    assert value_of("return regex_match('a' * 5000 + 'b', '^(a+)+$')") is False


def test_attributes_that_are_copied_for_each_call_are_paid_for_each_time() -> None:
    many = {f"key{number}": ["x" * 100] * 20 for number in range(100)}
    asked = Asked(PersonFacts(1, {"username": "alice", "attributes": many}))
    again = "for i in range({}):\n  user.group_attributes()\nreturn True"
    assert evaluate(again.format(3), asked, lambda: 0.0).value is True
    assert "steps" in str(evaluate(again.format(300), asked, lambda: 0.0).fault)


def test_the_clock_ends_what_steps_would_not() -> None:
    ticks = count()
    with pytest.raises(Failed, match="longer than it may") as failure:
        Program("while True:\n  pass").run({}, lambda: float(next(ticks)), Limits(steps=10**9, seconds=3.0))
    assert failure.value.exhausted


def test_no_except_and_no_finally_outlives_the_budget() -> None:
    source = "while True:\n  try:\n    while True:\n      pass\n  except Exception:\n    pass\n  finally:\n    continue"
    with pytest.raises(Failed, match="more than 100000 steps") as failure:
        run(source)
    assert failure.value.exhausted


def test_steps_are_told_and_the_same_each_time() -> None:
    assert run("return 1 + 1").steps == run("return 1 + 1").steps == 3
    assert run("return sum([x for x in range(100)])").steps > 300


@pytest.mark.parametrize("depth", [100, 10_000])
def test_deep_source_is_refused(depth: int) -> None:
    for source in (
        "return " + "(" * depth + "1" + ")" * depth + ".x" * depth,
        "return " + "-" * depth + "1",
        "return " + "[" * depth + "]" * depth,
        "return " + "1 + " * depth + "1",
        "\n".join("    " * level + "if 1:" for level in range(depth)),
    ):
        with pytest.raises(Refused):
            Program(source)


def test_long_source_is_refused() -> None:
    with pytest.raises(Refused, match="longer than"):
        Program("x = 1\n" * 10_000)


def test_a_result_is_measured_before_it_is_written() -> None:
    shared = value_of("x = [1]\nfor i in range(30):\n  x = [x, x]\nreturn x")
    with pytest.raises(Exhausted):
        plain(shared)
    assert plain({"a": (1, {2}), "b": float("nan")}) == {"a": [1, [2]], "b": "nan"}
    assert LIMITS.steps == 100_000


def test_what_shows_at_length_is_paid_for_as_often_as_it_is_shown() -> None:
    groups = tuple(GroupFacts(str(number), f"group {number}") for number in range(500))
    asked = Asked(PersonFacts(1, {"username": "alice"}, groups, groups))
    name = "f" * 9_000
    for source in (f"def {name}(): pass\nreturn [{name}] * 9000", "return [user.ak_groups] * 9000"):
        found = evaluate(source, asked, time.monotonic)
        assert found.fault is not None
        assert found.fault.sentence.startswith("What it returns is too large.")


def test_values_of_records_are_paid_for_one_by_one() -> None:
    groups = tuple(GroupFacts(str(number), "staff") for number in range(100))
    asked = Asked(PersonFacts(1, {"username": "alice"}, groups, groups))
    for question in ("values_list", "values"):
        found = evaluate(f"return len(user.ak_groups.{question}(*['name'] * 20000))", asked, time.monotonic)
        assert found.fault is not None
        assert "steps" in found.fault.sentence
