"""Demonstrations: made, written, read from friend and foe, trained on."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

import tests.environments  # noqa: F401 (registers PointReach)
from baselines import run
from baselines.common.errors import UserError
from baselines.common.mpi import Communicator
from baselines.common.vec_env import make_vec_env
from baselines.her import losses
from baselines.her.ddpg import DDPG
from baselines.her.demonstrations import read_demonstrations, write_demonstrations
from baselines.her.demonstrations.safe_unpickle import unpickle
from baselines.her.episodes import single_episode, stack_episodes
from baselines.her.experiment.config import HERConfig
from baselines.her.experiment.data_generation import fetch_data_generation as generation
from baselines.her.her import learn
from baselines.her.replay_buffer import Demonstrations, ReplayBuffer
from baselines.her.rollout import roll_out
from baselines.her.types import GoalEnvSpec, TransitionBatch
from tests.test_learning import POINT_REACH, TINY, Rows

SPEC = GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)


def point_reach(num_env=4):
    return make_vec_env(POINT_REACH, num_env, list(range(num_env)), "sync")


def straight(shown, _):
    """A perfect demonstrator."""
    return np.clip(10 * (shown.desired_goal - shown.achieved_goal), -1, 1)


@pytest.fixture(scope="module")
def episodes():
    return roll_out(point_reach(), straight)


@pytest.fixture
def file(episodes, tmp_path):
    path = str(tmp_path / "demos.npz")
    write_demonstrations(path, episodes, "PointReach-v0", "a straight line", seed=0)
    return path


def openai_lists(episodes):
    """What OpenAI Baselines' script collected: actions, dicts of observations, dicts of info."""
    actions, observations, infos = [], [], []
    for i in range(len(episodes.length)):
        T = episodes.length[i]
        goal = episodes.desired_goal[i, 0]
        observations.append([
            {"observation": episodes.observation[i, t].astype(np.float64),
             "achieved_goal": episodes.achieved_goal[i, t].astype(np.float64), "desired_goal": goal}
            for t in range(T + 1)
        ])  # fmt: skip
        actions.append([episodes.action[i, t] for t in range(T)])
        infos.append([{"is_success": np.float32(episodes.success[i])} for t in range(T)])
    return {"acs": actions, "obs": observations, "info": infos}


def write_openai(path, episodes, **changes):
    np.savez_compressed(path, **{k: np.array(v, object) for k, v in {**openai_lists(episodes), **changes}.items()})
    return str(path)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


# ---- files ----


def test_episodes_come_back_as_they_were_written(file, episodes):
    for ours, theirs in zip(read_demonstrations(file, SPEC), episodes):
        np.testing.assert_array_equal(ours, theirs)


