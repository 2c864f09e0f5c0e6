"""A web server that says it is well, on every port given, and who it is (/who; after three seconds: /slow). Killing,
stopping or cutting it off is the tests' part."""

import http.server
import socketserver
import sys
import threading
import time


class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"ok\n"
        if self.path in ("/who", "/slow"):
            time.sleep(3 if self.path == "/slow" else 0)
            body = self.connection.getsockname()[0].encode() + b"\n"
        self.send_response(200 if self.path in ("/healthz", "/who", "/slow") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


servers = [Server(("0.0.0.0", int(port)), Healthy) for port in sys.argv[1:]]
threads = [threading.Thread(target=server.serve_forever) for server in servers]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
