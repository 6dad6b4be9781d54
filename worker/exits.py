"""How a worker's process ends, for its supervisor to read: exit codes. Knows nothing else."""

EXIT_BROKEN = 70  # it cannot go on (a sticky CUDA error, say)
EXIT_REPLACE = 75  # a new one would serve better; nothing that it ran is to blame
EXIT_UNUSABLE = 78  # it would end the same way again (no model, a bad setting)