def test_the_header_tells_where_demonstrations_come_from(file):
    with np.load(file, allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
    assert (header["env_id"], header["generator"], header["seed"]) == ("PointReach-v0", "a straight line", 0)
    assert header["versions"]["gymnasium"] == gymnasium.__version__


def test_files_of_openai_baselines_load(tmp_path, episodes):
    path = write_openai(tmp_path / "theirs.npz", episodes)
    read = read_demonstrations(path, SPEC)
    for name in ("observation", "achieved_goal", "desired_goal", "action", "length", "success"):
        np.testing.assert_array_equal(getattr(read, name), getattr(episodes, name))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_files_of_openai_baselines_load_whatever_the_pickle_protocol(tmp_path, episodes, protocol):
    path = str(tmp_path / "theirs.npz")
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in openai_lists(episodes).items():
            array = np.array(value, object)
            header = io.BytesIO()
            description = {"descr": "|O", "fortran_order": False, "shape": array.shape}
            np.lib.format.write_array_header_1_0(header, description)
            archive.writestr(f"{name}.npy", header.getvalue() + pickle.dumps(array, protocol=protocol))
    np.testing.assert_array_equal(read_demonstrations(path, SPEC).action, episodes.action)


def test_minari_data_sets_load(tmp_path, monkeypatch, episodes):
    import minari
    from minari.data_collector.episode_buffer import EpisodeBuffer

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    buffers = []
    for i in range(len(episodes.length)):
        T = episodes.length[i]
        goal = np.repeat(episodes.desired_goal[i, :1], T + 1, 0)
        shown = {"observation": episodes.observation[i], "achieved_goal": episodes.achieved_goal[i]}
        shown = {k: list(v.astype(np.float64)) for k, v in {**shown, "desired_goal": goal}.items()}
        success = [False] * T + [bool(episodes.success[i])]
        last = [False] * (T - 1) + [True]
        buffers.append(EpisodeBuffer(
            id=i, observations=shown, actions=list(episodes.action[i]), rewards=list(episodes.reward[i]),
            terminations=[False] * T, truncations=last, infos={"is_success": success},
        ))  # fmt: skip
    with pytest.warns(UserWarning):
        minari.create_dataset_from_buffers(
            "toy/point-v0", buffers, env=gymnasium.make("PointReach-v0"), algorithm_name="a", author="a",
            author_email="a", code_permalink="a",
        )  # fmt: skip
    read = read_demonstrations("minari:toy/point-v0", SPEC)
    for name in ("observation", "action", "desired_goal", "success"):
        np.testing.assert_array_equal(getattr(read, name), getattr(episodes, name))
    with pytest.raises(UserError, match="it is of PointReach-v0, not of FetchReach-v1"):
        read_demonstrations("minari:toy/point-v0", SPEC._replace(env_id="FetchReach-v1"))
    with pytest.raises(UserError, match="nothing-v0"):
        read_demonstrations("minari:toy/nothing-v0", SPEC)


def test_without_minari_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(UserError, match=r"\.\[minari\]"):
        read_demonstrations("minari:anything", SPEC)


def change(episodes, **fields):
    return episodes._replace(**{k: f(getattr(episodes, k).copy()) for k, f in fields.items()})


def put(value, *where):
    def f(array):
        array[where] = value
        return array

    return f


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(observation=put(np.nan, 2, 3, 0)), "episode 2 has NaN or infinity in observation"),
        (dict(action=put(np.inf, 1, 0, 0)), "episode 1 has NaN or infinity in action"),
        (dict(action=put(1.5, 3, 0, 0)), r"episode 3 has actions outside \[-1, 1\]"),
        (dict(length=put(31, 1)), "episode 1 has length 31, expected 1 to 30"),
        (dict(length=put(0, 0)), "episode 0 has length 0"),
        (dict(observation=lambda x: x[:, :, :1]), r"observation has the shape \[4, 31, 1\].* needs \[4, 31, 2\]"),
        (dict(desired_goal=lambda x: x[:, :20]), r"desired_goal has the shape \[4, 20, 2\]"),
        (dict(action=lambda x: x[:2]), r"action has the shape \[2, 30, 2\]"),
        (dict(success=lambda x: x[:0]), "success has the shape"),
    ],
)
def test_what_does_not_fit_is_refused_by_episode_and_field(tmp_path, episodes, fields, message):
    path = str(tmp_path / "odd.npz")
    write_demonstrations(path, change(episodes, **fields), "PointReach-v0")
    with pytest.raises(UserError, match=message):
        read_demonstrations(path, SPEC)


def test_another_environment_or_horizon_is_refused(file):
    with pytest.raises(UserError, match="of PointReach-v0, not of FetchPush-v1"):
        read_demonstrations(file, SPEC._replace(env_id="FetchPush-v1"))
    with pytest.raises(UserError, match="shape"):
        read_demonstrations(file, SPEC._replace(horizon=50))
    read_demonstrations(file, SPEC._replace(env_id="my.module:PointReachDense-v3"))  # the same task


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(obs=[[{"observation": np.zeros(2)}]]), "episode 0 has 1 observations for 30 actions"),
        (dict(obs=[[{"observation": np.zeros(2)}] * 31]), "episode 0 is damaged.*achieved_goal"),
        (dict(acs=[[np.zeros(2)] * 31]), "episode 0 has 31 actions; PointReach-v0 takes 1 to 30"),
        (dict(acs=[[np.zeros(3)] * 30]), "episode 0 has an entry of action that is no vector of 2 numbers"),
        (dict(acs=[]), "no episodes"),
    ],
)
def test_odd_files_of_openai_baselines_are_refused(tmp_path, episodes, changes, message):
    with pytest.raises(UserError, match=message):
        read_demonstrations(write_openai(tmp_path / "odd.npz", episodes, **changes), SPEC)


class Hostile:
    def __init__(self, marker):
        self._marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self._marker),)


