#!/usr/bin/python3
"""Train the nets of the examples: a classifier, a detector and a counter of things the engine draws.

    build/brink examples/train/data.lua build/train        # pictures and labels, a few minutes
    /usr/bin/python3 examples/train/train.py build/train   # a few minutes per net on two cores

    train.py DATA [OUT] [--only shapes|scenes|dots] [--epochs N] [--threads N]
             OUT: examples/models

Needs PyTorch (python3-torch of the distribution, 1.13 on) and NumPy. Writes shapes.onnx, shapes_detector.onnx, dots.onnx (opset
13, float32, any number of pictures at once) and classes.json. Every net takes RGB in 0..1, N x 3 x side x side.

They learn from clean pictures, moved and lit a little differently, and nothing else: right on what is drawn, and with nothing
to fall back on when a picture is blurred, noisy or recoloured. That is what a search is to find.
SPDX-License-Identifier: MIT
"""
import argparse
import json
import os

import numpy
import torch
from torch import nn
from torch.nn import functional as F

CLASSES = ["circle", "square", "triangle", "star", "cross"]  # as examples/draw.lua has them
GRID = 12  # cells of the detector along a side


def block(inputs, outputs, stride=1, size=3):
    """Convolution, normalisation, ReLU. The normalisation is folded into the convolution on export."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Classifier(nn.Module):
    """3 x 64 x 64 -> a score per class."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            block(3, 16, 2, 5), nn.MaxPool2d(2), block(16, 32), nn.MaxPool2d(2), block(32, 48), block(48, 64))
        self.head = nn.Linear(64, len(CLASSES))

    def forward(self, image):
        return self.head(self.features(image).mean((2, 3)))


class Detector(nn.Module):
    """3 x 96 x 96 -> boxes N x 144 x 4 (x0 y0 x1 y1 in 0..1) and scores N x 144 x classes, a row for each cell of a 12 x 12 grid.

    A cell answers for the object whose centre lies in it: where in (and a little around) the cell the centre is, the size as
    a multiple of a typical one, and a probability per class. No anchors; neighbours that answer too go by suppression (NMS).
    """

    TYPICAL = 0.25

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            block(3, 16, 2, 5), nn.MaxPool2d(2), block(16, 24), block(24, 40, 2), block(40, 56), block(56, 56))
        self.head = nn.Conv2d(56, 4 + len(CLASSES), 1)
        nn.init.constant_(self.head.bias[4:], -4.0)  # most cells are empty
        at = (torch.arange(GRID) + 0.5) / GRID
        y, x = torch.meshgrid(at, at, indexing="ij")
        self.register_buffer("centres", torch.stack([x.reshape(-1), y.reshape(-1)], 1))

    def raw(self, image):
        """Boxes, and class scores before the sigmoid."""
        out = self.head(self.features(image)).flatten(2).transpose(1, 2)
        middle = self.centres + torch.tanh(out[..., 0:2]) / GRID
        half = torch.exp(out[..., 2:4].clamp(-3, 1.3)) * (self.TYPICAL / 2)
        return torch.cat([middle - half, middle + half], -1), out[..., 4:]

    def forward(self, image):
        boxes, scores = self.raw(image)
        return boxes, torch.sigmoid(scores)


