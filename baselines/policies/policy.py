"""Trained policies: one network with its inputs and outputs, in NumPy, and the files that hold them."""

import math
import os
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import baselines
from baselines.common.errors import Path, UserError, as_path
from baselines.common.specs import EnvSpec, as_vector
from baselines.storage import SUFFIX, read_arrays, read_document, write_arrays

FORMAT = "baselines policy 3"
_LARGEST = 1 << 30  # bytes of a file
_LATEST = f"latest{SUFFIX}"  # which stands for its folder

Layers = Sequence[tuple[np.ndarray, np.ndarray]]  # (kernel [in, out], bias [out]) of each layer
Activation = Callable[[np.ndarray], np.ndarray]


def relu(x: np.ndarray) -> np.ndarray:
    """Return max(x, 0)."""
    positive: np.ndarray = np.maximum(x, 0)
    return positive


ACTIVATIONS: dict[str, Activation] = {"relu": relu, "tanh": np.tanh}


def forward(layers: Layers, x: np.ndarray, activation: Activation = relu) -> np.ndarray:
    """Return the output [N, out] of hidden layers and a linear last layer for `x` [N, in]."""
    # In NumPy, because a batch of a few rows costs 50 us here and 250 us through TensorFlow.
    for kernel, bias in layers[:-1]:
        x = activation(x @ kernel + bias)
    kernel, bias = layers[-1]
    return x @ kernel + bias


def layers_of(arrays: Mapping[str, np.ndarray], network: str) -> Layers:
    """Return the layers `network/0_kernel`, `network/0_bias`, `network/1_kernel`, ... Raises UserError."""
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    while not layers or f"{network}/{len(layers)}_kernel" in arrays:
        prefix = f"{network}/{len(layers)}"
        layers.append((_float32(arrays, f"{prefix}_kernel"), _float32(arrays, f"{prefix}_bias")))
    return layers


@dataclass(frozen=True)
class PolicyDesign:
    """The way from an observation to an action: inputs, normalising, network, bounds. Raises UserError."""

    columns: tuple[tuple[str, str], ...]  # (entry, entry subtracted from it or ""), concatenated
    network: str  # the prefix of its layers' arrays
    statistics: tuple[str, ...] = ()  # prefixes of mean and std, one after the other over the columns; (): none
    clip: float | None = None  # bound on the raw inputs
    norm_clip: float | None = None  # bound on the normalised inputs
    activation: str = "relu"  # of the hidden layers: relu or tanh
    squash: str = "clip"  # of the output, to [-1, 1]: tanh or clip; discrete actions are the place of the largest
    scale: float = 1.0  # the largest action; environments' actions are in [-1, 1] here

    def __post_init__(self) -> None:
        names = [*sum(self.columns, ()), self.network, *self.statistics]
        valid = all(isinstance(name, str) for name in names) and bool(self.columns)
        valid = valid and self.activation in ACTIVATIONS and self.squash in ("tanh", "clip")
        bounds = [self.scale, *(bound for bound in (self.clip, self.norm_clip) if bound is not None)]
        valid = valid and all(type(bound) in (int, float) and 0 < bound < 1e38 for bound in bounds)
        if not valid or self.scale > 1:
            raise UserError(f"design: expected columns, a network and positive bounds, got {reprlib.repr(vars(self))}")

    @classmethod
    def from_document(cls, document: Any) -> "PolicyDesign":
        """Return the design that `document` came from. Raises UserError."""
        try:
            columns = tuple((entry, subtracted) for entry, subtracted in document["columns"])
            return cls(**{**document, "columns": columns, "statistics": tuple(document["statistics"])})
        except (TypeError, ValueError, KeyError) as error:
            raise UserError(f"design: {type(error).__name__}: {error}") from None


