# A model in Python for brink: one file, no dependencies (numpy is used when it is there).
#
#     from brink_worker import serve
#
#     def predict(image):          # numpy array, height x width x channels, uint8 (or float32 in 0..1)
#         return "cat"             # a label; or ("cat", 0.93), label and confidence in 0..1
#
#     serve(predict)
#
# Run it with   brink.model{ process = {"python3", "predict.py"} }   in a recipe. Printing is fine: it goes to standard
# error (import this file before what prints while it loads). An exception in predict is that image's failure, with its reason; the worker goes on. serve returns when brink
# has no more questions. The protocol is in engine/model/PROTOCOL.md.
#
# SPDX-License-Identifier: MIT
import json
import math
import mmap
import os
import signal
import struct
import sys
import traceback

try:
    import numpy
except ImportError:
    numpy = None

PROTOCOL = 1
SHARED_FD = 3


class Image:
    """A picture where there is no numpy: pixels row by row, channels interleaved."""

    def __init__(self, data, shape, dtype):
        self.data, self.shape, self.dtype = data, shape, dtype

    def __getitem__(self, at):
        y, x, c = at
        h, w, n = self.shape
        if not (0 <= y < h and 0 <= x < w and 0 <= c < n):
            raise IndexError("pixel (%d, %d, %d) of a picture of %d x %d x %d" % (y, x, c, h, w, n))
        i = (y * w + x) * n + c
        return self.data[i] if self.dtype == "u8" else struct.unpack_from("<f", self.data, 4 * i)[0]

    def tobytes(self):
        return bytes(self.data)


def _pictures(payload, shape, dtype):
    """The batch as an array (B, H, W, C), or as a list of Image."""
    if numpy is not None:
        kind = numpy.uint8 if dtype == "u8" else numpy.dtype("<f4")
        return numpy.frombuffer(payload, kind).reshape(shape).copy()
    b, (h, w, c) = shape[0], shape[1:]
    n = h * w * c * (1 if dtype == "u8" else 4)
    return [Image(payload[k * n:(k + 1) * n], (h, w, c), dtype) for k in range(b)]


def _plain(value):
    """What JSON can hold. Raises ValueError for numbers that are not finite."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("the answer holds a number that is not finite: %r" % value)
        return value
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):  # numpy and torch
        return _plain(value.tolist())
    raise TypeError("an answer of type %s; expected text, number, bool, list or dict" % type(value).__name__)


def _answer(value):
    """(label, confidence or None) of what predict returned."""
    if isinstance(value, tuple) and len(value) == 2:
        label, sure = value[0], _plain(value[1])
        if isinstance(sure, (int, float)) and not isinstance(sure, bool):
            return _plain(label), float(sure)
    return _plain(value), None


def _reason(error):
    where = ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if os.path.abspath(frame.filename) != os.path.abspath(__file__):
            where = " (%s:%d)" % (os.path.basename(frame.filename), frame.lineno)
            break
    return "%s: %s%s" % (type(error).__name__, error, where)


def _predict(predict, pictures, batch):
    """The fields of the answer."""
    results, sures, errors = [], [], []
    values = list(predict(pictures)) if batch > 1 else None
    if values is not None and len(values) != len(pictures):
        return {"error": "predict returned %d answers for a batch of %d" % (len(values), len(pictures))}
    for k in range(len(pictures)):
        label = sure = error = None
        try:
            label, sure = _answer(predict(pictures[k]) if values is None else values[k])
        except Exception as e:
            traceback.print_exc()
            error = _reason(e)
        results.append(label)
        sures.append(sure)
        errors.append(error)
    fields = {"result": results}
    if any(s is not None for s in sures):
        fields["confidence"] = sures
    if any(e is not None for e in errors):
        fields["errors"] = errors
    return fields


class _Pipe:
    """Frames: u32le length of a JSON header, the header, header["bytes"] bytes."""

    def __init__(self):
        self.reader = os.fdopen(os.dup(0), "rb")
        self.out = os.dup(1)
        self.shared = None
        # from now on, what user code and libraries print does not come between the frames
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

    def _exactly(self, n):
        data = self.reader.read(n)
        return data if len(data) == n else None

    def read(self):
        """(header, payload), or None at the end."""
        size = self._exactly(4)
        text = self._exactly(struct.unpack("<I", size)[0]) if size else None
        if text is None:
            return None
        header = json.loads(text.decode("utf-8"))
        if header.get("shared"):
            return header, self._shared(header["shared"])
        payload = self._exactly(header.get("bytes", 0))
        return None if payload is None else (header, payload)

    def _shared(self, n):
        if self.shared is None or len(self.shared) < n:
            self.shared = mmap.mmap(SHARED_FD, 0, mmap.MAP_SHARED, mmap.PROT_READ)
        view = memoryview(self.shared)[:n]
        return view if numpy is not None else bytes(view)

    def write(self, header):
        text = json.dumps(header, allow_nan=False).encode("utf-8")
        data = memoryview(struct.pack("<I", len(text)) + text)
        while data:
            data = data[os.write(self.out, data):]


def _end_with_parent():
    """Linux: die when brink does, also in the middle of a long computation."""
    try:
        import ctypes
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    except Exception:
        pass


_pipe = _Pipe() if os.environ.get("BRINK_WORKER") == "1" else None


def serve(predict, batch=1, name=None, version=None):
    """Answer brink's questions until there are no more.

    predict: with batch = 1, function(image) -> answer; with batch > 1, function(images) -> list of as many answers,
        where images is an array (B, H, W, C), B <= batch (a list without numpy). An answer is a label (text, number,
        bool, list, dict, array) or a tuple (label, confidence).
    name, version: part of the model's identity in a study: change version when the weights change.
    """
    if not callable(predict):
        raise TypeError("serve(predict): a function expected, got %s" % type(predict).__name__)
    if _pipe is None:
        sys.stderr.write("brink_worker: this program is started by brink: brink.model{ process = {\"python3\", \"%s\"} }\n" % sys.argv[0])
        sys.exit(2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    pipe = _pipe
    hello = {"brink": PROTOCOL, "name": name or os.path.basename(sys.argv[0]), "batch": batch, "shared": True}
    if version is not None:
        hello["version"] = str(version)
    pipe.write(hello)
    while True:
        frame = pipe.read()
        if frame is None:
            return
        header, payload = frame
        reply = {"id": header.get("id")}
        try:
            if header.get("op") != "predict":
                raise ValueError("no such operation: %r" % (header.get("op"),))
            reply.update(_predict(predict, _pictures(payload, header["shape"], header["dtype"]), batch))
        except Exception as e:
            traceback.print_exc()
            reply = {"id": header.get("id"), "error": _reason(e)}
        pipe.write(reply)
