"""Words of OpenAI Baselines, Stable-Baselines3, the RL Zoo and CleanRL, and what to use here instead."""

from collections.abc import Iterable

from baselines.common.errors import nearest

LOG_FOLDER_VARIABLE = "OPENAI_LOGDIR"

# Words of others for what is done otherwise here.
_INSTEAD = {
    "num_cpu": "for N workers: mpirun -np N python -m baselines.run ...",
    "use_mpi": "mpirun starts workers, leave it out",
    "env_type": "the environment's name is enough, leave it out",
    "gamestate": "Retro games are not supported, leave it out and give a Gymnasium --env",
    "reward_scale": "rewards are not scaled, use gymnasium.wrappers.TransformReward",
    "override_params": "give each setting as its own flag, --setting=value",
    "network_class activation layer_norm policy": "networks are shaped by settings such as --layers or --num_hidden",
    "scope reuse estimate_q": "not needed here, omit it",
    "log_interval eval_freq": "each epoch is evaluated and logged, set n_cycles (cycles per epoch)",
    "learning_starts": "not needed, the first cycle collects episodes before it learns",
    "device cuda": "TensorFlow uses a GPU where it finds one, leave it out",
    "torch_deterministic": "the same seed gives the same numbers, leave it out",
    "progress progress_bar": "a terminal shows a bar, leave it out",
    "optimize optimize_hyperparameters": "python -m baselines.tune searches settings",
    "replay_buffer_class": "goals are always relabelled; --replay_strategy=none switches that off",
    "list_envs": "python -m baselines.environments lists environments",
    "bootstrap_terminated": "use --terminated_value=bootstrap",
    "render": "python -m baselines.play opens a window, or records a video where there is no display",
}
# Words of others for settings; only those settings that the command or algorithm has are named.
_RENAMED = {
    "Q_lr pi_lr lr": "learning_rate lr lr_actor lr_critic actor_lr critic_lr policy_lr value_lr",
    "polyak": "tau soft_update_coef",
    "target_interval": "target_update_interval target_network_frequency",
    "n_batches": "gradient_steps train_freq train_frequency policy_frequency n_updates utd_ratio",
    "replay_k": "n_sampled_goal n_sampled_goals her_k future_k",
    "replay_strategy": "goal_selection_strategy her_strategy",
    "layers hidden num_layers num_hidden": "policy_kwargs net_arch hidden_dim hidden_size hidden_sizes",
    "noise_eps random_eps": "action_noise exploration_noise noise_std noise_type policy_noise",
    "buffer_size": "replay_buffer_size memory_size replay_size",
    "batch_size nminibatches": "minibatch_size batch_size num_minibatches",
    "gamma": "discount discount_factor",
    "lam": "gae_lambda",
    "cliprange": "clip_range clip_coef clip_ratio",
    "clip_value": "clip_vloss clip_range_vf",
    "nsteps": "n_steps num_steps",
    "noptepochs": "update_epochs",
    "lr_schedule lr_final": "anneal_lr",
    "normalize_observations": "normalize normalize_obs norm_obs",
    "n_test_rollouts n_test_episodes episodes": "n_eval_episodes eval_episodes num_eval_episodes n_test_rollouts",
    "num_env": "n_envs num_envs n_env nenv rollout_batch_size",
    "num_timesteps timesteps": "total_timesteps n_timesteps timesteps total_steps max_steps max_timesteps steps",
    "alg": "algo algorithm agent",
    "env": "env_id env_name environment task",
    "log_path": "logdir log_dir log_folder exp_name tensorboard_log output_dir",
    "load_path": "trained_agent policy_file policy_path model_path checkpoint",
    "save_path": "save_model model_dir save_dir",
    "checkpoint_interval policy_save_interval": "save_freq save_frequency save_interval checkpoint_freq",
    "wandb_project": "track wandb wandb_project_name wandb_entity",
    "save_video_interval video": "capture_video record_video",
    "config": "conf_file hyperparams hyperparameters config_file yaml_file",
    "env_kwargs": "env_args make_kwargs",
    "reward_info": "copy_info_dict",
    "jobs": "n_jobs workers num_workers",
    "n_seeds": "num_seeds",
    "quiet": "verbose",
}
_NOTES = {"polyak": "which is 1 - tau", "n_batches": "updates after each num_env episodes"}


def hint(name: str, known: Iterable[str]) -> str:
    """Return what to use instead of the unknown flag `name`, or the nearest known ones, or the empty string."""
    known = list(known)
    for ours, theirs in _RENAMED.items():
        here = [new for new in ours.split() if new in known]
        if here and name in theirs.split():
            note = f" ({_NOTES[here[0]]})" if here[0] in _NOTES else ""
            return f": use {' and '.join(f'--{new}' for new in here)}{note}"
    return next((f": {answer}" for words, answer in _INSTEAD.items() if name in words.split()), nearest(name, known))
