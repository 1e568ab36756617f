"""Small policies of HER and their folders, to be looked at and damaged."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest

import baselines
from baselines.common.errors import UserError
from baselines.her.experiment.config import HERConfig
from baselines.her.policy import Policy
from baselines.her.types import GoalEnvSpec
from baselines.policies.policy import save_policy

SPEC = GoalEnvSpec("PointReach-v0", 2, 2, 2, 30)
CONFIG = HERConfig(hidden=3, layers=2, max_u=0.5, clip_obs=10)


def save(folder, arrays):
    """A policy of such an agent."""
    save_policy(str(folder), Policy(SPEC, CONFIG, arrays))


def arrays_in(folder):
    """The arrays of the policy in a folder."""
    return baselines.load_policy(str(folder)).arrays()


def assert_same(state, other):
    assert state.keys() == other.keys()
    for name, array in state.items():
        assert array.dtype == other[name].dtype, name
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def load_refused(folder):
    """The message that a folder is refused with."""
    with pytest.raises(UserError) as error:
        baselines.load_policy(str(folder))
    return str(error.value)


def loads(folder):
    """Whether a folder is a policy; another exception than UserError is for the test to fail with."""
    try:
        baselines.load_policy(str(folder))
        return True
    except UserError:
        return False


def edit_document(folder, edit):
    """Rewrite policy.json as `edit` leaves it, or as the text that `edit` returns."""
    file = folder / "policy.json"
    document = json.loads(file.read_text())
    text = edit(document)
    file.write_text(json.dumps(document) if text is None else text)


def setting(section, **values):
    """An edit of some of a section's values."""
    return lambda document: document[section].update(values)


def members(folder):
    with zipfile.ZipFile(folder / "arrays.npz") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(folder, parts, compression=zipfile.ZIP_STORED):
    """An archive with correct checksums, whatever its members hold."""
    with zipfile.ZipFile(folder / "arrays.npz", "w", compression) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)


def npy(array, **how):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **how)
    return file.getvalue()


def replace_member(folder, name, part):
    write_members(folder, {**members(folder), f"{name}.npy": part})


def with_header(header):
    """An .npy file of 12 floats of 0 under this header."""
    text = header.encode("latin1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(48)
