"""A gRPC server with the health service: grpc_server.py ADDRESS FOLDER; ports 50051 and, with TLS, 50052.

Messages are written by hand, so that nothing has to be generated: a HealthCheckRequest is field 1 (a text), a
HealthCheckResponse field 1 (a number).
"""

import sys
import time
from concurrent import futures
from pathlib import Path

import grpc

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


def check(request, context):
    service = request[2:].decode()
    if service == "shop.Slow":
        while context.is_active():
            time.sleep(0.05)
    known = {"": SERVING, "shop.Cart": SERVING, "shop.Down": NOT_SERVING, "shop.Lying": b"\xff\xff"}
    if service not in known:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return known[service]


class Health(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(check)
        return None


address, folder = sys.argv[1], Path(sys.argv[2])
server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), handlers=[Health()])
server.add_insecure_port(f"{address}:50051")
pair = ((folder / "good.key").read_bytes(), (folder / "good.pem").read_bytes())
server.add_secure_port(f"{address}:50052", grpc.ssl_server_credentials([pair]))
server.start()
server.wait_for_termination()