@pytest.mark.parametrize("field", ["acs", "obs", "info"])
def test_a_hostile_file_is_refused_by_the_name_of_what_it_asks_for(tmp_path, episodes, field):
    marker = tmp_path / "marker"
    value = openai_lists(episodes)[field]
    value[0][0] = Hostile(marker)
    array = object_rows(value)
    path = str(tmp_path / "hostile.npz")
    np.savez(path, **{**{k: np.array(v, object) for k, v in openai_lists(episodes).items()}, field: array})
    with pytest.raises(UserError, match=r"(posix|nt)\.mkdir"):
        read_demonstrations(path, SPEC)
    assert not marker.exists()
    np.load(path, allow_pickle=True)[field]
    assert marker.exists(), "the file was harmless, so the test showed nothing"


HOSTILE_PICKLES = [
    b"cos\nsystem\n(S'touch {0}'\ntR.",
    b'c__builtin__\neval\n(S\'open("{0}","w")\'\ntR.',
    b"cnumpy\nload\n(S'{0}'\ntR.",
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntRcos\nsystem\nb.",
    b"c_codecs\nencode\n(S'x'\nS'../../{0}'\ntR.",
    b"cnumpy\ndtype\n}}S'_make'\ncos\nsystem\nsb.",
    b"Pid\n.",
    b"\x82\x01.",
]


@pytest.mark.parametrize("program", HOSTILE_PICKLES)
def test_hostile_pickles_run_nothing(tmp_path, program):
    marker = tmp_path / "marker"
    content = npy(np.array([None], object))
    header = content[: content.index(b"\n") + 1]
    path = str(tmp_path / "hostile.npz")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("acs", "obs"):
            archive.writestr(f"{name}.npy", header + program.replace(b"{0}", str(marker).encode()))
    with pytest.raises(UserError, match="cannot read demonstrations"):
        read_demonstrations(path, SPEC)
    assert not marker.exists()


def test_lists_that_share_lists_are_not_unfolded(tmp_path, episodes):
    folded = [0.0] * 250
    for _ in range(3):
        folded = [folded] * 250
    observed = [{"observation": folded, "achieved_goal": np.zeros(2), "desired_goal": np.zeros(2)}] * 31
    path = write_openai(tmp_path / "folded.npz", episodes, obs=object_rows([observed]))
    with pytest.raises(UserError, match="episode 0 has an entry of observation that is no vector of 2 numbers"):
        read_demonstrations(path, SPEC)


def object_rows(rows):
    array = np.empty((len(rows), len(rows[0])), object)
    for i, row in enumerate(rows):
        for t, x in enumerate(row):
            array[i, t] = x
    return array


def test_a_bytearray_takes_no_more_memory_than_it_has():
    program = b"\x80\x05\x96" + struct.pack("<Q", 1 << 33) + b"x."
    tracemalloc.start()
    with pytest.raises(ValueError, match="cut off"):
        unpickle(program)
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


@pytest.mark.parametrize("kind", ["ours", "openai"])
def test_damaged_files_give_one_clear_error_and_nothing_else(tmp_path, episodes, kind):
    """Bytes flipped, cut and repeated, in the members as well as in the archive around them."""
    path = str(tmp_path / "sound.npz")
    if kind == "ours":
        write_demonstrations(path, episodes, "PointReach-v0")
    else:
        write_openai(path, episodes)
    rng = np.random.default_rng(0)
    with open(path, "rb") as opened:
        sound = opened.read()
    with np.load(path, allow_pickle=True) as arrays:
        members = {name: npy(arrays[name]) for name in arrays.files}
    refused = 0
    for case in range(400):
        if case % 3 == 0:
            content = damaged(sound, rng)
        elif case % 3 == 1:
            kind = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
            content = damaged(zipped({"acs": members.get("acs", b""), "header": b"x" * 500}, int(kind)), rng)
        else:
            name = rng.choice(list(members))
            content = zipped({**members, name: damaged(members[name], rng)})
        broken = tmp_path / "broken.npz"
        broken.write_bytes(content)
        try:
            read_demonstrations(str(broken), SPEC)
        except UserError as error:
            assert "\n" not in str(error).strip()
            refused += 1
    assert refused > 100


def damaged(content, rng):
    content = bytearray(content)
    kind = rng.integers(3)
    # Half of the damage in the first bytes, where headers and the pickles' own words are.
    place = int(rng.integers(len(content) if rng.random() < 0.5 else min(300, len(content))))
    if kind == 0:
        for _ in range(rng.integers(1, 4)):
            content[place] = rng.integers(256)
            place = int(rng.integers(len(content)))
    elif kind == 1:
        del content[place:]
    else:
        content[place:place] = content[place : place + int(rng.integers(1, 40))]
    return bytes(content)


