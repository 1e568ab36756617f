"""A learner of HER as `baselines.her.train.learn` makes it, without a run around it."""

import os

from threadpoolctl import threadpool_limits

from baselines.common.mpi import Communicator
from baselines.common.seeding import RngStreams
from baselines.envs import make_vec_env
from baselines.her.ddpg import DDPG
from baselines.her.experiment.config import HERConfig
from baselines.her.exploration import Exploration, GaussianNoise, HeldRandomActions
from baselines.her.guide import make_guide
from baselines.her.replay_buffer import ReplayBuffer
from baselines.her.rollout import RolloutWorker
from baselines.her.types import Episodes
from baselines.runs.clock import Clock

ENV = "FetchPush-v1"


class Learner:
    """Environments, an agent, exploration and a buffer; `cycle` does the work of one cycle."""

    def __init__(self, num_env: int, config: HERConfig | None = None, comm: Communicator | None = None):
        """Make them with the settings of `baselines.run` without a preset, unless `config` is given."""
        comm = comm or Communicator()
        streams, seeds = RngStreams(0, comm.rank), [num_env * comm.rank + i for i in range(num_env)]
        self.env = make_vec_env(
            ENV, num_env, seeds, num_threads=comm.share_of_cores() if comm.size > 1 else os.cpu_count()
        )
        self.config = (config or HERConfig()).for_env(self.env.spec)
        spec, config = self.env.spec, self.config
        self.agent = DDPG(spec, config, streams.rng("weights", shared=True), comm)
        self.guide = make_guide(spec, config, num_env, streams.rng, comm, print)
        parts = {"noise": GaussianNoise(config), "held": HeldRandomActions(config, num_env, spec.action_size)}
        if self.guide:
            parts["guide"] = self.guide
        self.worker = RolloutWorker(self.env, Exploration(parts, streams.rng("exploration")), lambda epoch: seeds)
        self.buffer = ReplayBuffer(spec, config, config.buffer_size, self.env.compute_reward, streams.rng("replay"))
        self.clock = Clock()
        self.clock.start_epoch()

    def rollout(self) -> Episodes:
        """Play and store one episode in each environment."""
        episodes = self.worker.generate(self.agent.policy("main"))
        self.worker.end_epoch()  # drops the recorded actions
        self.buffer.store(episodes)
        return episodes

    def cycle(self) -> float:
        """Roll out, sample and update; return the number of environment steps."""
        with threadpool_limits(1, "blas"):  # as in training
            with self.clock.measure("rollout"):
                episodes = self.rollout()
            with self.clock.measure("sample"):
                self.agent.update_normalizers(self.buffer.sample_from(episodes))
                batches = self.buffer.sample(self.config.n_batches, self.config.batch_size)
            with self.clock.measure("train"):
                self.agent.train(batches)
                self.agent.end_cycle()
                if self.guide:
                    self.guide.train(self.buffer, episodes)
        return episodes.num_steps
