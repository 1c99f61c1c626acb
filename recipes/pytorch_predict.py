# A PyTorch classifier as a worker of brink; see pytorch_worker.lua. Try it alone: it says how it is started.
# Put your own network and preprocessing in; what predict returns is the label. SPDX-License-Identifier: MIT
from brink_worker import serve

import hashlib
import os
import sys

try:
    import numpy
    import torch
except ImportError as e:
    sys.exit("pytorch_predict.py: %s; install PyTorch and numpy for %s (apt install python3-torch, or pip install torch numpy), "
             "or name the Python that has them: PYTHON=/path/to/python3" % (e, sys.executable))

torch.set_num_threads(1)  # as many workers as there are cores run at a time
WEIGHTS = os.environ.get("WEIGHTS")  # a TorchScript file made by torch.jit.save
NAMES = ["dark", "bright"]


class Brightness(torch.nn.Module):
    """What stands here without WEIGHTS: a network of one neuron that tells dark pictures from bright ones."""

    def forward(self, x):
        mean = x.mean(dim=(1, 2, 3))
        return torch.stack([0.5 - mean, mean - 0.5], dim=1) * 20


network = torch.jit.load(WEIGHTS).eval() if WEIGHTS else Brightness().eval()


def predict(images):
    x = numpy.asarray(images)
    if x.dtype == numpy.uint8:
        x = x.astype(numpy.float32) / 255
    x = torch.from_numpy(x[..., :3]).permute(0, 3, 1, 2)  # N x 3 x H x W in 0..1
    with torch.no_grad():
        p = torch.softmax(network(x), dim=1)
    best = p.argmax(dim=1)
    return [(NAMES[k] if k < len(NAMES) else k, float(p[n, k])) for n, k in enumerate(best.tolist())]


version = WEIGHTS and hashlib.sha256(open(WEIGHTS, "rb").read()).hexdigest()[:16]
serve(predict, batch=8, name="pytorch", version=version)
