"""Command lines: words to settings."""

from dataclasses import dataclass

import pytest

from baselines.common.cli import errors_end_the_process, parse, parse_all, show
from baselines.common.errors import TrainingError, UserError
from baselines.common.settings import Settings, setting


@dataclass(frozen=True)
class Options(Settings):
    """Flags of a command."""

    env: str = setting("", "a name")
    file: str | None = setting(None, "a path", path=True)
    seed: int | None = setting(None, "a number")
    play: bool = setting(False, "a switch")


@pytest.mark.parametrize(
    ("words", "given", "settings"),
    [
        ([], {}, {}),
        (["--seed=1", "--hidden=8"], {"seed": 1}, {"hidden": 8}),
        (["--seed", "1", "--hidden", "8"], {"seed": 1}, {"hidden": 8}),
        (["--seed", "-1", "--polyak", "-0.5"], {"seed": -1}, {"polyak": -0.5}),
        (["--env=5", "--file=None"], {"env": "5", "file": "None"}, {}),  # words and paths are taken as they are
        (["--env=a=b", "--name=a=b"], {"env": "a=b"}, {"name": "a=b"}),
        (["--env=", "--name="], {"env": ""}, {"name": ""}),
        (["--play", "--seed=1"], {"play": True, "seed": 1}, {}),
        (["--play=False"], {"play": False}, {}),
        (["--a-b=1", "--no-play=a-b"], {}, {"a_b": 1, "no_play": "a-b"}),  # as some type underscores
        (["--play", "--play=0"], {"play": 0}, {}),
        (["--rate=1e-3", "--size=1e6"], {}, {"rate": 0.001, "size": 1e6}),
        (["--list=[1, 2]", "--text='x'", "--none=None", "--bool=true"], {},
         {"list": [1, 2], "text": "x", "none": None, "bool": "true"}),
        (["--code=__import__('os')", "--bad=((", "--nul=\0"], {},
         {"code": "__import__('os')", "bad": "((", "nul": "\0"}),
    ],
)  # fmt: skip
def test_words_become_flags_and_settings(words, given, settings):
    assert parse(words, Options) == (given, settings, False)
    assert parse(["--help", *words], Options) == parse([*words, "-h"], Options) == (given, settings, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "expected --flag=value, got 'train'"),
        (["-seed=1"], "expected --flag=value, got '-seed=1'"),
        (["--=1"], "expected --flag=value, got '--=1'"),
        (["--play", "1"], "expected --flag=value, got '1'"),
        (["--seed"], "--seed needs a value"),
        (["--seed", "--env=x"], "--seed needs a value"),
        (["--sed"], "--sed needs a value; nearest: seed"),
    ],
)
def test_other_words_are_refused(words, message):
    with pytest.raises(UserError) as error:
        parse(words, Options)
    assert str(error.value).startswith(message)
    assert "nearest: seed" not in str(error.value) or words == ["--sed"]


def test_a_command_without_settings_refuses_unknown_flags_and_prints_its_help(capsys):
    assert parse_all(Options, ["--seed=1", "--play"], "tool", "What it does.") == Options(seed=1, play=True)
    with pytest.raises(UserError, match="there is no setting 'sed'; nearest: seed"):
        parse_all(Options, ["--sed=1"], "tool", "What it does.")
    with pytest.raises(SystemExit) as ended:
        parse_all(Options, ["--sed=1", "--help"], "tool", "What it does.")
    assert not ended.value.code
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m tool [--flag=value ...]\n\nWhat it does.\n\noptions:\n")
    assert all(f"\n  --{name} " in text for name in ("help", "env", "file", "seed", "play"))


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [(UserError("two\nlines"), 2, "error: two lines\n"), (TrainingError("lost"), 1, "error: lost\n"),
     (OSError(28, "No space left", "log"), 1, "error: [Errno 28] No space left: 'log'\n"),
     (KeyboardInterrupt(), 130, "interrupted\n")],
)  # fmt: skip
def test_errors_end_the_process_with_one_line_and_a_code(error, code, line, capsys):
    with pytest.raises(SystemExit) as ended, errors_end_the_process():
        raise error
    assert ended.value.code == code and capsys.readouterr().err == line


def test_errors_of_ours_are_not_hidden():
    with pytest.raises(ZeroDivisionError), errors_end_the_process():
        raise ZeroDivisionError


def test_what_a_file_says_is_shown_as_one_printable_line(capsys):
    show("trained on \x1b[31mTask\u202e-v0\x07\n| a |  1 |")
    assert capsys.readouterr().out == "trained on \\x1b[31mTask\\u202e-v0\\x07\n| a |  1 |\n"
    assert str(UserError("a\n b\x1b[2J")) == "a b\\x1b[2J" and len(str(TrainingError("x" * 10**6))) == 2000


@pytest.mark.parametrize("storage", [
    "postgresql://me:s3cret@db:1x/study", "postgresql://db/study?user=me&password=s3cret",
    "postgres:/me:s3cret@db/study", "redis://:s3:cret@db", "me:s3cret@db", "x://db?sslpassword=s3cret&a=1",
    "postgresql://me:s3@cret@db", "journal:redis://a:s3cret@h",
])  # fmt: skip
def test_no_message_has_a_password(storage):
    message = str(UserError(f"cannot use '{storage}'"))
    assert "s3" not in message and "cret" not in message and message.startswith("cannot use '")
    assert str(UserError("cannot use postgresql://me@db/study: a@b")) == "cannot use postgresql://me@db/study: a@b"
