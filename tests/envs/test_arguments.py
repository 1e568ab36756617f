"""What environments are made with: only what the user gave, and whatever their code raises is one line."""

import gymnasium
import numpy as np
import pytest

import baselines
from baselines import run
from baselines.common.errors import UserError
from baselines.envs import make_vec_env
from baselines.envs.arguments import EnvArguments, parse_arguments
from tests.environments import PointReach
from tests.helpers import TINY, TINY_SETTINGS, document, refused


class Argued(PointReach):
    """Takes no render_mode; says what it was made with."""

    made: list[dict] = []

    def __init__(self, **kwargs):
        Argued.made.append(kwargs)
        super().__init__()


class Broken(PointReach):
    kind = RuntimeError

    def __init__(self):
        raise self.kind("no robot here")


gymnasium.register("Argued-v0", Argued, max_episode_steps=30)
gymnasium.register("Broken-v0", Broken, max_episode_steps=30)
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
    make_vec_env("Argued-v0", 2, [0, 1], "sync").reset()
    assert Argued.made == [{}] * 2  # none only to look at
    Argued.made.clear()
    env = make_vec_env("Argued-v0", 1, [0], "sync", arguments=parse_arguments("colour=red", 7))
    env.copies(1, [1]).reset()
    baselines.train(env="Argued-v0", n_epochs=0, seed=0, env_kwargs={"colour": "red"}, **TINY_SETTINGS)
    assert Argued.made and all(kwargs == {"colour": "red"} for kwargs in Argued.made) and env.spec.horizon == 7


@pytest.mark.parametrize("back_end", ["envpool", "sync"])
def test_a_time_limit_is_that_of_the_episodes(back_end):
    env = make_vec_env("FetchReach-v1", 2, [0, 1], back_end, arguments=EnvArguments({}, 7))
    assert env.spec.horizon == 7 == env.copies(1, [0]).spec.horizon
    env.reset()
    assert [env.step(np.zeros((2, 4), np.float32)).truncated.all() for _ in range(7)] == [False] * 6 + [True]


def test_envpool_takes_no_arguments_and_auto_turns_to_gymnasium():
    dense = parse_arguments("reward_type=dense", None)
    with pytest.raises(UserError, match="--vec_env=envpool does not work here: it takes no --env_kwargs"):
        make_vec_env("FetchReach-v1", 1, [0], "envpool", arguments=dense)
    env = make_vec_env("FetchReach-v1", 1, [0], "auto", arguments=dense)
    assert "stepped by Gymnasium" in env.description
    env.reset()
    assert env.step(np.zeros((1, 4), np.float32)).reward[0] not in (0, -1)


def test_an_environment_without_a_limit_gets_one_and_a_resumed_run_has_it_too(cwd, eagerly):
    run.main(["--env=Endless-v0", "--max_episode_steps=10", "--n_epochs=1", "--log_path=log", "--seed=0", *TINY])
    assert document("log")["max_episode_steps"] == 10 and document("log")["schedule"]["steps_per_cycle"] == 10
    run.main(["--resume=log", "--n_epochs=2"])


@pytest.mark.parametrize("kind", [RuntimeError, FileNotFoundError, KeyError, SystemExit])
def test_whatever_a_constructor_raises_is_one_line_with_its_place(kind, cwd, capsys, monkeypatch):
    monkeypatch.setattr(Broken, "kind", kind)
    line = refused(capsys, "--env=Broken-v0")
    assert f"environment 'Broken-v0' cannot be made: {kind.__name__}: " in line and "no robot here" in line
    assert "(test_arguments.py, line " in line


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("raises", "raise RuntimeError('no licence')", "RuntimeError: no licence (faulty_raises.py, line 1)"),
        ("lacks", "import numpy\n\nnumpy.float_", "(faulty_lacks.py, line 3)"),
        ("exits", "import sys\nsys.exit(3)", "SystemExit: 3 (faulty_exits.py, line 2)"),
        ("wrong", "def f(:\n", "SyntaxError: "),
        ("alone", "import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
    ],
)
def test_whatever_a_module_raises_is_one_line_with_its_place(name, text, expected, cwd, modules, capsys):
    (modules / f"faulty_{name}.py").write_text(text)
    line = refused(capsys, f"--env=faulty_{name}:X-v0")
    assert expected in line and f"cannot import module 'faulty_{name}'" in line