def zipped(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def test_a_header_of_nested_brackets_is_refused(tmp_path, episodes):
    path = tmp_path / "nested.npz"
    path.write_bytes(zipped({"header": npy(np.frombuffer(b"[" * 100000 + b"]" * 100000, np.uint8))}))
    with pytest.raises(UserError, match="cannot read demonstrations"):
        read_demonstrations(str(path), SPEC)


def test_a_header_that_claims_too_much_is_refused_before_anything_is_allocated(tmp_path, episodes):
    path = str(tmp_path / "large.npz")
    write_demonstrations(path, episodes, "PointReach-v0")
    with np.load(path) as arrays:
        members = {name: npy(arrays[name]) for name in arrays.files}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**3, 10**3)}
    )
    with open(path, "wb") as file:
        file.write(zipped({**members, "action": header.getvalue() + b"\0" * 100}))
    with pytest.raises(UserError, match="promises"):
        read_demonstrations(path, SPEC)


def test_a_failed_write_leaves_the_earlier_file(file, episodes, monkeypatch):
    with open(file, "rb") as opened:
        before = opened.read()

    def disk_full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", disk_full)
    with pytest.raises(UserError, match="No space left"):
        write_demonstrations(file, episodes, "PointReach-v0")
    with open(file, "rb") as opened:
        assert opened.read() == before
    assert os.listdir(os.path.dirname(file)) == [os.path.basename(file)]


def test_episodes_of_any_act_function_can_be_recorded(tmp_path):
    """The README's example for teleoperation."""
    env = gymnasium.make("PointReach-v0")
    recorded = []
    for seed in range(3):
        observation, _ = env.reset(seed=seed)
        shown, actions, over = [observation], [], False
        while not over:
            actions.append(np.clip(10 * (observation["desired_goal"] - observation["achieved_goal"]), -1, 1))
            observation, _, terminated, truncated, info = env.step(actions[-1])
            shown.append(observation)
            over = terminated or truncated
        columns = {key: np.array([o[key] for o in shown]) for key in shown[0]}
        recorded.append(single_episode(action=np.array(actions), success=info["is_success"], **columns))
    path = str(tmp_path / "teleoperated.npz")
    write_demonstrations(path, stack_episodes(recorded, horizon=30), "PointReach-v0", "a joystick")
    assert read_demonstrations(path, SPEC).success.all()


# ---- scripted controllers ----


@pytest.mark.slow
@pytest.mark.parametrize(
    "task, back_end, least",
    [
        ("FetchReach-v1", "envpool", 0.95),
        ("FetchPickAndPlace-v1", "envpool", 0.95),
        ("FetchPickAndPlace-v1", "sync", 0.95),
        ("FetchPush-v1", "envpool", 0.8),
        ("FetchPush-v1", "sync", 0.8),
        ("FetchSlide-v1", "envpool", 0.05),
    ],
)
def test_scripted_controllers_succeed(task, back_end, least):
    env = make_vec_env(task, 20, list(range(20)), back_end, num_threads=2)
    controller = generation.controller_for(task)
    successes = [generation.demonstrate(env, controller, 0.0, np.random.default_rng(0)).success for _ in range(2)]
    assert np.mean(successes) >= least


@pytest.mark.slow
def test_the_script_writes_demonstrations_without_failures_and_counts_them(tmp_path, capsys):
    path = str(tmp_path / "push.npz")
    generation.main(["--env=FetchPush-v1", "--num_episodes=12", "--noise=0.2", f"--output={path}"])
    printed = capsys.readouterr().out
    spec = make_vec_env("FetchPush-v1", 1, [0], "envpool").spec
    read = read_demonstrations(path, spec)
    assert len(read.length) == 12 and read.success.all()
    assert "scripted episodes: success rate" in printed and "wrote 12 to" in printed


@pytest.mark.parametrize(
    "words",
    [
        ["--env=HandReach-v0"],
        ["--num_episodes=0"],
        ["--output=/proc/none/x.npz"],
        ["--noise=-1"],
        ["--output="],
        ["--num_env=1000000000"],
        ["--seed=x"],
        ["--nonsense"],
    ],
)
def test_bad_input_to_the_script_is_one_clear_line(words, capsys):
    with pytest.raises(SystemExit) as exit:
        generation.main(words)
    error = capsys.readouterr().err
    assert exit.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1


