"""The command line. Each command loads what it needs, so that ``outpost version`` starts no reactor and no database.

Exit codes: 0 done; 1 it could not be done, a sentence on stderr says why; 2 the settings or the command line are wrong.
``outpost plan`` says with 0 that nothing would change, with 2 that something would, and with 1 everything else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from outpost import __version__
from outpost.commands import command_line, files_help, options
from outpost.commands.command_line import DEFAULT_FILE, DONE, FAILED, WRONG_SETTINGS, Arguments, Command, parser_of
from outpost.running import running_at
from settings import Settings, SettingsError, load

CHANGES = 2
"""Of ``outpost plan``: applying would change something."""

HEALTH_PATIENCE = 5.0
"""Seconds; a healthy process answers in milliseconds, and orchestrators ask every few seconds."""


def _up(settings: Settings, arguments: Arguments) -> int:
    from outpost.up import main as up

    return up(settings)


def _control(settings: Settings, arguments: Arguments) -> int:
    from outpost.up import main as up

    return up(settings, doors=False)


def _worker(settings: Settings, arguments: Arguments) -> int:
    from outpost.up import main as up

    quiet = replace(settings.listen, http=(), https=())
    return up(replace(settings, listen=quiet), doors=False, pages=False)


def _run(settings: Settings, arguments: Arguments) -> int:
    from outpost.run import main as run

    return run(settings, sys.argv[1:], arguments.worker)


def _check_config(settings: Settings, arguments: Arguments) -> int:
    print(*settings.shown(), sep="\n")
    return DONE


def _apply(settings: Settings, arguments: Arguments) -> int:
    from control.file_commands import apply_files

    return _printed(lambda: apply_files(settings, arguments.file, os.environ))


def _printed(work: Callable[[], Iterable[str]]) -> int:
    """What a command of control's has done, a line each, or why it has not."""
    from control.commands import CommandFailed

    try:
        command_line.say(work())
    except CommandFailed as error:
        command_line.complain(error.lines)
        return FAILED
    return DONE


def _plan(settings: Settings, arguments: Arguments) -> int:
    from control.commands import CommandFailed
    from control.file_commands import plan_files

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    try:
        changes, lines = plan_files(settings, arguments.file, os.environ, coloured)
    except CommandFailed as error:
        command_line.complain(error.lines)
        return FAILED
    print(*lines, sep="\n")
    return CHANGES if changes else DONE


