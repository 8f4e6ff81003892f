"""Whatever runs away ends: in steps, in depth, in size, or by the clock; and quickly."""

from __future__ import annotations

import time
from itertools import count

import pytest

from control.expression.budget import Limits
from control.expression.faults import Failed
from control.expression.program import LIMITS, Program, plain
from tests.control.expression.running import run, value_of

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
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS.keys())
def test_runaways_end_within_budget(source: str) -> None:
    began = time.process_time()
    with pytest.raises(Failed):
        Program(source).run({}, time.monotonic, Limits(seconds=20.0))
    assert time.process_time() - began < 5.0


def test_regular_expressions_take_linear_time() -> None:
    """With Python's own `re` this one takes longer than the universe has been there."""
    assert value_of("return regex_match('a' * 5000 + 'b', '^(a+)+$')") is False


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
    from control.expression.faults import Refused

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
    from control.expression.faults import Refused

    with pytest.raises(Refused, match="longer than"):
        Program("x = 1\n" * 10_000)


def test_a_result_is_measured_before_it_is_written() -> None:
    from control.expression.faults import Exhausted

    shared = value_of("x = [1]\nfor i in range(30):\n  x = [x, x]\nreturn x")
    with pytest.raises(Exhausted):
        plain(shared)
    assert plain({"a": (1, {2}), "b": float("nan")}) == {"a": [1, [2]], "b": "nan"}
    assert LIMITS.steps == 100_000
