# A model server on loopback that speaks the Open Inference Protocol v2, well or badly: server.py [json] [ipv6] [tls CERTIFICATE KEY].
# Prints its port and process number; ends with the process that started it. The model's name says what goes wrong when a
# picture's first value is 99. Every model but the special ones has an input x (UINT8, 1 x 2 x 2 x 3, NHWC) and answers with the
# first value: scores (FP32, four of them, first % 4 is the largest) or, for "texts", label (BYTES). SPDX-License-Identifier: MIT
import http.server, json, os, socket, struct, sys, threading, time, zlib

BINARY = "json" not in sys.argv[1:]
seen, lock = {}, threading.Lock()
counts = {"connections": 0, "infer": 0}


def times(key):
    with lock:
        seen[key] = seen.get(key, 0) + 1
        return seen[key]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a): pass

    def setup(self):
        with lock: counts["connections"] += 1
        super().setup()

    def say(self, status, body, headers=()):
        if not isinstance(body, bytes): body = json.dumps(body).encode()
        self.send_response(status)
        for k, v in headers: self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/counts": return self.say(200, counts)
        if self.path == "/v2": return self.say(200, {"name": "double", "version": "1", "extensions": ["binary_tensor_data"] if BINARY else []})
        if self.path == "/v2/health/ready": return self.say(200, {"ready": True})
        name = self.path[len("/v2/models/"):].split("/")[0].replace("%20", " ")
        if name == "missing": return self.say(404, {"error": "no such model: missing"})
        described = {"name": name, "platform": "double", "inputs": [{"name": "x", "datatype": "UINT8", "shape": [-1, 2, 2, 3]}],
                     "outputs": [{"name": "scores", "datatype": "FP32", "shape": [-1, 4]}]}
        if name == "texts": described["outputs"] = [{"name": "label", "datatype": "BYTES", "shape": [-1]}]
        if name == "float": described["inputs"] = [{"name": "x", "datatype": "FP32", "shape": [-1, 3, 2, 2]}]
        if name == "undescribed": described = {"name": name}
        self.say(200, described)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock: counts["infer"] += 1
        assert "Expect" not in self.headers
        name = self.path[len("/v2/models/"):].split("/")[0].replace("%20", " ")
        split = self.headers.get("Inference-Header-Content-Length")
        head = json.loads(body[:int(split)] if split else body)
        x = head["inputs"][0]
        n = x["shape"][0]
        if split:
            raw = body[int(split):]
            assert len(raw) == x["parameters"]["binary_data_size"], "size"
            values = list(struct.unpack("<%df" % (len(raw) // 4), raw)) if x["datatype"] == "FP32" else list(raw)
        else:
            values = x["data"]
        firsts = [int(values[k * len(values) // n]) for k in range(n)]
        if name == "random 500" and zlib.crc32(body) % 10 < 2 and times(body) < 3: return self.say(500, {"error": "now and then"})
        if 99 in firsts and not self.bad(name, body): return
        if name == "texts":
            data, kind, shape = ["v%d" % v for v in firsts], "BYTES", [n]
            raw = b"".join(struct.pack("<I", len(d)) + d.encode() for d in data)
            out = "label"
        else:
            rows = [[1.0 if v % 4 == k else 0.0 for k in range(4)] for v in firsts]
            data, kind, shape, out = sum(rows, []), "FP32", [n, 4], "scores"
            raw = struct.pack("<%df" % len(data), *data)
        if name == "BF16": kind, raw = "BF16", b"".join(struct.pack("<f", v)[2:] for v in data)
        elif name == "FP16": kind, raw = "FP16", struct.pack("<%de" % len(data), *data)
        elif name == "INT8": kind, data, raw = "INT8", [int(v) - 1 for v in data], struct.pack("<%db" % len(data), *[int(v) - 1 for v in data])
        elif name == "BOOL": kind, data, raw = "BOOL", [v > 0 for v in data], bytes(int(v) for v in data)
        elif name == "nested": data = [data[4 * k:4 * k + 4] for k in range(n)]
        elif name == "token" and len(self.headers.get("Authorization", "")) != 5000: return self.say(401, {"error": "who are you?"})
        self.reply(out, kind, shape, data, raw, bool(split))
        if name == "closes": self.close_connection = True

    def reply(self, out, kind, shape, data, raw, binary):
        one = {"name": out, "datatype": kind, "shape": shape}
        if not binary:
            one["data"] = data
            if "/chunked/" in self.path: return self.chunks(json.dumps({"outputs": [one]}).encode())
            return self.say(200, {"model_name": "m", "outputs": [one]})
        one["parameters"] = {"binary_data_size": len(raw)}
        text = json.dumps({"model_name": "m", "outputs": [one]}).encode()
        self.say(200, text + raw, [("inference-header-content-length", str(len(text)))])

    def chunks(self, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for k in range(0, len(body), 7): self.wfile.write(b"%x;note=1\r\n%s\r\n" % (len(body[k:k + 7]), body[k:k + 7]))
        self.wfile.write(b"0\r\nTrailer: yes\r\n\r\n")

    def cut(self, sent, reset=False):
        self.wfile.write(sent)
        self.wfile.flush()
        if reset: self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        if reset: self.connection.close()
        else: self.connection.shutdown(socket.SHUT_WR)
        return False

    def bad(self, name, body):
        """False: the answer was given here."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if name == "500": self.say(500, {"error": "dog not found"})
        elif name == "400": self.say(400, {"error": "unexpected shape"})
        elif name == "503 twice":
            if times((name, body)) % 3: self.say(503, {"error": "busy"}, [("Retry-After", "0")])
            else: return True
        elif name == "429 once":
            if times((name, body)) == 1: self.say(429, {"error": "slowly"}, [("Retry-After", "0")])
            else: return True
        elif name == "503": self.say(503, {"error": "loading"}, [("Retry-After", "0")])
        elif name == "retry much later": self.say(503, {"error": "come back tomorrow"}, [("Retry-After", "86400")])
        elif name == "slow":
            try:
                self.wfile.write(head + b"Content-Length: 100\r\n\r\n")
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.1)
            except OSError: pass
            self.close_connection = True
        elif name == "hang":
            time.sleep(3)
            self.close_connection = True
        elif name == "half close": return self.cut(head + b'Content-Length: 100\r\n\r\n{"outp')
        elif name == "reset": return self.cut(head + b'Content-Length: 100\r\n\r\n{"outp', reset=True)
        elif name == "reset once":
            if times((name, body)) == 1: return self.cut(head + b'Content-Length: 100\r\n\r\n{"outp', reset=True)
            return True
        elif name == "nothing": return self.cut(b"")
        elif name == "short length": return self.cut(head + b'Content-Length: 3\r\n\r\n{"outputs":[]}')
        elif name == "bad chunk": return self.cut(head + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n{}\r\n")
        elif name == "not HTTP": return self.cut(b"SSH-2.0-OpenSSH_9.2\r\n")
        elif name == "endless":
            try:
                self.wfile.write(head + b"\r\n")
                while True: self.wfile.write(b" " * 65536)
            except OSError: pass
            self.close_connection = True
        elif name == "redirect": self.say(302, b"", [("Location", "http://127.0.0.1:9/elsewhere")])
        elif name == "gzip": self.say(200, zlib.compress(b" " * 1000000), [("Content-Encoding", "gzip")])
        elif name == "bad JSON": self.say(200, b"{'outputs': []}")
        elif name == "no outputs": self.say(200, {"outputs": []})
        elif name == "no object": self.say(200, [1, 2])
        elif name == "other output": self.reply("logits", "FP32", [1, 4], [0.0] * 4, b"\0" * 16, False)
        elif name == "NaN": self.reply("scores", "FP32", [1, 4], None, struct.pack("<4f", 0, float("nan"), 0, 0), True)
        elif name == "NaN text": self.say(200, b'{"outputs":[{"name":"scores","datatype":"FP32","shape":[1,4],"data":[0,NaN,0,0]}]}')
        elif name == "null": self.reply("scores", "FP32", [1, 4], [0, None, 0, 0], b"", False)
        elif name == "wrong count": self.reply("scores", "FP32", [1, 4], [1.0, 2.0], b"", False)
        elif name == "wrong size": self.reply("scores", "FP32", [1, 4], None, b"\0" * 12, True)
        elif name == "wrong datatype": self.reply("scores", "FP8", [1, 4], None, b"\0" * 4, True)
        elif name == "huge shape": self.reply("scores", "FP32", [1 << 31, 1 << 31], None, b"\0" * 4, True)
        elif name == "wrong split": self.say(200, b"{}", [("Inference-Header-Content-Length", "7000")])
        elif name == "more bytes":
            text = b'{"outputs":[{"name":"scores","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}'
            self.say(200, text + b"\0" * 9, [("Inference-Header-Content-Length", str(len(text)))])
        elif name == "dies": os._exit(1)
        else: return True
        return False


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address): pass


def orphaned(parent):
    """Ends this process soon after the test that started it, however that ended."""
    while os.getppid() == parent: time.sleep(0.5)
    os._exit(0)


threading.Thread(target=orphaned, args=(os.getppid(),), daemon=True).start()
if "ipv6" in sys.argv[1:]: Server.address_family = socket.AF_INET6
server = Server(("::1" if "ipv6" in sys.argv[1:] else "127.0.0.1", 0), Handler)
if "tls" in sys.argv[1:]:
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[sys.argv.index("tls") + 1:][:2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], os.getpid(), flush=True)
server.serve_forever()
