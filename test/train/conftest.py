"""As the training does: more threads of torch only wait for each other."""

import torch

torch.set_num_threads(1)
