"""What environments are made with: only what the user gave, and whatever their code raises is one line."""

import gymnasium
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.envs import make_vec_env
from baselines.envs.arguments import EnvArguments, parse_arguments
from tests.environments import PointReach
from tests.helpers import TINY, TINY_SETTINGS, document, refused


class Argued(PointReach):
    """Takes no render_mode; says what it was made with."""

    made: list[dict] = []

    def __init__(self, **kwargs):
        Argued.made.append(dict(kwargs))
        super().__init__()


gymnasium.register("Argued-v0", Argued, max_episode_steps=30)
gymnasium.register("Endless-v0", PointReach)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("reward_type=dense", {"reward_type": "dense"}),
        ("size=3,name='a b', deep=[1,2],on=True", {"size": 3, "name": "a b", "deep": [1, 2], "on": True}),
        ("{'reward_type': 'dense', 'size': (1, 2)}", {"reward_type": "dense", "size": (1, 2)}),
        ("path=a=b", {"path": "a=b"}),
        ("on=true,off=false,no=None", {"on": True, "off": False, "no": None}),
        ("{'c': 'x,y=z', 'd': 1}", {"c": "x,y=z", "d": 1}),
        ("xml=/a/b-c.xml,size=(1,2)", {"xml": "/a/b-c.xml", "size": (1, 2)}),
        ("code=__import__('os')", {"code": "__import__('os')"}),  # a word, which nobody runs
    ],
)
def test_arguments_are_names_and_literals(text, expected):
    assert parse_arguments(text, None) == EnvArguments(expected, None)


@pytest.mark.parametrize("text", ["dense", "a=1,b", "{1: 2}", "a-b=1", "=3", "a=1,a=2", "a=[1", "c='x,y=z'"])
def test_other_words_are_refused(text):
    with pytest.raises(UserError, match="--env_kwargs="):
        parse_arguments(text, None)


def test_environments_get_what_was_given_and_nothing_else():
    Argued.made.clear()
    with_none = make_vec_env("Argued-v0", 2, [0, 1], "sync")
    with_none.reset()
    assert Argued.made == [{}] * 3  # one to look at
    Argued.made.clear()
    arguments = parse_arguments("colour=red", 7)
    made = make_vec_env("Argued-v0", 1, [0], "sync", arguments=arguments)
    made.copies(1, [1]).reset()
    assert all(kwargs == {"colour": "red"} for kwargs in Argued.made) and made.spec.horizon == 7


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_a_time_limit_is_that_of_the_episodes(back_end):
    env = make_vec_env("FetchReach-v1", 2, [0, 1], back_end, arguments=EnvArguments({}, 7))
    assert env.spec.horizon == 7 == env.copies(1, [0]).spec.horizon
    env.reset()
    ends = [env.step(env.spec.actions.to_env(_zeros(2, 4))).truncated.all() for _ in range(7)]
    assert ends == [False] * 6 + [True]


def _zeros(*shape):
    import numpy as np

    return np.zeros(shape, np.float32)


def test_envpool_takes_no_arguments_and_auto_turns_to_gymnasium():
    with pytest.raises(UserError, match="--vec_env=envpool does not work here: it takes no --env_kwargs"):
        make_vec_env("FetchReach-v1", 1, [0], "envpool", arguments=parse_arguments("reward_type=dense", None))
    env = make_vec_env("FetchReach-v1", 1, [0], "auto", arguments=parse_arguments("reward_type=dense", None))
    assert "stepped by Gymnasium" in env.description
    env.reset()
    assert env.step(_zeros(1, 4)).reward[0] not in (0, -1)


def test_the_command_line_gives_a_limit_to_an_environment_without_one_and_a_resumed_run_has_it_too(cwd):
    from baselines import run

    run.main(["--env=Endless-v0", "--max_episode_steps=10", "--n_epochs=1", "--log_path=log", "--seed=0", *TINY])
    assert document("log")["max_episode_steps"] == 10 and document("log")["schedule"]["steps_per_cycle"] == 10
    run.main(["--resume=log", "--n_epochs=2"])


def test_python_takes_arguments_as_a_dictionary():
    Argued.made.clear()
    baselines.train(env="Argued-v0", n_epochs=0, seed=0, env_kwargs={"colour": "red"}, **TINY_SETTINGS)
    assert Argued.made and all(kwargs == {"colour": "red"} for kwargs in Argued.made)


class Broken(PointReach):
    def __init__(self, kind=RuntimeError):
        raise kind("no robot here")


gymnasium.register("Broken-v0", Broken, max_episode_steps=30)


@pytest.mark.parametrize(
    "kind", [RuntimeError, FileNotFoundError, AttributeError, KeyError, SystemExit, AssertionError]
)
def test_whatever_a_constructor_raises_is_one_line_with_its_place(kind, cwd, capsys):
    with pytest.raises(UserError) as error:
        make_vec_env("Broken-v0", 1, [0], "sync", arguments=EnvArguments({"kind": kind}))
    said = str(error.value)
    assert f"environment 'Broken-v0' cannot be made: {kind.__name__}: " in said and "no robot here" in said
    assert "(test_arguments.py, line " in said
    assert "no robot here" in refused(capsys, "--env=Broken-v0")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence (faulty{}.py, line 1)"),
        ("import numpy\n\nnumpy.float_", "(faulty{}.py, line 3)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3 (faulty{}.py, line 2)"),
        ("def f(:\n", "SyntaxError: "),
        ("import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
    ],
)
def test_whatever_a_module_raises_is_one_line_with_its_place(text, expected, cwd, capsys, monkeypatch):
    number = abs(hash(text))
    (cwd / f"faulty{number}.py").write_text(text)
    monkeypatch.syspath_prepend(str(cwd))
    said = refused(capsys, f"--env=faulty{number}:X-v0")
    assert expected.format(number) in said and f"cannot import module 'faulty{number}'" in said
