"""The load generator, a process of its own: clients that send calls one after the other, as fast as they are answered.

``python -m serving.tuning.load REQUESTS`` reads orders, a JSON object a line, and answers each with another. The calls
are built beforehand and the answers not parsed: what a client costs is gRPC's. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import grpc.aio

from contract.channel import open_async_channel
from contract.errors import from_grpc
from contract.messages import PREDICT, prediction
from serving.tuning.requests import read

_Method: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
# Until the server has met every size and all clients are under way.
_RUN_UP = 0.15
_CALL_S = 10.0
_ASK_S = 2.0
# A server that refuses everything is not asked as fast as it can refuse.
_AFTER_FAILURE_S = 0.05


@dataclass
class Load:
    """What the clients of one process met.

    Attributes:
        seconds: How long was counted.
        pictures: Pictures answered in that time.
        latencies_ms: Of every call answered in that time.
        failed: Calls without an answer.
        error: What was said of one of them.
        cpu_s: The CPU time of this process meanwhile.
    """

    seconds: float = 0.0
    pictures: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    failed: int = 0
    error: str = ""
    cpu_s: float = 0.0


def main() -> None:
    """Obeys until standard input ends."""
    asyncio.run(_obey(*read(Path(sys.argv[1]))))


async def _obey(requests: Mapping[int, bytes], deck: Sequence[int]) -> None:
    # One loop for all orders: gRPC keeps to the one that it was first used in.
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        if "seconds" in order:
            starts = _starts(deck, order["first"], order["clients"])
            decks = [cycle([*deck[start:], *deck[:start]]) for start in starts]
            answer: Mapping[str, Any] = asdict(await _measure(order["address"], requests, decks, order["seconds"]))
        else:
            answer = {"error": await _ask(order["address"], requests)}
        print(json.dumps(answer), flush=True)


async def _ask(address: str, requests: Mapping[int, bytes]) -> str:
    """Sends a call of every size, the smallest first, and looks at the answers; tells what is wrong with one."""
    channel = open_async_channel(address)
    call: _Method = channel.unary_unary(PREDICT)
    try:
        for number, size in enumerate(sorted(requests)):
            response = await call(requests[size], timeout=_CALL_S if number else _ASK_S)
            rows = {name: len(output) for name, output in prediction(response).outputs.items() if output.ndim}
            if set(rows.values()) != {size}:
                return f"Expected outputs for {size} pictures. Received: {rows}"
    except grpc.RpcError as error:
        return str(from_grpc(error))
    finally:
        await channel.close()
    return ""


async def _measure(address: str, requests: Mapping[int, bytes], decks: Sequence[Iterator[int]], seconds: float) -> Load:
    """Counts what comes back in a window of time in the midst of a steady load."""
    channel = open_async_channel(address)
    call: _Method = channel.unary_unary(PREDICT)
    load = Load()
    began_s = time.perf_counter() + _RUN_UP * min(seconds, 2.0)
    window = (began_s, began_s + seconds)
    try:
        everybody = [asyncio.create_task(_client(call, requests, deck, window, load)) for deck in decks]
        await asyncio.sleep(began_s - time.perf_counter())
        cpu_s, counted_s = time.process_time(), time.perf_counter()
        await asyncio.sleep(window[1] - time.perf_counter())
        load.cpu_s, load.seconds = time.process_time() - cpu_s, time.perf_counter() - counted_s
        await asyncio.gather(*everybody)
    finally:
        await channel.close()
    return load


async def _client(
    call: _Method, requests: Mapping[int, bytes], sizes: Iterator[int], window: tuple[float, float], load: Load
) -> None:
    while (sent_s := time.perf_counter()) < window[1]:
        size = next(sizes)
        try:
            await call(requests[size], timeout=_CALL_S)
        except grpc.RpcError as error:
            load.failed += 1
            load.error = str(from_grpc(error))
            await asyncio.sleep(_AFTER_FAILURE_S)
            continue
        answered_s = time.perf_counter()
        if answered_s >= window[0]:
            load.latencies_ms.append(1000 * (answered_s - sent_s))
        if window[0] <= answered_s < window[1]:
            load.pictures += size


def _starts(deck: Sequence[int], first: int, clients: int) -> list[int]:
    """Where in the deck each client begins: each elsewhere."""
    return [(client * 7) % len(deck) for client in range(first, first + clients)]


if __name__ == "__main__":
    main()
