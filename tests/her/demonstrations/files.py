"""Files of demonstrations to read: of OpenAI Baselines' kind, and archives made by hand."""

import io
import pickle
import zipfile

import numpy as np

from baselines.common.specs import GOAL_KEYS, EnvSpec

SPEC = EnvSpec("PointReach-v0", dict.fromkeys(GOAL_KEYS, 2), 2, 30, has_reward_function=True)


def openai_lists(episodes):
    """What OpenAI Baselines' script collected: actions, dicts of observations, dicts of info."""
    actions, observations, infos = [], [], []
    for i, T in enumerate(episodes.length):
        goal = episodes.desired_goal[i, 0]
        observations.append([
            {"observation": episodes.observation[i, t].astype(np.float64),
             "achieved_goal": episodes.achieved_goal[i, t].astype(np.float64), "desired_goal": goal}
            for t in range(T + 1)
        ])  # fmt: skip
        actions.append([episodes.action[i, t] for t in range(T)])
        infos.append([{"is_success": np.float32(episodes.success[i])} for t in range(T)])
    return {"acs": actions, "obs": observations, "info": infos}


def objects(rows):
    """An array [N, T] of objects where all rows are lists of one length, and [N] otherwise."""
    same = all(type(row) is list for row in rows) and len({len(row) for row in rows}) == 1
    if not same:
        return np.fromiter(rows, object, len(rows))
    return np.fromiter((x for row in rows for x in row), object).reshape(len(rows), len(rows[0]))


def npy(data, descr="|O", shape=()):
    """An .npy file: a header that promises this, and then these bytes."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue() + data


def text(content):
    """The .npy file of a header of our format."""
    return npy(content, "|u1", (len(content),))


def zipped(members, compression=zipfile.ZIP_STORED):
    """The bytes of an archive with these .npy files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def openai_bytes(episodes, protocol=pickle.DEFAULT_PROTOCOL, **changes):
    """The bytes of a file of OpenAI Baselines, some of whose lists are changed."""
    lists = {**openai_lists(episodes), **changes}
    return zipped({k: npy(pickle.dumps(objects(v), protocol)) for k, v in lists.items()})
