"""The tests of pages themselves: what is read of a page, and that what is wrong in one is noticed."""

import pytest

from tests.docs.commands import OPTIONS, commands_of, shortened
from tests.docs.pages import Page
from tests.docs.rules import RULES

PAGE = """# PPO: `--alg=ppo2`, and more

Text of `code` and of `python -m baselines.play
--load_path=DIR`. Also [here](a.md#b), [web](https://x.org), `[no](link)`
and `a = baselines.train(env="X")`.

    python -m baselines.run  # indented

- An item
  goes on.

```python
x = 1
```

| a | `wandb sync DIR` |
|---|---|
| b | One. Two |

```bash
for i in 1 2; do echo; done

# no heading
```

```text
nothing to do
```
"""


def test_steps_links_headings_and_sentences_are_found():
    page = Page("p.md", PAGE)
    assert [(step.line, step.kind, step.text) for step in page.steps] == [
        (3, "inline", "python -m baselines.play --load_path=DIR"),
        (5, "statement", 'a = baselines.train(env="X")'),
        (7, "shell", "python -m baselines.run  # indented\n"),
        (12, "python", "x = 1\n"),
        (16, "inline", "wandb sync DIR"),
        (20, "shell", "for i in 1 2; do echo; done\n\n# no heading\n"),
    ]
    assert page.anchors == {"ppo---algppo2-and-more"} and page.links == ["a.md#b"]
    assert {"An item\n  goes on.", "One.", "Two"} <= {*page.sentences} and "a" in page.sentences


def test_bash_says_which_commands_there_are_and_starts_none(cwd):
    text = """
export A=1
for seed in 0 1; do B='b c' python x.py --seed=$seed "$HOME"; done  # a comment
.ci/run && cd elsewhere \\
    --fast
if [ -e taken ]; then cat taken; else cat nothing; fi
printf 'node1\\n' > hosts
"""
    assert [str(command) for command in commands_of(text, cwd)] == [
        f"A=1 B=b c python x.py --seed=0 {cwd}",
        f"A=1 B=b c python x.py --seed=1 {cwd}",
        "A=1 .ci/run",
        "A=1 cd elsewhere --fast",
        "A=1 cat taken",
    ]
    assert (cwd / "hosts").read_text() == "node1\n"


def test_commands_are_shortened():
    words = "--env=FetchPush-v1 --preset=single --num_timesteps 8e4 --quiet".split()
    assert {"--quiet", "--env=FetchPush-v1", "--num_timesteps=100", "--num_env=2"} < {
        *shortened("baselines.run", words)
    }
    assert shortened("baselines.run", ["--resume=x", "--n_epochs=9"]) == ["--resume=x", "--n_epochs=2"]
    assert {f"python -m {module}" for module in OPTIONS} <= RULES.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("    frobnicate --hard", "no rule in tests/docs/rules.py says how to check: frobnicate --hard"),
        ("    learn(env) -> Agent", "what is no command is written as ```text"),
        ("    python -m baselines.run --no_such=1", "ended with code 2"),
        ("    python -m baselines.evaluate --load_path=nowhere", "ended with code 2"),
        ("    mpirun -np 2 --no-such x python -m baselines.run", "no option of mpirun: --no-such"),
        ("    mpirun -np N python -m baselines.run --no_such=1 ...", "no_such"),
        ("    srun python -m baselines.run --no_such=1", "ended with code 2"),
        ("    pip install -e '.[nothing]'", "setup.py has no such extra"),
        ("    python -m benchmarks.reproduce fetch-bush", "no such experiment"),
        ("    python -m benchmarks.throughput rollups", "rollups"),
        ("`python -m baselines.play --load_path=DIR --episode=3`", "episode"),
        ("```python\n1 / 0\n```", "division by zero"),
        ("```python\naction = float('nan')\n```", "no action"),
        ('```python\nname = dict(log_path="nowhere")\n```', "no log in nowhere"),
        ('```python\nname = dict(save_path="nowhere")\n```', "no policy in nowhere"),
        ("`a = baselines.train(no_such=1)`", "there is no setting 'no_such'"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_wrong_in_a_page_is_noticed(text, said, reader):
    with pytest.raises((Exception, SystemExit)) as raised:
        for step in Page("p.md", text + "\n").steps:
            reader.do(step)
    assert said in f"{type(raised.value).__name__}: {raised.value}" and "p.md:1: " in raised.value.__notes__[0]