class Counter(nn.Module):
    """3 x 64 x 64 -> a number: a map of "how much of a dot is here", summed."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            block(3, 16, 2, 5), block(16, 24), block(24, 24), nn.Conv2d(24, 1, 1))

    def forward(self, image):
        return F.softplus(self.features(image) - 4).sum((2, 3))


def classify_loss(net, images, labels):
    return F.cross_entropy(net(images), labels, label_smoothing=0.05)


def overlap(a, b):
    """IoU of boxes, row by row."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    common = (high - low).clamp(min=0).prod(1)
    return common / ((a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - common)


def detect_loss(net, images, labels):
    """The centre's cell learns class and box; the eight around it are left in peace, all others learn to be empty."""
    boxes, scores = net.raw(images)
    n = len(images)
    picture, box, kind = labels[:, 0].long(), labels[:, 2:6], labels[:, 1].long()
    column, row = (((box[:, i] + box[:, i + 2]) / 2 * GRID).long().clamp(0, GRID - 1) for i in (0, 1))
    near = torch.zeros(n, 1, GRID, GRID)
    near[picture, 0, row, column] = 1
    near = F.max_pool2d(near, 3, 1, 1).reshape(n, GRID * GRID, 1)
    want = torch.zeros_like(scores)
    cell = row * GRID + column
    want[picture, cell, kind] = 1
    p = torch.sigmoid(scores)
    hard = torch.where(want > 0, 1 - p, p) ** 2  # focal: what is known already counts little
    own = want.amax(2, keepdim=True)
    weight = torch.where(own > 0, torch.ones(()), 1 - near) * hard
    found = (weight * F.binary_cross_entropy_with_logits(scores, want, reduction="none")).sum()
    mine = boxes[picture, cell]
    place = (1 - overlap(mine, box)).sum() + 4 * (mine - box).abs().sum()
    return (2 * found + place) / max(1, len(labels))


def count_loss(net, images, labels):
    return F.smooth_l1_loss(net(images)[:, 0], labels, beta=0.5)


def varied(images, labels, boxes):
    """One of the eight turns and flips for the whole batch, a shift of the light of up to a tenth."""
    turn = int(torch.randint(8, ()))
    x0, y0, x1, y1 = labels[:, 2:6].unbind(1) if boxes else (None,) * 4
    if turn & 1:
        images = images.flip(3)
        if boxes:
            x0, x1 = 1 - x1, 1 - x0
    if turn & 2:
        images = images.flip(2)
        if boxes:
            y0, y1 = 1 - y1, 1 - y0
    if turn & 4:
        images = images.transpose(2, 3)
        if boxes:
            x0, y0, x1, y1 = y0, x0, y1, x1
    if boxes:
        labels = torch.cat([labels[:, :2], torch.stack([x0, y0, x1, y1], 1)], 1)
    light = 1 + 0.1 * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    return (images * light).clamp(0, 1), labels


def load(folder, name, part, side):
    """Pictures as bytes, and labels as a tensor; of boxes, a row for each: picture, class, corners."""
    images = torch.from_numpy(numpy.fromfile("%s/%s.%s.bin" % (folder, name, part), numpy.uint8).reshape(-1, 3, side, side))
    with open("%s/%s.%s.json" % (folder, name, part)) as file:
        labels = json.load(file)
    if name == "scenes":
        return images, torch.tensor([[k] + box for k, boxes in enumerate(labels) for box in boxes])
    return images, torch.tensor(labels, dtype=torch.long if name == "shapes" else torch.float32)


def take(labels, picked, boxes):
    """The labels of some pictures; boxes get the picture's place in the batch."""
    if not boxes:
        return labels[picked]
    match = labels[:, :1] == picked
    rows = match.any(1)
    return torch.cat([match[rows].long().argmax(1, keepdim=True).float(), labels[rows, 1:]], 1)


def train(net, loss, data, epochs, boxes, batch=32, rate=4e-3):
    images, labels = data
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-3)
    steps = (len(images) // batch) * epochs
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.2)
    net.train()
    for epoch in range(epochs):
        total = 0.0
        for picked in torch.randperm(len(images))[: len(images) // batch * batch].reshape(-1, batch):
            x, y = varied(images[picked].float() / 255, take(labels, picked, boxes), boxes)
            value = loss(net, x, y)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            plan.step()
            total += float(value)
        print("  epoch %d: loss %.4f" % (epoch + 1, total * batch / len(images)), flush=True)
    net.eval()


def held_out(name, net, data):
    """A line on how good the net is on pictures it has not seen."""
    images, labels = data
    with torch.no_grad():
        out = net(images.float() / 255)
    if name == "shapes":
        return "%.1f %% right" % (100 * float((out.argmax(1) == labels).float().mean()))
    if name == "dots":
        return "off by %.2f on average" % float((out[:, 0] - labels).abs().mean())
    boxes, scores = out
    best = []
    for picture, kind, *box in labels.tolist():
        mine = boxes[int(picture)][scores[int(picture), :, int(kind)] >= 0.4]
        best.append(float(overlap(mine, torch.tensor([box])).max()) if len(mine) else 0.0)
    return "best IoU of right class %.3f on average, %.1f %% of the objects missed" % (
        sum(best) / len(best), 100 * sum(v < 0.5 for v in best) / len(best))


NETS = {  # data: net, loss, side, epochs, file, outputs
    "shapes": (Classifier, classify_loss, 64, 12, "shapes.onnx", ["scores"]),
    "scenes": (Detector, detect_loss, 96, 14, "shapes_detector.onnx", ["boxes", "scores"]),
    "dots": (Counter, count_loss, 64, 10, "dots.onnx", ["count"]),
}


def export(net, side, path, outputs):
    names = ["image"] + outputs
    torch.onnx.export(net, torch.zeros(2, 3, side, side), path, opset_version=13, input_names=["image"], output_names=outputs,
                      dynamic_axes={name: {0: "batch"} for name in names}, do_constant_folding=True)
    print("%s: %d bytes" % (path, os.path.getsize(path)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("out", nargs="?", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models"))
    parser.add_argument("--only", choices=list(NETS))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.makedirs(args.out, exist_ok=True)
    for name, (make, loss, side, epochs, file, outputs) in NETS.items():
        if args.only in (None, name):
            torch.manual_seed(1)
            net = make()
            print("%s: %d weights" % (name, sum(p.numel() for p in net.parameters())))
            train(net, loss, load(args.data, name, "train", side), args.epochs or epochs, name == "scenes")
            print("held out: " + held_out(name, net, load(args.data, name, "held", side)))
            export(net, side, os.path.join(args.out, file), outputs)
    with open(os.path.join(args.out, "classes.json"), "w") as file:
        file.write(json.dumps(CLASSES) + "\n")


if __name__ == "__main__":
    main()
