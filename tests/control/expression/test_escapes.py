"""Ways out of other sandboxes, by where they were published: none leads anywhere here."""

from __future__ import annotations

import pytest

from control.expression.exposed import Exposed, Thing, free
from control.expression.faults import Failed, Refused
from tests.control.expression.running import PERSON, run, value_of

ESCAPES = {
    # RestrictedPython
    "restricted-python generator frames (CVE-2023-37271)": "g = (x.gi_frame.f_back for x in [g])\nreturn list(g)",
    "restricted-python stack frames by gi_frame": "g = (1 for _ in [1])\nreturn g.gi_frame",
    "restricted-python gi_code": "return (x for x in [1]).gi_code.co_consts",
    "restricted-python format (CVE-2023-41039)": "return '{0.__class__.__mro__}'.format(user)",
    "restricted-python format_map (CVE-2023-41039)": "return '{a.username}'.format_map({'a': user})",
    "restricted-python format by a variable": "f = 'x'.format\nreturn '{0.__init__}'.format(f)",
    "restricted-python format through str itself": "return str.format('{0.__class__}', user)",
    "restricted-python string.Formatter": "return string.Formatter().get_field('a.__class__', (), {'a': user})",
    "restricted-python try except star (CVE-2025-22153)": "try:\n  1/0\nexcept* ZeroDivisionError as e:\n  return e",
    "restricted-python exception traceback": "try:\n  1/0\nexcept Exception as e:\n  return e.__traceback__.tb_frame",
    "restricted-python with_traceback": "try:\n  1/0\nexcept Exception as e:\n  return e.with_traceback",
    "restricted-python add_note": "try:\n  1/0\nexcept Exception as e:\n  return e.add_note('x')",
    "restricted-python type of three": "return type('X', (), {})",
    "restricted-python inspect": "return inspect.currentframe()",
    "restricted-python random module": "import random\nreturn random._os.system('id')",
    "restricted-python getattr renamed": "return getattr(user, '__class__')",
    "restricted-python getattr by bytes or objects": "return getattr(user, ['__class__'])",
    "restricted-python hook shadowed by a positional-only argument (CVE-2026-55830)": (
        "def f(_getattr_, /):\n  return user.__class__\nreturn f(1)"
    ),
    "restricted-python hook shadowed by a plain argument": "def f(_write_):\n  user.name = 1\nreturn f(1)",
    "restricted-python hook shadowed by a lambda's": "return (lambda _getattr_, /: user.__class__)(1)",
    "restricted-python hook shadowed by a walrus": "return [_print_ := user for x in [1]]",
    "restricted-python AttributeError of a module (CVE-2024-47532)": (
        "try:\n  string.nothing\nexcept AttributeError as e:\n  return e.obj"
    ),
    "restricted-python class pattern": "match user:\n  case object(__class__=c):\n    return c",
    "restricted-python mapping pattern": "match {'a': 1}:\n  case {**__rest}:\n    return __rest",
    "restricted-python hook as the name of an exception": (
        "try:\n  1/0\nexcept Exception as _getattr_:\n  return user.__class__"
    ),
    "restricted-python import of everything": "from os import *",
    "restricted-python star of a generator": "return (lambda *a: a)(*(g.gi_frame for g in [(1 for _ in [1])]))",
    # asteval
    "asteval reduce of a function (issue 86)": "return ak_message.__reduce__()",
    "asteval reduce_ex of a function": "return regex_match.__reduce_ex__(2)[0]",
    "asteval body of a function (GHSA-vp47-9734-prjw)": "def f():\n  return 1\nreturn f.body",
    "asteval body of a function is put": "def f():\n  return 1\nf.body = [user]",
    "asteval names of a function": "def f(a):\n  return 1\nreturn f.argnames",
    "asteval format_spec made of braces (CVE-2025-24359)": "return f'{user:{chr(123)}0.__class__{chr(125)}}'",
    "asteval a conversion, then a reach": "return f'{user!r:{user.__dict__}}'",
    "asteval a debug form": "return f'{user.__dict__=}'",
    "asteval type of type (issue 32)": "return type(type(user))('X', (), {})",
    "asteval a default that reaches": "return (lambda x=user.__class__: x)()",
    "asteval format string (CVE-2025-24359)": "return f'{user.__class__}'",
    "asteval format_spec reach": "return f'{1:{user.__class__}}'",
    "asteval AttributeError obj": "try:\n  user.nothing\nexcept AttributeError as e:\n  return e.obj",
    "asteval NameError name": "try:\n  nothing\nexcept NameError as e:\n  return e.name",
    "asteval open": "return open('/etc/passwd').read()",
    "asteval numpy": "return np.fromfile('/etc/passwd')",
    # simpleeval
    "simpleeval module objects": "return request.os.system('id')",
    "simpleeval mro": "return [].__class__.__base__.__subclasses__()",
    "simpleeval func_globals": "return regex_match.func_globals",
    "simpleeval function attributes": "return regex_match.call",
    "simpleeval routine types": "return str.types",
    "simpleeval string attribute": "return 'x'.__class__",
    "simpleeval builtins by name": "return __builtins__",
    "simpleeval import": "return __import__('os').system('id')",
    "simpleeval frame of a generator (issue 138)": "return ip_network('10.0.0.0/8').hosts().gi_frame.f_globals",
    "simpleeval frame of a coroutine": "return request.user.groups.all().cr_frame",
    "simpleeval module of a function": "return regex_match.__module__",
    "simpleeval self of a builtin": "return len.__self__",
    "simpleeval self of a method": "return 'x'.upper.__self__.__class__",
    "simpleeval function behind a method": "return user.groups.all.__func__.__globals__",
    "simpleeval modules behind an object": "return request.user.sys.modules",
    "simpleeval a function that calls for us": "return regex_replace('x', '{0.__class__}'.format, 'x')",
    # Jinja
    "jinja attr finds format (CVE-2025-27516)": "return getattr('{0.__class__}', 'format')(user)",
    "jinja a sort calls format (CVE-2024-56326)": "return sorted([user, user], key='{0.__class__}'.format)",
    "jinja a filter calls format": "return list(filter('{0.__class__}'.format, [user]))",
    "jinja a maximum calls format": "return max([user, user], key='{0.__class__}'.format)",
    "jinja format_map bound to a name": "f = '{a.__class__}'.format_map\nreturn f({'a': user})",
    "jinja lipsum globals": "return lipsum.__globals__['os'].popen('id')",
    "jinja namespace": "return namespace.__init__.__globals__",
    "jinja joiner": "return joiner.__init__.__globals__.os",
    "jinja template reference": "return self._TemplateReference__context",
    "jinja flask application": "return request.application.__globals__",
    "jinja call of a call": "return '{0.__class__}'.format.__call__(user)",
    "jinja attr filter": "return user['__class__']",
    "jinja cycler globals": "return cycler.__init__.__globals__",
    "jinja str.format_map (CVE-2019-10906)": "return '{x.__class__}'.format_map({'x': 1})",
    "jinja indirect format (CVE-2016-10745)": "m = {'a': '{0.__class__}'.format}\nreturn m['a'](user)",
    "jinja stored format reference (CVE-2024-56326)": "return list(map('{0.__class__}'.format, [user]))",
    "jinja mro chain": "return ''.__class__.__mro__[1].__subclasses__()",
    # authentik, and others
    "authentik exec (CVE-2026-25227)": "exec('import os')",
    "eval": "return eval('1')",
    "compile": "return compile('1', '', 'eval')",
    "globals": "return globals()",
    "vars": "return vars(user)",
    "dir": "return dir(user)",
    "object": "return object()",
    "class statement": "class X:\n  pass",
    "decorator": "@regex_match\ndef f():\n  pass",
    "metaclass keyword": "return dict(__class__=1).__class__",
    "async comprehension": "return [x async for x in y]",
    "await": "await x",
    "yield": "yield 1",
    "global": "global x\nx = 1",
    "match on a class": "match user:\n  case str():\n    return 1",
    "setting an attribute": "user.username = 'root'",
    "setting an attribute in a loop": "for user.username in ['root']:\n  pass",
    "deleting an attribute": "del user.username",
    "dunder variable": "__x = 1",
    "dunder argument": "return (lambda __debug__: 1)(1)",
    "dunder keyword": "return dict(__doc__=1)",
    "unicode name that folds to a dunder": "return user.﹍﹍class﹍﹍",
    "fullwidth attribute": "return user.＿＿class＿＿",
    "exception kinds": "return Exception.mro()",
    "exception base": "return ValueError.__bases__",
    "system exit": "raise SystemExit",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "base exception": "try:\n  1 / 0\nexcept BaseException:\n  pass",
    "lambda code": "return (lambda: 1).__code__",
    "lambda's own slots": "return (lambda: 1).defined_in",
    "thing's own slots": "return user.identity",
    "exposed methods": "return user.attribute('username')",
    "ip network iteration": "return list(ip_network('10.0.0.0/8'))",
    "ip network hosts": "return ip_network('10.0.0.0/8').hosts()",
    "ip packed": "return ip_address('10.0.0.1').packed.__class__",
    "bytes": "return b'x'.hex()",
    "complex": "return 1j.real",
    "ellipsis": "return ...",
    "with statement": "with user as x:\n  pass",
    "nonlocal": "def f():\n  nonlocal __class__\n  return 1\nreturn f()",
    "super": "return super().__init__",
    "number's class": "return (1).real.__class__",
    "encoded text's class": "return 'a'.encode().__class__",
    "deleting builtins": "del __builtins__",
    "assert": "assert user.__class__",
    "annotation": "x: user.__class__ = 1",
    "starred attribute": "a, *user.username = [1, 2]",
    "unpacked into an attribute": "user.username, b = 'root', 1",
    "augmented attribute": "user.username += 'root'",
    "item of an object": "user['username'] = 'root'",
    "walrus attribute by a subscript": "request['user'] = 1",
}


