"""The tests of pages themselves: what is read of a page, and that what is wrong in one is noticed."""

import pytest

from tests.docs.flags import OPTIONS
from tests.docs.pages import Page
from tests.docs.rules import RULES
from tests.docs.shell import commands_of
from tests.docs.short import shortened

PAGE = """# A page

Text of `code` and of `python -m baselines.play
--load_path=DIR`, also `FOO=1 mpirun -np 2 python x.py`
and `a = baselines.train(env="X")`.

    python -m baselines.run  # indented

- An item

  goes on:

      pip install -e .

  ```python
  x = 1
  ```

| a | `wandb sync DIR` |

```bash
for i in 1 2; do echo; done
```

```text
nothing to do
```
"""


def test_the_steps_of_a_page_are_found_in_order_with_their_lines():
    assert [(step.line, step.kind, step.text) for step in Page("p.md", PAGE).steps] == [
        (3, "inline", "python -m baselines.play --load_path=DIR"),
        (4, "inline", "FOO=1 mpirun -np 2 python x.py"),
        (5, "statement", 'a = baselines.train(env="X")'),
        (7, "shell", "python -m baselines.run  # indented\n"),
        (13, "shell", "pip install -e .\n"),
        (15, "python", "x = 1\n"),
        (19, "inline", "wandb sync DIR"),
        (21, "shell", "for i in 1 2; do echo; done\n"),
    ]


def test_headings_and_links_are_found():
    page = Page(
        "p.md",
        "# PPO: `--alg=ppo2`, and more\n\n[here](a.md#b) [web](https://x.org) `[no](link)`\n\n    # no heading\n",
    )
    assert page.anchors == {"ppo---algppo2-and-more"} and page.links == ["a.md#b"]


def test_bash_says_which_commands_there_are_and_starts_none(cwd):
    text = """
export A=1
for seed in 0 1; do B='b c' python x.py --seed=$seed "$HOME"; done  # a comment
pip install -e '.[test]' && pytest \\
    -m "not slow"
.ci/run
cd elsewhere
if [ -e taken ]; then cat taken; else cat nothing; fi
printf 'node1\\n' > hosts
"""
    commands, variables = commands_of(text, cwd, {"HOME": "/home"})
    assert [str(command) for command in commands] == [
        "A=1 B=b c python x.py --seed=0 /home",
        "A=1 B=b c python x.py --seed=1 /home",
        "A=1 pip install -e '.[test]'",
        "A=1 pytest -m 'not slow'",
        "A=1 .ci/run",
        "A=1 cd elsewhere",
        "A=1 cat taken",
    ]
    assert variables == {"HOME": "/home", "A": "1"} and (cwd / "hosts").read_text() == "node1\n"


def test_commands_are_shortened_and_else_as_they_were():
    words = "--env=FetchPush-v1 --preset=single --num_timesteps 8e4 --hidden=4 --quiet".split()
    assert shortened("baselines.run", words) == [
        *("--quiet", "--num_timesteps=100", "--num_env=2", "--n_cycles=1", "--n_batches=1", "--batch_size=16"),
        *("--demo_batch_size=8", "--hidden=4", "--layers=1", "--n_test_rollouts=1"),
        *("--env=FetchPush-v1", "--preset=single"),
    ]
    assert shortened("baselines.run", ["--resume=x", "--n_epochs=9"]) == ["--resume=x", "--n_epochs=2"]
    assert shortened("baselines.plot", ["a=b", "--output=c.png"]) == ["a=b", "--output=c.png"]


def test_every_command_of_the_package_has_a_rule():
    assert {f"python -m {module}" for module in OPTIONS} <= RULES.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("    frobnicate --hard", "no rule in tests/docs/rules.py says how to check: frobnicate --hard"),
        ("    python -m baselines.runs", "no rule"),
        ("    python nothing.py", "nothing.py"),
        ("    learn(env) -> Agent", "what is no command is written as ```text"),
        ("    python -m baselines.run --no_such=1", "ended with code 2"),
        ("    python -m baselines.evaluate --load_path=nowhere", "ended with code 2"),
        ("    mpirun -np 2 --no-such x python -m baselines.run", "no option of mpirun: --no-such"),
        ("    mpirun -np 2 -f hosts python -m baselines.run", "no such file: hosts"),
        ("    mpirun -np N python -m baselines.run --no_such=1", "ended with code 2"),
        ("    mpirun -np N python -m baselines.run --no_such=1 ...", "no_such"),
        ("    srun python -m baselines.run --no_such=1", "ended with code 2"),
        ("    pip install -e '.[nothing]'", "setup.py has no such extra"),
        ("    pip install 'a b'", "nothing that pip installs"),
        ("    pytest -m fast", "fast"),
        ("    pytest tests/nowhere.py", "nowhere.py"),
        ("    python -m benchmarks.reproduce fetch-bush", "no such experiment"),
        ("    python -m benchmarks.reproduce NAME --jops=2", "unrecognized arguments"),
        ("    python -m benchmarks.throughput rollups", "2"),
        ("    python -m benchmarks.time_to_solve --num_steps=4", "num_steps"),
        ("    tensorboard --logdirs", "2"),
        ("    wandb sink DIR", "sink"),
        ("    ruff check nothing", ".ci/run does not have: ruff check nothing"),
        ("    cat nothing", "nothing"),
        ("`python -m baselines.play --load_path=DIR --episode=3`", "episode"),
        ("`python -m baselines.run --seed=-1 --log_path=DIR`", "seed"),
        ("`python -m baselines.her.experiment.play DIR --renders=1`", "renders"),
        ("```python\n1 / 0\n```", "division by zero"),
        ("```python\naction = float('nan')\n```", "no action"),
        ('```python\nname = dict(log_path="nowhere")\n```', "no log in nowhere"),
        ('```python\nname = dict(save_path="nowhere")\n```', "no policy in nowhere"),
        ("`a = baselines.train(no_such=1)`", "unknown setting 'no_such'"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_wrong_in_a_page_is_noticed(text, said, reader):
    with pytest.raises((Exception, SystemExit)) as raised:
        for step in Page("p.md", text + "\n").steps:
            reader.do(step)
    assert said in f"{type(raised.value).__name__}: {raised.value}" and "p.md:1: " in raised.value.__notes__[0]
