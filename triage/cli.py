"""The `triage` command: words to calls, errors to sentences, results to exit codes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from triage import __version__
from triage.errors import TriageError
from triage.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # argparse has no public name for what add_subparsers returns.
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - see above

DEFAULT_CONFIG = Path("/etc/cspine-triage/triage.toml")
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

_USER_ROLES = ("reader", "operator")

EPILOG = """\
exit codes: 0 all is well; 1 the command found something wrong; 2 it could not do its work,
and the sentence on standard error says what to do.
Not for diagnosis. The model bundle that comes along is trained on a phantom, not on patients.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after the program's name; those of the process when None.

    Returns:
        The exit code of the process.
    """
    words = _parser().parse_args(arguments)
    try:
        code: int = words.command(words)
    except TriageError as error:
        sys.stderr.write(f"triage: {error}\n")
        return EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="triage",
        description="Triage of cervical spine radiographs beside a PACS: films in by C-STORE,"
        " reports out as DICOM SR, the reading list in a better order.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="configuration (default: %(default)s)",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_running(commands)
    _add_looking(commands)
    _add_changing(commands)
    _add_users(commands)
    return parser


def _add(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    # Accepted on both sides of the command; SUPPRESS keeps the first from being overwritten.
    parser.add_argument(
        "--config", type=Path, default=argparse.SUPPRESS, metavar="FILE", help=argparse.SUPPRESS
    )
    return parser


def _add_running(commands: Commands) -> None:
    demo = _add(
        commands, "demo", "show the whole system at work: a morning of phantom films, on loopback"
    )
    demo.add_argument(
        "--exit", action="store_true", help="end by itself; non-zero when anything was not right"
    )
    demo.add_argument(
        "--folder", type=Path, metavar="DIR", help="where everything goes (default: a new folder)"
    )
    demo.add_argument("--port", type=int, default=0, help="port of the page (default: any free)")
    demo.add_argument("--seed", type=int, default=1, help="another seed, another morning")
    demo.set_defaults(command=_demo)

    serve = _add(commands, "serve", "run the daemon until SIGTERM or Ctrl-C")
    serve.add_argument("--role", metavar="ROLE", help="run one role alone in this process")
    serve.set_defaults(command=_serve)

    example = _add(commands, "example", "print a configuration with every key explained")
    example.set_defaults(command=_example)

    check = _add(commands, "check", "look for everything that would keep the daemon from working")
    check.add_argument("--no-peers", action="store_true", help="do not ask destinations by C-ECHO")
    check.add_argument(
        "--repair", action="store_true", help="make spool and index agree; the service may run"
    )
    check.add_argument(
        "--thorough", action="store_true", help="read every file of the spool; takes long"
    )
    check.set_defaults(command=_check)


def _add_looking(commands: Commands) -> None:
    status = _add(commands, "status", "show roles, queues and what was given up")
    status.set_defaults(command=_status)

    worklist = _add(commands, "worklist", "print the reading list in reading order")
    worklist.add_argument(
        "--first", type=int, default=200, metavar="N", help="only so many lines (default: 200)"
    )
    worklist.add_argument("--all", action="store_true", help="every line, however many there are")
    worklist.set_defaults(command=_worklist)

    study = _add(commands, "study", "print everything that happened to a study")
    study.add_argument("uid", metavar="UID", help="Study Instance UID, or UID of the work item")
    study.add_argument("--json", action="store_true", help="print JSON")
    study.set_defaults(command=_study)

    replay = _add(commands, "replay", "say what would become of files; nothing is stored or sent")
    replay.add_argument("files", metavar="FILE", nargs="+", type=Path, help="files or folders")
    replay.add_argument("--report", type=Path, metavar="DIR", help="write the reports here")
    replay.set_defaults(command=_replay)

    feedback = _add(commands, "feedback", "print what readers said about decisions")
    feedback.add_argument("--csv", action="store_true", help="print CSV, every line of the history")
    feedback.add_argument("--since", metavar="DATE", help="from this day on, as 2026-03-31 (UTC)")
    feedback.set_defaults(command=_feedback)


def _add_changing(commands: Commands) -> None:
    retry = _add(commands, "retry", "send again what was given up, and what waits for its next try")
    retry.add_argument("destination", metavar="NAME", nargs="?", help="only to this destination")
    retry.set_defaults(command=_retry)

    revert = _add(commands, "revert", "pause all effect on the list and put every priority back")
    revert.set_defaults(command=_revert)

    resume = _add(commands, "resume", "let results move the list again after `triage revert`")
    resume.set_defaults(command=_resume)


def _add_users(commands: Commands) -> None:
    user = _add(commands, "user", "say who may log in to the page")
    verbs: Commands = user.add_subparsers(title="verbs", required=True, metavar="VERB", dest="verb")
    add = _add_user_verb(verbs, "add", "add a user; the password is asked for, or read from stdin")
    add.add_argument("--role", action="append", choices=_USER_ROLES, required=True)
    add.add_argument("--machine", action="store_true", help="no password: print a token instead")
    roles = _add_user_verb(verbs, "roles", "give a user other roles")
    roles.add_argument("--role", action="append", choices=_USER_ROLES, required=True)
    token = _add_user_verb(verbs, "token", "print a new token for a machine; the old one ends")
    token.add_argument("--revoke", action="store_true", help="only end the old one")
    _add_user_verb(verbs, "password", "set another password; the user's log-ins end")
    _add_user_verb(verbs, "disable", "end every log-in of a user, and allow none")
    _add_user_verb(verbs, "enable", "allow a disabled user again")
    _add_user_verb(verbs, "remove", "remove a user; better disable one who has given feedback")
    _add(verbs, "list", "show every user").set_defaults(command=_user)


def _add_user_verb(verbs: Commands, verb: str, text: str) -> argparse.ArgumentParser:
    parser = _add(verbs, verb, text)
    parser.add_argument("name", metavar="NAME", help="name to log in with")
    parser.set_defaults(command=_user)
    return parser


# Commands import what they need when they are called: `triage --help` and `triage worklist`
# answer at once, and do not wait for a deep-learning library.


def _demo(words: argparse.Namespace) -> int:
    from triage.demo import demonstrate  # noqa: PLC0415 - see above

    return demonstrate(
        folder=words.folder, web_port=words.port, seed=words.seed, exit_at_end=words.exit
    )


def _serve(words: argparse.Namespace) -> int:
    from triage.commands.serve import serve  # noqa: PLC0415 - see above

    return serve(load_settings(words.config), words.config, words.role)


def _example(_words: argparse.Namespace) -> int:
    from triage.settings import example_toml  # noqa: PLC0415 - see above

    sys.stdout.write(example_toml())
    return 0


def _check(words: argparse.Namespace) -> int:
    from triage.commands.check import Extent, check  # noqa: PLC0415 - see above

    extent = Extent(not words.no_peers, repair=words.repair, thorough=words.thorough)
    return check(load_settings(words.config), extent)


def _status(words: argparse.Namespace) -> int:
    from triage.commands.look import status  # noqa: PLC0415 - see above

    return status(load_settings(words.config))


def _worklist(words: argparse.Namespace) -> int:
    from triage.commands.look import worklist  # noqa: PLC0415 - see above

    return worklist(load_settings(words.config), None if words.all else max(1, words.first))


def _study(words: argparse.Namespace) -> int:
    from triage.commands.look import study  # noqa: PLC0415 - see above

    return study(load_settings(words.config), words.uid, as_json=words.json)


def _replay(words: argparse.Namespace) -> int:
    from triage.commands.replay import replay  # noqa: PLC0415 - see above

    return replay(load_settings(words.config), words.files, words.report)


def _retry(words: argparse.Namespace) -> int:
    from triage.commands.change import retry  # noqa: PLC0415 - see above

    return retry(load_settings(words.config), words.destination)


def _revert(words: argparse.Namespace) -> int:
    from triage.commands.change import revert  # noqa: PLC0415 - see above

    return revert(load_settings(words.config))


def _resume(words: argparse.Namespace) -> int:
    from triage.commands.change import resume  # noqa: PLC0415 - see above

    return resume(load_settings(words.config))


def _feedback(words: argparse.Namespace) -> int:
    from triage.commands.feedback import feedback  # noqa: PLC0415 - see above

    return feedback(load_settings(words.config), words.since, as_csv=words.csv)


def _user(words: argparse.Namespace) -> int:
    from triage.commands import users  # noqa: PLC0415 - see above

    settings = load_settings(words.config)
    verbs: dict[str, Callable[[], int]] = {
        "add": lambda: users.add_user(settings, words.name, words.role, machine=words.machine),
        "list": lambda: users.list_users(settings),
        "roles": lambda: users.set_roles(settings, words.name, words.role),
        "token": lambda: users.give_token(settings, words.name, revoke=words.revoke),
        "password": lambda: users.set_password(settings, words.name),
        "disable": lambda: users.set_disabled(settings, words.name, disabled=True),
        "enable": lambda: users.set_disabled(settings, words.name, disabled=False),
        "remove": lambda: users.remove_user(settings, words.name),
    }
    return verbs[words.verb]()
