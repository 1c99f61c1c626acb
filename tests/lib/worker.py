# A worker that misbehaves on demand, speaking the protocol by hand: worker.py BEHAVIOUR [ARGUMENT]. A picture whose
# first sample is 99 sets it off; any other gets its first sample as answer. SPDX-License-Identifier: MIT
import os, sys, time  # little more: it is started hundreds of times

what = sys.argv[1] if len(sys.argv) > 1 else "good"
argument = sys.argv[2] if len(sys.argv) > 2 else ""
stdin, stdout = sys.stdin.buffer, sys.stdout.buffer


def write(raw):
    stdout.write(raw)
    stdout.flush()


def frame(header, text=None):
    text = (str(header).replace("'", '"').replace("True", "true").replace("None", "null") if text is None else text).encode()
    return len(text).to_bytes(4, "little") + text


def fields(text):
    """The header as brink writes it."""
    names = {"true": True}
    return eval(text.decode(), names)


def exactly(n):
    data = stdin.read(n)
    if len(data) < n:
        sys.exit(0)
    return data


def once():
    """True the first time, over all processes."""
    try:
        os.close(os.open(argument, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def bad(header):
    good = frame({"id": header["id"], "result": ["good"]})
    if what == "crash": os.kill(os.getpid(), 11)
    elif what == "crash once":
        if once(): os.kill(os.getpid(), 9)
        write(good)
    elif what == "tell":
        write(good)
        once()
    elif what == "raise": raise RuntimeError("no such thing as a dog")
    elif what == "exit 0": sys.exit(0)
    elif what == "hang": time.sleep(600)
    elif what == "hang once":
        if once(): time.sleep(600)
        write(good)
    elif what == "ignore SIGTERM":
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True: time.sleep(600)
    elif what == "garbage": write(b"Epoch 1/10: loss 0.1\n" * 50)
    elif what == "half frame":
        write(good[:len(good) // 2])
        sys.exit(0)
    elif what == "half frame and hang":
        write(good[:len(good) // 2])
        time.sleep(600)
    elif what == "1 GB header": write((1 << 30).to_bytes(4, "little") + b"{")
    elif what == "1 GB body": write(frame({"id": header["id"], "bytes": 1 << 30}))
    elif what == "endless body":
        write(frame({"id": header["id"], "bytes": 100 << 20}))
        while True:
            write(b"x" * 1000)
            time.sleep(0.01)
    elif what == "extra output": write(good + b"done\n")
    elif what == "stderr flood":
        for _ in range(200): os.write(2, b"warning: deprecated\n" * 400)
        write(good)
    elif what == "fork":
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        sys.exit(1)
    elif what == "wrong id": write(frame({"id": header["id"] + 7, "result": ["good"]}))
    elif what == "no id": write(frame({"result": ["good"]}))
    elif what == "NaN": write(frame(None, '{"id":%d,"result":[NaN]}' % header["id"]))
    elif what == "too large": write(frame(None, '{"id":%d,"result":[{"box":[1e999,2]}]}' % header["id"]))
    elif what == "wrong count": write(frame({"id": header["id"], "result": ["good", "good"]}))
    elif what == "no list": write(frame({"id": header["id"], "result": {"a": 1}}))
    elif what == "null": write(frame({"id": header["id"], "result": [None]}))
    elif what == "not JSON": write(frame(None, "{'id': 1, 'result': ['good']}"))
    elif what == "closes stdout":
        os.close(1)
        time.sleep(600)
    elif what == "error": write(frame({"id": header["id"], "error": "cannot see this"}))
    elif what == "errors": write(frame({"id": header["id"], "result": [None], "errors": ["cannot see this one"]}))
    else: write(good)


if what == "no hello": time.sleep(600)
if what == "dies at start": sys.exit("no weights here")
if what == "slow start": time.sleep(1.5)
if what == "two hellos": write(frame({"brink": 1}) + frame({"brink": 1}))
elif what == "old": write(frame({"brink": 0}))
elif what == "new": write(frame({"brink": 2}))
elif what == "prints first": write(b"loading model ...\n")
else: write(frame({"brink": 1, "name": "double", "batch": 4, "shared": True} if what == "shared" else {"brink": 1, "name": "double", "batch": 4}))
while True:
    header = fields(exactly(int.from_bytes(exactly(4), "little")))
    b, h, w, c = header["shape"]
    if header.get("shared"):
        data = os.pread(3, header["shared"], 0)
    else:
        data = exactly(header["bytes"])
    firsts = [data[k * h * w * c] for k in range(b)]
    if 99 in firsts and what not in ("good", "shared"):
        bad(header)
    else:
        write(frame({"id": header["id"], "result": firsts}))
