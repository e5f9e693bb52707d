from __future__ import annotations

from cyclopts import CycloptsError, Token
from cyclopts.exceptions import ValidationError
from pydantic import ValidationError as Invalid


def describe(error: CycloptsError) -> str:
    """What is wrong with the command as it was given, in one line, and where to read on."""
    cause = error.__cause__
    if isinstance(error, ValidationError) and isinstance(cause, Invalid):
        message = _describe_invalid(error, cause)
    else:
        message = str(error)
    chain = " ".join(error.command_chain or ())
    return f"{message} See recurra {chain} --help." if chain else f"{message} See recurra --help."


def _describe_invalid(error: ValidationError, cause: Invalid) -> str:
    """The first option that pydantic refused, with every form that it would have taken."""
    details = cause.errors()
    field = str(details[0]["loc"][0]) if details[0]["loc"] else ""
    wanted = [
        detail["msg"].removeprefix("Value error, ") for detail in details if field in detail["loc"][:1] or not field
    ]
    expected = " or ".join(text[:1].lower() + text[1:] for text in dict.fromkeys(wanted))
    tokens = _tokens(error, field)
    if not tokens:
        return f"{expected}."
    first, value = tokens[0], ",".join(token.value for token in tokens)
    where = "" if first.source == "cli" else f" ({first.source})"
    return f"{first.keyword} {value}{where}: {expected}."


def _tokens(error: ValidationError, field: str) -> list[Token]:
    if error.argument is None:
        return []
    for argument in (error.argument, *error.argument.children):
        if argument.tokens and (argument is error.argument or field in argument.field_info.names):
            return list(argument.tokens)
    return []