@pytest.mark.parametrize("source", ESCAPES.values(), ids=ESCAPES.keys())
def test_no_published_escape_leads_anywhere(source: str) -> None:
    names = {"user": PERSON, "request": Thing("PolicyRequest", {"user": PERSON})}
    with pytest.raises((Refused, Failed)):
        run(source, names)


def test_a_format_shows_and_does_not_reach() -> None:
    assert value_of("return '{} {a} {0!r:>5}'.format('x', a=2)") == "x 2   'x'"
    assert value_of("return '%(a)03d' % {'a': 3}") == "003"
    for form in ("{0.username}", "{0[0]}", "{a[b]}", "{0:{1}}"):
        with pytest.raises(Failed, match=r"a field of a format|is no format"):
            value_of(f"return {form!r}.format(user, '>5', a=1)", user=PERSON)


def test_an_object_hands_out_only_what_it_was_given() -> None:
    class Careless(Exposed):
        secret = "not for expressions"

    for name in ("secret", "title", "item", "each", "put"):
        with pytest.raises(Failed, match="has no attribute"):
            value_of(f"return x.{name}", x=Careless())
        assert value_of(f"return hasattr(x, '{name}')", x=Careless()) is False


def test_nothing_of_pythons_own_is_ever_called() -> None:
    """Even one that was given by mistake."""
    with pytest.raises(Failed, match="not callable"):
        value_of("return f('/etc/passwd')", f=open)
    with pytest.raises(Failed, match="not callable"):
        value_of("return f('1')", f=int)
    assert value_of("return f('1')", f=free("f", int)) == 1


def test_a_foreign_object_can_be_passed_on_and_nothing_else() -> None:
    class Foreign:
        name = "x"

        def __eq__(self, other: object) -> bool:
            return self is other

        def __hash__(self) -> int:
            return 1

    for use in ("x.name", "x[0]", "x()", "len(x)", "[*x]", "x + 1", "x < 1", "f'{x:>5}'", "1 in x", "-x"):
        with pytest.raises(Failed):
            value_of(f"return {use}", x=Foreign())
    assert value_of("return str(x)", x=Foreign()) == "<Foreign>"
