"""Files of demonstrations to read: of OpenAI Baselines' kind, and archives made by hand."""

import io
import zipfile

import numpy as np

from baselines.her.types import GoalEnvSpec

SPEC = GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)


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


def object_rows(rows):
    """An array of objects [N, T], whatever the objects are."""
    array = np.empty((len(rows), len(rows[0])), object)
    for i, row in enumerate(rows):
        for t, x in enumerate(row):
            array[i, t] = x
    return array


def npy(array):
    """The bytes of an array as an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def zipped(members, compression=zipfile.ZIP_STORED):
    """The bytes of an archive with these .npy files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()