def test_demonstrations_of_a_trained_policy_are_recorded(tmp_path, capsys):
    path = tmp_path / "played.npz"
    common = [f"--env={POINT_REACH}", "--hidden=8", f"--log_path={tmp_path / 'log'}", "--num_timesteps=0"]
    run.main([*common, "--play", "--play_episodes=3", f"--record_demos={path}", "--keep_failures"])
    assert len(read_demonstrations(str(path), SPEC).length) == 3
    assert "wrote 3 of 3 episodes" in capsys.readouterr().out


# ---- losses, by hand ----


def column(*values):
    return tf.constant(values, tf.float32)[:, None]


def test_the_q_filter_passes_only_actions_that_are_strictly_better():
    passed = losses.q_filter(column(-1, -2, -3, 0), column(-2, -1, -3, -0.5))
    np.testing.assert_array_equal(passed, [[1], [0], [0], [1]])


def test_the_cloning_loss_is_a_sum_of_squares_over_the_rows_that_pass():
    pi = tf.constant([[0.5, 0.0], [1.0, 1.0], [0.0, -1.0]])
    action = tf.constant([[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert float(losses.cloning_loss(pi, action, column(1, 1, 1))) == pytest.approx(0.25 + 2 + 4)
    assert float(losses.cloning_loss(pi, action, column(1, 0, 1))) == pytest.approx(0.25 + 4)
    assert float(losses.cloning_loss(pi, action, column(0, 0, 0))) == 0


def random_batch(rng, N):
    shapes = ((2,), (2,), (2,), (2,), (), (2,), (2,))
    return TransitionBatch(*(tf.constant(rng.normal(size=(N, *s)), tf.float32) for s in shapes))


@pytest.mark.parametrize("q_filter", [False, True])
def test_the_actors_loss_adds_up_by_hand(q_filter):
    """Against the sums written out in NumPy, with the last 5 of 12 rows from demonstrations."""
    config = HERConfig(hidden=8, layers=1, batch_size=12, demo_batch_size=5, bc_loss=True, q_filter=q_filter)
    agent = DDPG(SPEC, config, np.random.default_rng(0), Communicator())
    batch = random_batch(np.random.default_rng(1), 12)
    _, metrics = agent.gradients(batch)
    found = dict(zip(agent.metrics, metrics.numpy()))
    policy = agent.policy()
    o, g = policy.inputs(*(x.numpy() for x in batch[:3]))
    u, pi = batch.action.numpy(), policy.pi(o, g)
    better = (policy.Q(o, g, u) > policy.Q(o, g, pi))[-5:, 0] if q_filter else np.ones(5, bool)
    cloning = sum(((pi[-5:][i] - u[-5:][i]) ** 2).sum() for i in range(5) if better[i])
    usual = -policy.Q(o, g, pi).mean() + config.action_l2 * (pi**2).mean()
    assert found["loss/cloning"] == pytest.approx(cloning, rel=1e-4)
    assert found["q_filter/passed"] == pytest.approx(better.mean())
    assert found["loss/actor"] == pytest.approx(0.001 * usual + 0.0078 * cloning, rel=1e-4)
    if q_filter:
        assert 0 < better.sum() < 5, "the case should have rows of both kinds"


def test_no_gradient_flows_where_no_row_passes_and_the_usual_loss_weighs_nothing():
    config = HERConfig(hidden=8, layers=1, batch_size=12, demo_batch_size=5, bc_loss=True, prm_loss_weight=0)
    agent = DDPG(SPEC, config, np.random.default_rng(0), Communicator())
    agent._passed = lambda value, value_of_pi: tf.zeros_like(value)
    (_, pi_gradients), _ = agent.gradients(random_batch(np.random.default_rng(1), 12))
    assert all(not np.any(x) for x in pi_gradients)


# ---- training ----


def test_the_last_rows_of_every_batch_are_demonstrations_relabelled_alike(episodes):
    env = point_reach()
    buffer = ReplayBuffer(SPEC, 4 * 30, 0.8, env.compute_reward, np.random.default_rng(0))
    buffer.store(episodes)
    own = TransitionBatch(*(np.full((3, 10, *s), 7, np.float32) for s in ((2,), (2,), (2,), (2,), (), (2,), (2,))))
    filled = Demonstrations(buffer, rows=4).fill(own)
    assert filled.observation.shape == (3, 14, 2)
    assert (filled.observation[:, :10] == 7).all()
    known = {tuple(o) for o in episodes.observation.reshape(-1, 2)}
    assert all(tuple(o) in known for o in filled.observation[:, 10:].reshape(-1, 2))
    assert (filled.reward[:, 10:] == env.compute_reward(
        filled.next_achieved_goal[:, 10:].reshape(-1, 2), filled.desired_goal[:, 10:].reshape(-1, 2)
    ).reshape(3, 4)).all()  # fmt: skip


def train_with(file, **settings):
    logger = Rows()
    agent = learn(env=point_reach(), n_epochs=2, seed=0, logger=logger, demo_file=file,
                  **{**TINY, "demo_batch_size": 4, **settings})  # fmt: skip
    return agent, logger.rows


def test_a_demo_file_switches_the_cloning_loss_on(file):
    agent, rows = train_with(file, q_filter=1)
    assert agent.config.bc_loss and agent.config.demo_rows == 4
    assert all(row["loss/cloning"] >= 0 and 0 <= row["q_filter/passed"] <= 1 for row in rows)


def test_without_demonstrations_there_are_none_of_their_keys():
    _, rows = train_with(None)
    assert not {"loss/cloning", "q_filter/passed"} & rows[0].keys()


def test_fewer_episodes_than_num_demo_are_used_and_told(file, tmp_path, capsys):
    words = [f"--{k}={v}" for k, v in TINY.items()]
    run.main([f"--env={POINT_REACH}", "--n_epochs=1", f"--demo_file={file}", "--demo_batch_size=4",
              f"--log_path={tmp_path / 'log'}", *words])  # fmt: skip
    assert "demonstrations: 4 episodes (the file has no more; num_demo is 100)" in capsys.readouterr().out


def test_num_demo_takes_the_first_episodes(file, episodes):
    read = read_demonstrations(file, SPEC, most=3)
    np.testing.assert_array_equal(read.action, episodes.action[:3])


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(demo_batch_size=16), "demo_batch_size: expected less than batch_size, 16, got 16"),
        (dict(demo_batch_size=0), "demo_batch_size"),
        (dict(num_demo=0), "num_demo"),
        (dict(aux_loss_weight=-1), "aux_loss_weight"),
    ],
)
def test_impossible_settings_are_refused(file, settings, message):
    with pytest.raises(UserError, match=message):
        train_with(file, **settings)


