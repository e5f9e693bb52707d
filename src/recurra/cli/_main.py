from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence

from cyclopts import CycloptsError

from recurra.cli._app import build_app
from recurra.cli._errors import describe
from recurra.errors import RecurraError, TrainingStopped

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BROKEN_PIPE, USER_ERROR, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    0 when it did what was asked; 2 with one line on stderr for what the user can mend; 130 after Ctrl-C; 1, silently,
    when nobody reads the output any more. Anything else is a bug of ours and leaves as an exception: traceback, 1.
    """
    warnings.showwarning = _remark
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        command, bound, _ = build_app().parse_args(tokens, print_error=False, exit_on_error=False)
        command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
    except CycloptsError as error:
        return _fail(describe(error), USER_ERROR)
    except TrainingStopped as error:
        return _fail(str(error), INTERRUPTED)
    except RecurraError as error:
        return _fail(str(error), USER_ERROR)
    except KeyboardInterrupt:
        return _fail("Stopped.", INTERRUPTED)
    except BrokenPipeError:
        _turn_off_stdout()
        return BROKEN_PIPE
    except OSError as error:
        if error.errno not in FULL:
            raise
        _turn_off_stdout()
        what = error.filename or "The output"
        return _fail(f"{what} couldn't be written: {error.strerror}. Make room or send it elsewhere.", USER_ERROR)
    return 0


def _remark(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line, without the place in our code that it comes from."""
    _say(str(message), style="yellow")


def _turn_off_stdout() -> None:
    """The interpreter flushes stdout once more on its way out, which must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> int:
    _say(message, style="red")
    return code


def _say(message: str, *, style: str) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text(" ".join(message.split()), style=style))
