"""What pip needs to know."""

import re

from setuptools import find_packages, setup

with open("baselines/__init__.py", encoding="utf-8") as file:
    version = re.search(r'__version__ = "(.+)"', file.read()).group(1)

# Where EnvPool publishes wheels; elsewhere Gymnasium steps the environments.
envpool_wheels = (
    "(sys_platform == 'linux' and (platform_machine == 'x86_64' or platform_machine == 'aarch64'))"
    " or (sys_platform == 'darwin' and platform_machine == 'arm64')"
)

# properdocs build. ruff writes a line for each argument of the signatures.
docs = ["properdocs>=1.6,<2", "mkdocs-materialx>=10.2,<11", "mkdocstrings[python]>=1,<2", "ruff>=0.14"]

setup(
    name="baselines-her",
    version=version,
    description="Hindsight Experience Replay (DDPG + HER) on TensorFlow 2",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["baselines", "baselines.*"]),
    package_data={"baselines": ["py.typed"]},
    install_requires=[
        "tensorflow>=2.20,<3",
        "tensorboard>=2.20,<3",  # tf.summary writes through it
        "numpy>=1.26",
        "safetensors>=0.8",  # policies and checkpoints; the first that writes arrays without copying them
        "gymnasium>=1.2,<2",
        # The tests hold its reset poses; another release may move them.
        "gymnasium-robotics==1.4.2",
        # 3.3 leaves the gripper 2 to 3 mm lower at reset. From 3.7 on the Fetch robot settles elsewhere (Push: x of the
        # gripper 1.3630 instead of 1.3455), which shifts the task; from 3.12 on Gymnasium-Robotics 1.4.2 fails.
        "mujoco>=3.4,<3.7",
        # Exactly this one: its reset poses are corrected in vec_env/envpool_env.py.
        f"envpool==1.2.5; {envpool_wheels}",
        "mpi4py>=4.1",  # its wheels find the MPI that runs the job, and are not loaded without one
        "moviepy>=2.1",  # Gymnasium's RecordVideo needs it
        "threadpoolctl>=3.5",
        "tqdm>=4.66",
    ],
    extras_require={
        "mpi": ["mpich>=5"],  # an MPI runtime as a wheel, for machines that have none
        "gpu": ["tensorflow[and-cuda]>=2.20,<3"],
        "minari": ["minari[hdf5]>=0.5"],  # --demo_file=minari:NAME
        "onnx": ["onnx>=1.18"],  # python -m baselines.export --format=onnx; the first with wheels for Python 3.13
        "tflite": ["ai-edge-litert>=2"],  # runs what --format=tflite makes; the converter is TensorFlow's
        # python -m baselines.tune. From 5 on the sampler knows of trials that still run elsewhere; 6 drops parts of it.
        "tune": ["optuna==5.*"],
        # --env=gym:module:Id. Both are the last releases; Shimmy's bridge to old gym wants just this one.
        "gym": ["gym==0.26.2", "shimmy==2.0.1"],
        # Environments of others, on which docs/environments.md shows what is learnt; exactly those of the figures.
        "examples": ["panda-gym==3.0.7", "highway-env==1.12.1"],
        # --wandb_project. The first that `baselines` was tried with: it may not ask for a key, nor wait without end.
        "wandb": ["wandb>=0.31"],
        "plot": ["matplotlib>=3.8", "scipy>=1.15"],  # python -m baselines.plot, python -m baselines.compare
        "benchmarks": ["matplotlib>=3.8", "scipy>=1.15"],  # python -m benchmarks.reproduce
        "docs": docs,
        "test": [
            *("pytest>=8", "pytest-xdist>=3.6", "hypothesis>=6", "matplotlib>=3.8", "mpich>=5", "minari[hdf5]>=0.5"),
            *("onnx>=1.18", "onnxruntime>=1.20", "ai-edge-litert>=2", "optuna==5.*", "wandb>=0.31"),
            *("gym==0.26.2", "shimmy==2.0.1", "panda-gym==3.0.7", "highway-env==1.12.1"),
            *("scipy>=1.15", "mypy>=1.18", "types-tqdm", "ruff>=0.14", "cffconvert==2.0.0"),
            *(*docs, "nbclient>=0.10", "ipykernel>=6"),
        ],
    },
)
