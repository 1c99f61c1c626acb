"""brink and its peers side by side: sides.py BRINK [--json] [--shape 512x512x3:u8]... [NAME...]

Every case is timed in turns, one library after the other, several times over, all on one thread and the same pictures;
CPU time, so that neighbours on the machine matter less. A ratio above 1 means that brink is faster than the best peer:
the least time of each side, and in brackets the middle of the ratios of each turn. SPDX-License-Identifier: MIT"""
import json
import os
import subprocess
import sys
import tempfile
import time

import peers

TURNS, SECONDS = 9, 0.012
SHAPES = ["512x512x3:u8", "224x224x3:u8", "1920x1080x3:u8", "512x512x1:u8", "512x512x4:u8", "512x512x3:f32"]


class Brink:
    def __init__(self, program, folder):
        here = os.path.dirname(os.path.abspath(__file__))
        self.p = subprocess.Popen([program, os.path.join(here, "prims.lua"), "--serve", folder], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, *words):
        print(*words, file=self.p.stdin, flush=True)
        return self.p.stdout.readline().strip()


def load(folder, n, c, f32):
    import cv2
    import numpy as np
    images = [cv2.imread(f"{folder}/{i}.png", cv2.IMREAD_UNCHANGED) for i in range(1, n + 1)]
    images = [np.ascontiguousarray(im[..., 2::-1] if c == 3 else im) for im in images]
    return [im.astype(np.float32) / 255 for im in images] if f32 else images


def timed(images, fn):
    start, n = time.process_time(), 0
    while True:
        for im in images:
            fn(im)
        n += len(images)
        spent = time.process_time() - start
        if spent >= SECONDS:
            return spent / n


def libraries(shape, arrays):
    """(name, function, pictures) by case name"""
    found = {}
    for library in peers.LIBRARIES:
        try:
            name, convert, cases = library(*shape)
        except ImportError:
            continue
        images = [convert(a) for a in arrays]
        for case, fn in cases.items():
            found.setdefault(case, []).append((name, fn, images))
    return found


def compare(brink, case, others):
    for _, fn, images in others:
        fn(images[0])  # warm, and an exception here and now
    turns = []
    for _ in range(TURNS):
        ours = float(brink.ask("time", case, SECONDS))
        turns.append([ours] + [timed(images, fn) for _, fn, images in others])
    least = [min(t) for t in zip(*turns)]
    best = min(range(1, len(least)), key=lambda k: least[k])
    middle = sorted(t[best] / t[0] for t in turns)[TURNS // 2]
    return {"name": case, "ms": least[0] * 1000, "peer": others[best - 1][0], "peer_ms": least[best] * 1000,
            "ratio": least[best] / least[0], "median_ratio": middle,
            "others": {name: t * 1000 for (name, _, _), t in zip(others, least[1:])}}


def table(rows):
    for r in rows:
        others = "  ".join(f"{n} {t:.3f}" for n, t in r["others"].items() if n != r["peer"])
        print(f"{r['name']:<22} {r['ms']:9.3f} {r['peer_ms']:9.3f} {r['ratio']:7.2f} ({r['median_ratio']:.2f})  {r['peer']}  {others}", flush=True)


def main(args):
    as_json = "--json" in args
    args = [a for a in args if a != "--json"]
    program, args, shapes, wanted = args[0], args[1:], [], []
    while args:
        a = args.pop(0)
        shapes.append(args.pop(0)) if a == "--shape" else wanted.append(a)
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        brink = Brink(program, folder)
        for text in shapes or SHAPES:
            size, kind = text.split(":")
            w, h, c = map(int, size.split("x"))
            n = int(brink.ask("open", w, h, c, kind))
            found = libraries((w, h, c, kind == "f32"), load(folder, n, c, kind == "f32"))
            rows = result[text] = []
            if not as_json:
                print(f"\n{text:<22} {'brink ms':>9} {'best ms':>9} {'ratio':>7}")
            for case in found:
                if not wanted or case in wanted:
                    rows.append(compare(brink, case, found[case]))
                    if not as_json:
                        table(rows[-1:])
    if as_json:
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
