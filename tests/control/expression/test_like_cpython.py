"""Programs made by hypothesis mean here what they mean to CPython."""

from __future__ import annotations

import textwrap
import warnings
from types import CodeType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control.expression.faults import Failed
from control.expression.program import Program
from tests.extent import FULL

NAMES = ("a", "b", "c", "d")
name = st.sampled_from(NAMES)
number = st.one_of(st.integers(-9, 9), st.sampled_from([0.5, -2.0, True, False]))
word = st.sampled_from(["", "x", "Ab", "a-b", "1", " y "])


BINARY = ["+", "-", "*", "/", "//", "%", "&", "|", "^", "<<", ">>"]


def _expressions(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(below, below)
    return st.one_of(
        st.tuples(below, st.sampled_from(BINARY), below).map(lambda p: f"({' '.join(p)})"),
        st.tuples(below, st.sampled_from(["<", "<=", "==", "!=", ">", ">=", "in", "not in", "is"]), below).map(
            lambda p: f"({' '.join(p)})"
        ),
        st.tuples(below, st.sampled_from(["and", "or"]), below).map(lambda p: f"({' '.join(p)})"),
        st.tuples(below, st.integers(0, 3)).map(lambda p: f"({p[0]} ** {p[1]})"),
        st.tuples(st.sampled_from(["-", "+", "~", "not "]), below).map(lambda p: f"({p[0]}{p[1]})"),
        st.tuples(below, below, below).map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        st.lists(below, max_size=3).map(lambda p: f"[{', '.join(p)}]"),
        st.lists(below, min_size=1, max_size=3).map(lambda p: f"({', '.join(p)},)"),
        st.lists(pair, max_size=3).map(lambda p: "{" + ", ".join(f"{k}: {v}" for k, v in p) + "}"),
        pair.map(lambda p: f"{p[0]}[{p[1]}]"),
        st.tuples(below, below, below).map(lambda p: f"{p[0]}[{p[1]}:{p[2]}]"),
        pair.map(lambda p: f"[*{p[0]}, {p[1]}]"),
        st.tuples(name, below, below, below).map(lambda p: f"[{p[1]} for {p[0]} in {p[2]} if {p[3]}]"),
        st.tuples(name, below, below).map(lambda p: "{" + f"{p[0]}: {p[1]} for {p[0]} in {p[2]}" + "}"),
        st.tuples(name, name, below, below).map(lambda p: f"sorted({p[3]} for {p[0]} in {p[2]} for {p[1]} in {p[2]})"),
        st.tuples(st.sampled_from(["any", "all", "sum", "min", "max", "len", "list", "sorted"]), below).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
        st.tuples(st.sampled_from(["str", "int", "float", "bool", "abs", "repr", "tuple", "dict"]), below).map(
            lambda p: f"{p[0]}({p[1]})"
        ),
        st.tuples(below, st.sampled_from(["upper", "strip", "split", "copy", "title", "isdigit"])).map(
            lambda p: f"{p[0]}.{p[1]}()"
        ),
        st.tuples(below, st.sampled_from(["startswith", "split", "join", "index", "count", "get"]), below).map(
            lambda p: f"{p[0]}.{p[1]}({p[2]})"
        ),
        st.tuples(below, below, below).map(lambda p: f"{p[0]}.replace({p[1]}, {p[2]})"),
        st.tuples(below, st.sampled_from(["", "!r", ":>6", ":05", ":.2f", "!s:^7"])).map(
            lambda p: f"""f'''<{{{p[0]}{p[1]}}}>'''""" if "'''" not in p[0] and "\\" not in p[0] else p[0]
        ),
        st.tuples(name, below, below).map(lambda p: f"(lambda {p[0]}, d=2: {p[1]})({p[2]})"),
        st.tuples(name, below, below).map(lambda p: f"list(map(lambda {p[0]}: {p[1]}, {p[2]}))"),
    )


leaf = st.one_of(name, number.map(repr), word.map(repr), st.just("None"))
expression = st.recursive(leaf, _expressions, max_leaves=8)


def _indented(body: str) -> str:
    return textwrap.indent(body, "    ")


def _statements(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(below, below).map("\n".join),
        st.tuples(expression, below, below).map(lambda p: f"if {p[0]}:\n{_indented(p[1])}\nelse:\n{_indented(p[2])}"),
        st.tuples(name, expression, below, st.sampled_from(["pass", "break", "continue"])).map(
            lambda p: f"for {p[0]} in {p[1]}:\n{_indented(p[2])}\n    {p[3]}\nelse:\n    c = 'else'"
        ),
        st.tuples(expression, below).map(
            lambda p: f"n = 3\nwhile {p[0]} and n:\n    n -= 1\n{_indented(p[1])}\nelse:\n    d = n"
        ),
        st.tuples(below, st.sampled_from(["ValueError", "(TypeError, KeyError)", "Exception"]), below, below).map(
            lambda p: (
                f"try:\n{_indented(p[0])}\nexcept {p[1]} as e:\n{_indented(p[2])}\n"
                f"else:\n    a = 'else'\nfinally:\n{_indented(p[3])}"
            )
        ),
        st.tuples(name, name, below, expression, expression).map(
            lambda p: f"def f({p[1]}, b=1, *rest, c=2):\n{_indented(p[2])}\n    return {p[3]}\n{p[0]} = f({p[4]})"
        ),
    )


simple = st.one_of(
    st.tuples(name, expression).map(lambda p: f"{p[0]} = {p[1]}"),
    st.tuples(name, st.sampled_from(["+=", "-=", "*=", "|="]), expression).map(" ".join),
    st.tuples(name, name, expression).map(lambda p: f"{p[0]}, *{p[1]} = {p[2]}"),
    st.tuples(name, expression, expression).map(lambda p: f"{p[0]}[{p[1]}] = {p[2]}"),
    st.tuples(name, expression).map(lambda p: f"{p[0]}.append({p[1]})"),
    st.tuples(name).map(lambda p: f"del {p[0]}"),
    expression.map(lambda p: f"return {p}"),
    st.sampled_from(["raise ValueError('x')", "raise KeyError", "assert a, b", "pass"]),
)
guarded = simple.map(
    lambda p: (
        f"try:\n{_indented(p)}\nexcept (TypeError, AttributeError) as e:\n    a = 7\nexcept Exception:\n    b = [2]"
    )
)
program = st.recursive(st.one_of(simple, guarded, guarded, guarded), _statements, max_leaves=6)

START = "a = 3\nb = [1, 'x', 2]\nc = {'x': 1}\nd = 'text'\n"


def _cpython(program: CodeType) -> tuple[str, Any]:
    scope: dict[str, Any] = {}
    exec(program, scope)
    try:
        return "value", scope["program"]()
    except Exception as error:
        return "error", type(error).__name__


def _ours(source: str) -> tuple[str, Any]:
    try:
        return "value", Program(source).run({}, lambda: 0.0).value
    except Failed as failure:
        sentence = failure.fault.sentence
        return "error", "KeyError" if sentence.startswith("There is no item") else sentence.split(":")[0]


@given(program)
@settings(max_examples=5_000 if FULL else 80)
def test_programs_mean_what_they_mean_to_cpython(body: str) -> None:
    source = START + body + "\nreturn a, b, c, d"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # that a number has no items is what some of them try
        try:
            compiled = compile(f"def program():\n{_indented(source)}", "", "exec")
        except SyntaxError:
            return
    kind, value = _ours(source)
    expected_kind, expected = _cpython(compiled)
    assert (kind, repr(value)) == (expected_kind, repr(expected)), source


def test_what_people_write() -> None:
    """One program with what the generator seldom makes."""
    source = textwrap.dedent(
        """
        def most(values, /, *, key=len, **named):
            best = None
            for value in values:
                if best is None or key(value) > key(best):
                    best = value
            return best, named

        total = 0
        for i, (left, right) in enumerate(zip([1, 2, 3], "abc"), start=1):
            if i == 2:
                continue
            total += left * i
        x = {**{"a": 1}, "b": [n for n in range(10) if n % 2]}
        x["b"][1:3] = ["slice"]
        del x["a"]
        first = next((n for n in x["b"] if n == "slice"), None)
        y: int = 5
        try:
            raise ValueError("one", 2)
        except (KeyError, ValueError) as error:
            try:
                raise
            except ValueError as again:
                args = again.args
        if (z := y + 1) > 5:
            y = z
        chosen = most(["a", "ccc", "bb"], key=lambda text: len(text), more=1)
        ordered = sorted([(2, "b"), (1, "c")], key=lambda pair: pair[1], reverse=True)
        numbers = {1, 2} | {3}
        return total, x, first, y, args, chosen, ordered, numbers, 1 < 2 < 3 != 4, not [], "%s-%d" % ("a", 2), i
        """
    )
    assert _ours(source) == _cpython(compile(f"def program():\n{_indented(source)}", "", "exec"))
    assert _ours(source)[0] == "value"


def test_a_name_of_an_outer_function_that_has_no_value() -> None:
    """CPython calls that a free variable, and not a local one without a value."""
    for source in (
        "a = 1\ndef f():\n    del a\n    return a\na = f()",
        "def f(a):\n    del a\n    return (lambda: a)()\na = f(1)",
    ):
        compiled = compile(f"def program():\n{_indented(source)}", "", "exec")
        assert _ours(source) == _cpython(compiled)