def _import(settings: Settings, arguments: Arguments) -> int:
    from control.file_commands import import_file
    from control.moving_in import Access, at_terminal

    def progress(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    told = None if arguments.dry_run else progress
    access = Access(os.environ, arguments.bind_dn, arguments.authority, arguments.without_tls, at_terminal(), progress)
    return _printed(lambda: import_file(settings, arguments.kind, arguments.file, arguments.adopt, told, access))


def _export(settings: Settings, arguments: Arguments) -> int:
    from control.file_commands import export_text

    return _printed(lambda: export_text(settings, arguments.all).removesuffix("\n").split("\n"))


def _explain(settings: Settings, arguments: Arguments) -> int:
    from control.commands import CommandFailed, explain_access
    from control.explaining.explain import Asked
    from control.explaining.explained import as_json, as_text

    told = dict(arguments.attributes)
    asked = Asked(arguments.user, arguments.application, arguments.protocol, arguments.peer, arguments.station, told)
    try:
        found = explain_access(settings, asked, arguments.scheme, arguments.headers)
    except CommandFailed as error:
        command_line.complain(error.lines)
        return FAILED
    command_line.say([json.dumps(as_json(found), indent=2)] if arguments.json else as_text(found))
    return DONE


def _tail(settings: Settings, arguments: Arguments) -> int:
    from control.commands import CommandFailed, follow_events
    from control.tail import Wanted, as_json, as_text
    from outpost.commands.packets_seen import as_text as packet_text
    from outpost.commands.packets_seen import tailing

    wanted = Wanted(arguments.user, arguments.nas, arguments.host, arguments.application, arguments.reason)
    written = as_json if arguments.json else as_text
    packet_written = as_json if arguments.json else packet_text
    packets = "" if arguments.no_follow else arguments.nas
    try:
        with tailing(settings.data_dir, packets, lambda line: print(packet_written(line), flush=True)) as seen:
            try:
                follow_events(
                    settings,
                    wanted,
                    arguments.lines,
                    not arguments.no_follow,
                    lambda line: print(written(line), flush=True),
                )
            except CommandFailed:
                if not seen:  # an outpost alone has no events, and packets all the same
                    raise
                for thread in seen:
                    thread.join()
    except CommandFailed as error:
        command_line.complain(error.lines)
        return FAILED
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    return DONE


def _throttles(settings: Settings, arguments: Arguments) -> int:
    from control.commands import clear_throttles, show_throttles

    do = clear_throttles if arguments.action == "clear" else show_throttles
    return _printed(lambda: do(settings, arguments.user))


def _remove_factors(settings: Settings, arguments: Arguments) -> int:
    from control.commands import remove_factors

    return _printed(lambda: remove_factors(settings, arguments.user))


def _create_recovery_key(settings: Settings, arguments: Arguments) -> int:
    from control.commands import create_recovery_key

    return _printed(lambda: create_recovery_key(settings, arguments.user, arguments.lasts))


def _test_email(settings: Settings, arguments: Arguments) -> int:
    from control.commands import test_email

    return _printed(lambda: [test_email(settings, arguments.address)])


def _issue_certificate(settings: Settings, arguments: Arguments) -> int:
    from control.commands import CommandFailed, issue_certificate

    out: Path = arguments.out
    try:
        with open(out, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            issued = issue_certificate(settings, arguments.user, arguments.name, arguments.authority, arguments.days)
            file.write(issued.pkcs12)
    except FileExistsError:
        command_line.complain([f"{out} exists already. Choose another file."])
        return FAILED
    except OSError as error:
        command_line.complain([f"{out} cannot be written: {error.strerror}."])
        return FAILED
    except CommandFailed as error:
        out.unlink()
        command_line.complain(error.lines)
        return FAILED
    print(f"{out} holds the certificate and its key. The password of the file is {issued.password}")
    return DONE


def _radius_test(settings: Settings, arguments: Arguments) -> int:
    from outpost.commands.radius_test import CannotTry, Trial, place_of, run

    secret, password = os.environ.get("RADIUS_SECRET", ""), os.environ.get("RADIUS_PASSWORD", "")
    try:
        trial = Trial(*place_of(arguments.server), secret, arguments.method, arguments.user, password)
        went_well, sentences = run(trial)
    except CannotTry as error:
        command_line.complain([str(error)])
        return WRONG_SETTINGS
    print(*sentences, sep="\n")
    return DONE if went_well else FAILED


def _doctor(settings: Settings, arguments: Arguments) -> int:
    from outpost.doctor.asking import CannotProbe, report

    if not arguments.proxy:
        return _checkup(settings)
    try:
        wrong = report(arguments.proxy, arguments.connect, *running_at(settings, "metrics"), print)
    except CannotProbe as error:
        command_line.complain([str(error)])
        return FAILED
    return FAILED if wrong else DONE


def _checkup(settings: Settings) -> int:
    from outpost.doctor.machine import examine
    from outpost.doctor.telling import told

    findings = examine(settings)
    if not settings.host:  # an outpost alone has no store
        from control.commands import CommandFailed, check_store

        try:
            findings |= check_store(settings)
        except CommandFailed as error:
            findings["the store"] = error.lines
    return FAILED if told(findings.items(), print) else DONE


def _backup(settings: Settings, arguments: Arguments) -> int:
    from control.commands import CommandFailed, backup_pieces
    from outpost.commands import backups

    try:
        with_key = backups.with_secret_key(arguments.secret_key)
        passphrase = backups.passphrase_of(settings.backup_passphrase, again=True)
        path = backups.new_file(arguments.file, arguments.keep is not None)
        backups.write(path, passphrase, backup_pieces(settings, __version__, with_key))
    except (CommandFailed, backups.Failed) as error:
        command_line.complain(str(error).splitlines())
        return FAILED
    told = [f"{path} holds everything that is stored, {path.stat().st_size:,} bytes."]
    told += [] if with_key else [backups.WITHOUT_KEY]
    print(*told, *backups.forget_old(path.parent, arguments.keep), sep="\n")
    return DONE


def _rotate_secret_key(settings: Settings, arguments: Arguments) -> int:
    from control.commands import rotate_secret_key_of

    return _printed(lambda: rotate_secret_key_of(settings))


def _restore(settings: Settings, arguments: Arguments) -> int:
    from control.commands import CommandFailed, restore_pieces
    from outpost.commands import backups
    from outpost.folder_lock import Unusable, claim

    file: Path = arguments.file
    try:
        passphrase = backups.passphrase_of(settings.backup_passphrase, again=False)
        with claim(settings.data_dir):
            lines = restore_pieces(settings, str(file), backups.read(file, passphrase), arguments.replace)
    except (CommandFailed, backups.Failed, Unusable) as error:
        command_line.complain(str(error).splitlines())
        return FAILED
    print(*lines, sep="\n")
    return DONE


def _healthcheck(settings: Settings, arguments: Arguments) -> int:
    host, port = running_at(settings, "http", "metrics")
    connection = HTTPConnection(host, port, timeout=HEALTH_PATIENCE)
    try:
        connection.request("GET", "/-/health/ready/")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        command_line.complain([f"nothing answers on {host} port {port}: {error}. Is the program running?"])
        return FAILED
    finally:
        connection.close()
    if 200 <= status < 300:
        print("ready")
        return DONE
    command_line.complain([f"not ready: {host} port {port} answered {status}"])
    return FAILED


def _version(settings: Settings, arguments: Arguments) -> int:
    print(__version__)
    return DONE


COMMANDS: dict[str, Command] = {
    "up": Command(_up, "start control and every listener in this process"),
    "control": Command(_control, "start control alone; outposts elsewhere follow it"),
    "server": Command(_up, "the same as `up`, by the name that compose files have for it"),
    "worker": Command(_worker, "do what control does beside answering: mail, notices, clearing up"),
    "run": Command(_run, "start an outpost alone, which follows control at OUTPOST_HOST", options=options.run),
    "check-config": Command(_check_config, "print the resolved settings, secrets masked, and where each came from"),
    "plan": Command(
        _plan,
        "show what `outpost apply` would create, change and delete",
        file=True,
        options=files_help.plan_options,
        wrong_settings=FAILED,
    ),
    "apply": Command(
        _apply, "create, change and delete what YAML files describe", file=True, options=files_help.apply_options
    ),
    "import": Command(_import, "take over users, groups and more from another program", options=files_help.importing),
    "export": Command(
        _export, "write what is there as a YAML file for `outpost apply`", options=files_help.export_options
    ),
    "explain": Command(
        _explain, "say whether a user would be let in, why, and what would change it", options=options.explain
    ),
    "tail": Command(_tail, "show logins, refusals, knocks and changes as they come", options=options.tail),
    "throttles": Command(
        _throttles, "show who tried wrong passwords and has to wait, or let them try again", options=options.throttles
    ),
    "remove-factors": Command(
        _remove_factors, "take away all second factors of somebody who has lost them", options=options.remove_factors
    ),
    "create-recovery-key": Command(
        _create_recovery_key, "print a link by which somebody gets another password, once", options=options.recovery_key
    ),
    "test-email": Command(
        _test_email, "send a test mail at once, or say what keeps it from being sent", options=options.test_email
    ),
    "issue-certificate": Command(
        _issue_certificate, "issue a certificate for a user's device, for EAP-TLS", options=options.issue_certificate
    ),
    "radius-test": Command(
        _radius_test,
        "play a NAS against any RADIUS server, and say what came of it",
        options=options.radius_test,
        needs_settings=False,
    ),
    "doctor": Command(
        _doctor,
        "look for the usual mistakes, here or (--proxy) in your reverse proxy, and say what to change",
        options=options.doctor,
    ),
    "backup": Command(
        _backup,
        "write everything that is stored into one sealed file, beside a running program",
        options=options.backup,
    ),
    "restore": Command(_restore, "make the store what a backup says", options=options.restore),
    "rotate-secret-key": Command(
        _rotate_secret_key, "seal every stored secret with a new key, beside a running program; may be called again"
    ),
    "healthcheck": Command(_healthcheck, "exit 0 if the running program is ready, 1 if not"),
    "version": Command(_version, "print the version", needs_settings=False),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = parser_of(COMMANDS).parse_args(argv)
    command = COMMANDS[arguments.command]
    if not command.needs_settings:
        return command.run(Settings(), arguments)
    file = arguments.config or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    try:
        settings = load(os.environ, file)
    except SettingsError as error:
        command_line.complain(error.lines)
        return command.wrong_settings
    if arguments.command == "check-config":  # programs say them in their log
        command_line.complain(settings.warnings)
    return command.run(settings, arguments)


if __name__ == "__main__":
    sys.exit(main())
