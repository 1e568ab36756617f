"""Files of demonstrations, and what training uses of them."""

from baselines.her.demonstrations.files import read_demonstrations as read_demonstrations
from baselines.her.demonstrations.files import write_demonstrations as write_demonstrations
