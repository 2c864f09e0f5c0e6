"""A WebSocket server that says what it hears: backend_websocket.py ADDRESS PORT SEEN"""

import asyncio
import json
import sys

import websockets

ADDRESS, PORT, SEEN = sys.argv[1], int(sys.argv[2]), sys.argv[3]


async def echo(socket):
    headers = dict(socket.request_headers)
    async for message in socket:
        with open(SEEN, "a") as seen:
            seen.write(json.dumps({"event": "message", "id": None, "length": len(message), "headers": headers}) + "\n")
        await socket.send(message)
        if message == "end it":
            await socket.close(4000, "as you wish")


async def main():
    async with websockets.serve(echo, ADDRESS, PORT, max_size=None):
        await asyncio.Future()


asyncio.run(main())