class Policy:
    """A trained policy: `act(observation)` returns the action."""

    def __init__(
        self, spec: EnvSpec, design: PolicyDesign, arrays: Mapping[str, np.ndarray], alg: str = "",
        config: Mapping[str, object] | None = None,
    ):  # fmt: skip
        """Check that design, arrays and environment fit each other. Raises UserError.

        Args:
            spec: The environment that it was trained on.
            design: How `arrays` become actions.
            arrays: All arrays of the agent, also those that only training needs, so that training can begin from it.
            alg: The algorithm's name, as --alg takes it.
            config: The algorithm's settings.
        """
        self.spec, self.design, self.alg = spec, design, alg
        self.arrays, self.config = dict(arrays), dict(config or {})
        self.layers, self._activation = layers_of(arrays, design.network), ACTIVATIONS[design.activation]
        nothing = np.zeros(0, np.float32)
        self.mean, self.std = (
            np.concatenate([nothing, *(_float32(arrays, f"{name}/{kind}") for name in design.statistics)])
            for kind in ("mean", "std")
        )
        self._check_shapes()

    def act(self, observation: Mapping[str, Any] | np.ndarray) -> np.ndarray:
        """Return the action [u] for one observation, or [N, u] for N of them; whole numbers where they are discrete.

        The entries of an observation are as the environment shows them, or vectors, [size] or [N, size]. Actions are in
        the environment's own units, without noise. Raises UserError for entries that do not fit.
        """
        entries = checked_entries(observation, self.spec)
        front = next(iter(entries.values())).shape[:-1]
        output = self.output(self.inputs({key: x.reshape(-1, x.shape[-1]) for key, x in entries.items()}))
        if self.spec.discrete:
            place: np.ndarray = output.argmax(-1).reshape(front)
            return place
        return self.spec.actions.to_env(output).reshape(*front, self.spec.action_size)

    def inputs(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return what the network gets [N, n] for the entries [N, size] of an observation: floats, not checked."""
        return self.normalize(self.columns(observation))

    def columns(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the raw inputs [N, n]."""
        parts = [observation[a] - observation[b] if b else observation[a] for a, b in self.design.columns]
        return np.concatenate(parts, -1)

    def normalize(self, raw: np.ndarray) -> np.ndarray:
        """Return clipped and normalised inputs [N, n], float32."""
        clip, norm_clip = self.design.clip, self.design.norm_clip
        x = (raw if clip is None else np.clip(raw, -clip, clip)).astype(np.float32, copy=False)
        if self.design.statistics:
            x = (x - self.mean) / self.std
            x = x if norm_clip is None else np.clip(x, -norm_clip, norm_clip)
        return x

    def output(self, inputs: np.ndarray) -> np.ndarray:
        """Return actions [N, u] in [-scale, scale], or where they are discrete a number for each [N, u]."""
        output = self.network_output(inputs)
        if self.spec.discrete:
            return output
        squashed: np.ndarray = np.tanh(output) if self.design.squash == "tanh" else np.clip(output, -1, 1)
        return self.design.scale * squashed

    def network_output(self, inputs: np.ndarray) -> np.ndarray:
        """Return the output of the network's last layer [N, u]."""
        return forward(self.layers, inputs, self._activation)

    def document(self) -> dict[str, Any]:
        """Return all but the arrays, as JSON."""
        head = {"format": FORMAT, "version": baselines.__version__, "alg": self.alg}
        return {**head, "environment": self.spec.document(), "config": self.config, "design": vars(self.design)}

    def check_values(self) -> None:
        """Raise UserError for numbers that are not finite, and for standard deviations that are not positive."""
        for name, array in self.arrays.items():
            if not np.isfinite(array).all():
                raise UserError(f"array '{name}' has values that are not finite")
        if not (self.std > 0).all():
            raise UserError("a standard deviation is not positive")

    def _check_shapes(self) -> None:
        sizes, design, width = self.spec.observation_sizes, self.design, 0
        for entry, subtracted in design.columns:
            if entry not in sizes or sizes.get(subtracted or entry) != sizes[entry]:
                raise UserError(f"design: expected entries of {self.spec.env_id}, got '{entry}' and '{subtracted}'")
            width += sizes[entry]
        if design.statistics and not self.mean.shape == self.std.shape == (width,):
            shapes = f"{list(self.mean.shape)} and {list(self.std.shape)}"
            raise UserError(f"expected mean and std of {width} numbers in {', '.join(design.statistics)}, got {shapes}")
        for i, (kernel, bias) in enumerate(self.layers):
            if kernel.ndim != 2 or len(kernel) != width or bias.shape != kernel.shape[1:]:
                got = f"{list(kernel.shape)} and {list(bias.shape)}"
                raise UserError(f"array '{design.network}/{i}_kernel': expected [{width}, n] and a bias [n], got {got}")
            width = len(bias)
        if width != self.spec.action_size:
            raise UserError(f"network '{design.network}': expected {self.spec.action_size} outputs, got {width}")


class NetworkPolicy(Policy):
    """One network from all entries of the observation to the action, with relu layers and clipped outputs."""

    def __init__(self, spec: EnvSpec, layers: Sequence[tuple[Any, Any]]):
        design = PolicyDesign(tuple((entry, "") for entry in spec.observation_sizes), "pi")
        kernels = {f"pi/{i}_kernel": np.asarray(kernel, np.float32) for i, (kernel, _) in enumerate(layers)}
        biases = {f"pi/{i}_bias": np.asarray(bias, np.float32) for i, (_, bias) in enumerate(layers)}
        super().__init__(spec, design, kernels | biases, "network")


class Agent(ABC):
    """An agent: the result of an algorithm's `learn`."""

    @abstractmethod
    def policy(self) -> Policy:
        """Return what it has learnt so far; `policy().act(observation)` acts."""

    def save(self, path: Path) -> None:
        """Write the policy to the file `path`, with .safetensors added, or to latest.safetensors in the folder `path`.

        An earlier policy is replaced. Raises UserError where anything else lies there. `load_policy(path)` reads it.
        """
        save_policy(path, self.policy())


def save_policy(path: Path, policy: Policy) -> None:
    """Write a policy, whole or not at all, as `Agent.save` does. Raises UserError."""
    path = as_path("path", path)
    in_folder = os.path.isdir(path)
    file = os.path.join(path, _LATEST) if in_folder else path if path.endswith(SUFFIX) else path + SUFFIX
    try:
        policy.check_values()
        if sum(array.nbytes for array in policy.arrays.values()) > _LARGEST // 2:
            raise UserError(f"it has more than {_LARGEST >> 21} MiB")
        if os.path.isdir(file):
            raise UserError("a folder has that name; give the name of a file")
        if os.path.exists(file) and not _is_policy(file):
            raise UserError("the file that lies there is not a policy; give another name")
        write_arrays(file, policy.document(), policy.arrays)
    except (OSError, UserError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot save the policy to {file}: {reason}") from None


def read_policy(path: Path) -> Policy:
    """Return the policy in the file `path`, with or without .safetensors, or a folder's latest. Raises UserError."""
    file = _file_of(as_path("path", path))
    document, arrays = read_arrays(file, _LARGEST)
    try:
        alg, config = document.get("alg"), document.get("config")
        if document.get("format") != FORMAT or not isinstance(alg, str) or not isinstance(config, dict):
            raise UserError(f"expected format '{FORMAT}', got {reprlib.repr(document.get('format'))}")
        spec = EnvSpec.from_document(document.get("environment") or {})
        policy = Policy(spec, PolicyDesign.from_document(document.get("design")), arrays, alg, config)
        policy.check_values()
    except UserError as error:
        raise UserError(f"{file} holds no policy that can be used: {error}") from None
    return policy


def begin_from(agent: Any, policy: Policy) -> None:
    """Let training begin from the networks and statistics of a policy. Raises UserError where they do not fit.

    The agent's `policy_state()` returns all arrays of its policy; `load_policy_state(arrays)` takes them over.
    """
    own = agent.policy_state()
    for name in sorted({*policy.arrays, *own}):
        theirs, ours = ("missing" if x is None else list(x.shape) for x in (policy.arrays.get(name), own.get(name)))
        if theirs != ours:
            why = f"its array '{name}' is {theirs}, but that of the new agent is {ours}"
            raise UserError(f"--load_path: training cannot begin from this policy of --alg={policy.alg}: {why}")
    try:
        agent.load_policy_state(policy.arrays)
    except ValueError as error:
        raise UserError(f"--load_path: training cannot begin from this policy: {error}") from None


def checked_entries(observation: object, spec: EnvSpec) -> dict[str, np.ndarray]:
    """Return the entries of an observation, [.., size] each, for as many environments as the first entry shows.

    Raises UserError for entries that are missing, no numbers, of another size, or NaN or infinity: a network would
    answer all of these with some action.
    """
    sizes = spec.observation_sizes
    if not isinstance(observation, Mapping):
        if list(sizes) != ["observation"]:
            kind = type(observation).__name__
            raise UserError(f"expected an observation as a dictionary of {', '.join(sizes)}, got {kind}")
        observation = {"observation": observation}
    entries: dict[str, np.ndarray] = {}
    for key, size in sizes.items():
        if key not in observation:
            names = ", ".join(map(str, observation)) or "nothing"
            raise UserError(f"expected an observation with '{key}', got {names}")
        entry = _numbers(key, size, observation[key], spec.layouts.get(key, size))
        front = next(iter(entries.values()), entry).shape[:-1]
        if entry.shape[:-1] != front and entry.size != size * math.prod(front):
            expected = f"as many environments as the others, {[*front, size]}"
            raise UserError(f"expected '{key}' of {expected}, got {list(entry.shape)}")
        entries[key] = entry.reshape(*front, size)
    return entries


def _numbers(key: str, size: int, value: object, layout: Any) -> np.ndarray:
    """Return an array [.., size] of finite floats, as precise as `value`."""
    try:
        entry = np.asarray(value) if layout == size else as_vector(layout, value)
    except Exception as error:  # lists of unequal lengths, and objects of other libraries, fail in ways of their own
        if layout != size and isinstance(error, ValueError):
            expected = f"'{key}' as the environment shows it: {error}"
            raise UserError(f"expected {expected}, got {reprlib.repr(value)}") from None
        entry = np.array(None)
    is_number = entry.dtype.kind in "fiub"
    if not is_number or entry.shape[-1:] != (size,):
        got = list(entry.shape) if is_number else reprlib.repr(value)
        raise UserError(f"expected '{key}' to have {size} numbers, got {got}")
    with np.errstate(over="ignore"):  # networks are float32
        finite = np.isfinite(entry.astype(np.float32))
    if not finite.all():
        place = [int(i) for i in np.argwhere(~finite)[0]]
        raise UserError(f"expected '{key}' to have finite numbers, got {entry[tuple(place)]} at {place}")
    return entry if entry.dtype.kind == "f" else entry.astype(np.float64)


def _float32(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise UserError(f"array '{name}' is missing")
    if arrays[name].dtype != np.float32:
        raise UserError(f"array '{name}': expected float32, got {arrays[name].dtype}")
    return arrays[name]


def _is_policy(file: str) -> bool:
    try:
        return str(read_document(file).get("format")).startswith("baselines policy ")
    except UserError:
        return False


def _file_of(path: str) -> str:
    """Return the file that a user means by `path`. Raises UserError where there is none."""
    in_folder = os.path.isdir(path)
    file = os.path.join(path, _LATEST) if in_folder else path if os.path.exists(path) else path + SUFFIX
    if in_folder and os.path.islink(file):  # of a stranger, perhaps
        raise UserError(f"{file} is a link: give the file that it leads to")
    if os.path.exists(file):
        return file
    folder = path if in_folder else os.path.dirname(path)
    if any(os.path.exists(os.path.join(folder, part, "arrays.npz")) for part in ("", "latest")):
        raise UserError(f"{path} holds a policy of version 0.4.0 or older, which only those versions read")
    expected = f"a folder with {_LATEST}" if in_folder else f"a {SUFFIX} file or a folder of them"
    raise UserError(f"no policy at {path}: expected {expected}, as --save_path=DIR writes")
