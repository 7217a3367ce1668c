"""APIs that translate and correct, played for the tests: each speaks its own wire over HTTP/2 with TLS, or HTTP/1.1 in the
clear where that is how one meets it, and remembers what it was asked.

HTTP/2 is python3-h2's, the rest the standard library's. A translation is each word backwards, a correction mends two
mistakes, so that a test can tell what was shown from what was asked.
"""
import atexit
import http.server
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions

MISTAKES = (("she go", "she goes"), ("he have", "he has"))


def translated(text):
    return " ".join(word[::-1] for word in text.split())


def corrected(text):
    for wrong, right in MISTAKES:
        text = re.sub(r"\b%s\b" % wrong, right, text)
    return text


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers = method, path, headers
        self.json = json.loads(body) if body else None


class Answer:
    """`pieces`: bytes of the body, sent one after the other."""

    def __init__(self, body, status=200, headers=(), pieces=None):
        self.status, self.headers = status, {"content-type": "application/json", **dict(headers)}
        self.pieces = pieces or [json.dumps(body).encode() if not isinstance(body, bytes) else body]


def completion(request, **more):
    """What chat completions answer: whole, or as events."""
    system, user = "", ""
    for message in request.json["messages"]:
        if message["role"] == "user":
            user = message["content"]
        else:
            system = message["content"]
    if not system:
        system, _, user = user.rpartition("\n\n")
    if system.startswith("[sotto:grammar"):
        edits = [{"from": wrong, "to": right, "kind": "agreement", "message": "The verb agrees."}
                 for wrong, right in MISTAKES if wrong in user]
        text = json.dumps({"corrected": corrected(user), "edits": edits})
    else:
        text = translated(user)
    usage = {"prompt_tokens": 40, "completion_tokens": 10, "total_tokens": 50}
    if not request.json.get("stream"):
        return Answer({"id": "x", "object": "chat.completion", "model": request.json["model"], "usage": usage,
                       "choices": [{"index": 0, "finish_reason": "stop",
                                    "message": {"role": "assistant", "content": text}, **more}]})

    def chunk(delta, finish=None, choices=True, usage=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
        data = {"id": "x", "object": "chat.completion.chunk", "choices": [choice] if choices else [], "usage": usage}
        return b"data: " + json.dumps(data).encode() + b"\n\n"
    pieces = [chunk({"role": "assistant", "content": ""})]
    pieces += [chunk({"content": word}) for word in re.findall(r"\s*\S+", text)]
    pieces.append(chunk({}, "stop"))
    if request.json.get("stream_options", {}).get("include_usage"):
        pieces.append(chunk({}, choices=False, usage=usage))
    return Answer(None, headers={"content-type": "text/event-stream"}, pieces=pieces + [b"data: [DONE]\n\n"])


class Api:
    """A server on a port of its own. Subclasses say how they answer; `fault` answers instead, while it is set."""
    tls = True

    def __init__(self):
        self.requests, self.lock, self.fault = [], threading.Lock(), None
        self.dir = tempfile.mkdtemp(prefix="sotto-provider-")
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        if self.tls:
            self._open_tls()
            self.url = "https://127.0.0.1:%d" % self.port
        else:
            self._open_plain()
            self.url = "http://127.0.0.1:%d" % self.port

    def answer(self, request):
        raise NotImplementedError

    def asked(self, method="POST"):
        with self.lock:
            return [r for r in self.requests if r.method == method]

    def forget(self):
        with self.lock:
            self.requests.clear()

    def handle(self, request):
        with self.lock:
            self.requests.append(request)
            fault = self.fault
        if fault is not None and request.method == "POST":
            return fault(request)
        return self.answer(request)

    def stop(self):
        self.stopped = True
        if self.tls:
            self.listener.close()
        else:
            self.server.shutdown()
            self.server.server_close()

    # -- HTTP/2 over TLS --

    def _open_tls(self):
        self.ca, key = os.path.join(self.dir, "cert.pem"), os.path.join(self.dir, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", self.ca], check=True, capture_output=True, timeout=20)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.ca, key)
        self.context.set_alpn_protocols(["h2"])
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.stopped = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.stopped:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            with self.context.wrap_socket(sock, server_side=True) as tls:
                H2(tls, self.handle).run()
        except (OSError, h2.exceptions.ProtocolError):
            pass  # the other side left

    # -- HTTP/1.1 in the clear --

    def _open_plain(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                self.do_POST()

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {k.lower(): v for k, v in self.headers.items()}
                answer = api.handle(Request(self.command, self.path, headers, body))
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for piece in answer.pieces:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # the other side left

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class H2:
    """One connection's server side; answers fit into the windows that a client begins with."""

    def __init__(self, sock, handle):
        self.sock, self.handle, self.open = sock, handle, {}
        self.conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))

    def run(self):
        self.conn.initiate_connection()
        self.flush()
        while True:
            data = self.sock.recv(65536)
            if not data:
                return
            for event in self.conn.receive_data(data):
                self.on_event(event)
            self.flush()

    def flush(self):
        self.sock.sendall(self.conn.data_to_send())

    def on_event(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.open[event.stream_id] = [dict(event.headers), b""]
        elif isinstance(event, h2.events.DataReceived):
            if event.stream_id in self.open:
                self.open[event.stream_id][1] += event.data
            self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.open.pop(event.stream_id, None)
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in self.open:
            headers, body = self.open.pop(event.stream_id)
            self.answer(event.stream_id, Request(headers[":method"], headers[":path"], headers, body))

    def answer(self, stream_id, request):
        answer = self.handle(request)
        self.conn.send_headers(stream_id, [(":status", str(answer.status)), *answer.headers.items()])
        for i, piece in enumerate(answer.pieces):
            self.conn.send_data(stream_id, piece, end_stream=i == len(answer.pieces) - 1)
            self.flush()
            if len(answer.pieces) > 1:
                time.sleep(0.005)


NOT_FOUND = Answer({"error": {"message": "no such path", "type": "invalid_request_error", "code": "not_found"}}, 404)


class OpenAi(Api):
    base, key = "/v1", "sk-test"
    more = {}

    def authorized(self, request):
        return request.headers.get("authorization") == "Bearer " + self.key

    def answer(self, request):
        if not self.authorized(request):
            return Answer({"error": {"message": "bad key", "type": "invalid_request_error",
                                     "code": "invalid_api_key"}}, 401)
        if (request.method, request.path) == ("GET", self.models()):
            return Answer({"object": "list", "data": []})
        if (request.method, request.path) != ("POST", self.completions()):
            return NOT_FOUND
        return self.check(request) or completion(request, **self.more)

    def models(self):
        return self.base + "/models"

    def completions(self):
        return self.base + "/chat/completions"

    def check(self, request):
        """An answer that refuses the request, or None."""


class OpenAiThatRefuses(OpenAi):
    """A model that reasons: it takes neither a temperature nor the older name of the answer's bound."""

    def check(self, request):
        for field in ("temperature", "max_tokens"):
            if field in request.json:
                return Answer({"error": {"message": "Unsupported parameter: '%s'." % field, "param": field,
                                         "type": "invalid_request_error", "code": "unsupported_parameter"}}, 400)
        return None


class OpenAiWithoutSchemas(OpenAi):
    """An older model: JSON, but of no given form."""

    def check(self, request):
        if request.json.get("response_format", {}).get("type") == "json_schema":
            return Answer({"error": {"message": "Invalid parameter: 'response_format' of type 'json_schema' is not "
                                     "supported with this model.", "param": None, "type": "invalid_request_error",
                                     "code": None}}, 400)
        return None


class Azure(OpenAi):
    more = {"content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
    deployment, version = "fast-mini", "2024-10-21"

    def authorized(self, request):
        return request.headers.get("api-key") == self.key and "authorization" not in request.headers

    def models(self):
        return "/openai/models?api-version=" + self.version

    def completions(self):
        return "/openai/deployments/%s/chat/completions?api-version=%s" % (self.deployment, self.version)


class AzureV1(Azure):
    base = "/openai/v1"
    models, completions = OpenAi.models, OpenAi.completions


class Vllm(OpenAi):
    """A model whose template knows no system message."""
    tls = False

    def check(self, request):
        if any(m["role"] == "system" for m in request.json["messages"]):
            return Answer({"object": "error", "message": "System role not supported", "type": "BadRequestError",
                           "param": None, "code": 400}, 400)
        return None


class Ollama(OpenAi):
    """Wants no key and passes over fields that it does not know."""
    tls = False

    def authorized(self, request):
        return True


class LlamaCpp(Ollama):
    tls = False
    loading = 0  # answers so many requests with 503 first

    def check(self, request):
        if self.loading <= 0:
            return None
        self.loading -= 1
        return Answer({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503)


class DeepL(Api):
    key = "11111111-2222-3333-4444-555555555555:fx"

    def answer(self, request):
        if request.headers.get("authorization") != "DeepL-Auth-Key " + self.key:
            return Answer({"message": "Forbidden"}, 403)
        if (request.method, request.path) == ("GET", "/v2/usage"):
            return Answer({"character_count": 1, "character_limit": 500000})
        if (request.method, request.path) == ("POST", "/v2/translate"):
            text = request.json["text"]
            return Answer({"translations": [{"detected_source_language": request.json["source_lang"],
                                             "text": translated(t), "billed_characters": len(t),
                                             "model_type_used": "latency_optimized"} for t in text]})
        if (request.method, request.path) == ("POST", "/v2/write/correct"):
            language = request.json.get("target_lang", "en-US")
            return Answer({"improvements": [{"detected_source_language": language[:2], "target_language": language,
                                             "text": corrected(t)} for t in request.json["text"]]})
        return Answer({"message": "Not found"}, 404)


class LibreTranslate(Api):
    tls, key, codes = False, "libre-key", {"en", "es", "fr", "zh", "pb"}

    def answer(self, request):
        if (request.method, request.path) == ("GET", "/languages"):
            return Answer([{"code": c, "name": c, "targets": sorted(self.codes)} for c in sorted(self.codes)])
        if (request.method, request.path) != ("POST", "/translate"):
            return Answer({"error": "Not found"}, 404)
        if request.json.get("api_key") != self.key:
            return Answer({"error": "Invalid API key"}, 403)
        for side in ("source", "target"):
            if request.json[side] not in self.codes:
                return Answer({"error": "%s is not supported" % request.json[side]}, 400)
        return Answer({"translatedText": translated(request.json["q"])})
