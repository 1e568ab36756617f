"""Files of demonstrations."""

from baselines.her.demonstrations.files import read_demonstrations as read_demonstrations
from baselines.her.demonstrations.files import write_demonstrations as write_demonstrations