def test_cloning_without_a_file_is_refused():
    with pytest.raises(UserError, match="give a --demo_file"):
        train_with(None, bc_loss=1)


def test_a_missing_file_is_refused():
    with pytest.raises(UserError, match="there is no such file"):
        train_with("nowhere.npz")


def test_the_preset_gives_the_published_setting_and_the_command_line_wins(tmp_path, file):
    log = tmp_path / "log"
    run.main([f"--env={POINT_REACH}", "--num_timesteps=0", "--preset=demos", f"--demo_file={file}",
              "--noise_eps=0.3", f"--log_path={log}"])  # fmt: skip
    config = json.loads((log / "config.json").read_text())["config"]
    expected = dict(bc_loss=True, q_filter=True, num_demo=100, demo_batch_size=128, batch_size=1024, n_cycles=20,
                    random_eps=0.1, noise_eps=0.3, prm_loss_weight=0.001, aux_loss_weight=0.0078)  # fmt: skip
    assert {k: config[k] for k in expected} == expected


@pytest.mark.slow
def test_demonstrations_make_point_reach_learnable_without_hindsight(tmp_path):
    path = str(tmp_path / "demos.npz")
    write_demonstrations(path, roll_out(point_reach(50), straight), "PointReach-v0")
    settings = dict(hidden=64, layers=2, n_cycles=10, n_batches=40, batch_size=128, polyak=0.8, replay_strategy="none")
    rates = {}
    for file in (path, None):
        logger = Rows()
        learn(env=point_reach(), n_epochs=5, seed=0, logger=logger, demo_file=file, demo_batch_size=32,
              aux_loss_weight=0.1, **settings)  # fmt: skip
        rates[file] = logger.rows[-1]["test/success_rate"]
    assert rates[path] > 0.9 and rates[None] < 0.2


def test_the_script_runs_as_a_file():
    script = generation.__file__
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--keep_failures" in done.stdout
