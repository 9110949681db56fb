"""docs/json.md: its messages are what a real gateway takes and gives."""

import json
import re
from pathlib import Path
from typing import Any

from flight_client import MemoryUpdate
from flight_client._tables import LAYOUTS
from flight_client.gateway.json_protocol import messages
from tests.support.bench import Bench
from tests.support.json_peer import JsonPoller, JsonStream
from tests.support.waiting import within

PAGE = Path("docs/json.md").read_text(encoding="utf-8")


def shown(kind: str) -> dict[str, Any]:
    """The example of this type on the page."""
    for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL):
        found: dict[str, Any] = json.loads(text)
        if found.get("type") == kind or kind in found:
            return found
    raise AssertionError(kind)


def shape(value: Any) -> Any:
    """Names and kinds of a message, without its values."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


async def test_the_examples_are_what_a_gateway_says(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.start()
    async with JsonStream(bench.address) as browser, JsonPoller(bench.address) as poller:
        await browser.say(shown("hello") | {"token": bench.token()})
        welcome = await browser.hear()
        assert shape(welcome) == shape(shown("welcome"))
        assert welcome["messageBytes"] == shown("welcome")["messageBytes"]
        assert welcome["channels"] == shown("welcome")["channels"]
        await browser.subscribe("memory-updates")
        console = await bench.connected("my-dc", platform="dreamcast")
        event = MemoryUpdate(total_bytes=16777216, used_bytes=8808038, fragmentation=0.3)
        assert console.channel("memory-updates").emit(event).accepted
        heard = await browser.expect("events")
        assert shape(heard) == shape(shown("events"))
        assert heard["events"][0]["data"]["used"] == shown("events")["events"][0]["data"]["used"]
        answer = await browser.ask({"type": "subscribe", "id": "3", "channel": "No Channel"})
        assert {**answer, "nextStep": ""} == {**shown("error"), "nextStep": ""}
        await within(console.flush())
        await bench.gateway.hub.engine.trim("memory-updates", 0)
        await browser.ask({"type": "unsubscribe", "id": "4", "channel": "memory-updates"})
        epoch = welcome["epoch"]
        await browser.subscribe("memory-updates", start="after", epoch=epoch, offset=0)
        assert shape(await browser.expect("gap")) == shape(shown("gap"))
        await poller.hello(bench.token(), "other")
        request = shown("pollKey") | {"pollKey": poller.key, "token": poller.token}
        status, reply = await poller.post(request)
        example = json.loads(re.findall(r"```json\n(\{\"messages.*?)```", PAGE, re.DOTALL)[0])
        assert (status, shape(reply)) == (200, shape(example))
    await bench.stop()


def test_every_event_type_and_every_request_is_on_the_page() -> None:
    for layout in LAYOUTS:
        assert f"`{layout['name']}`" in PAGE
    for message in (
        messages.Subscribe,
        messages.Unsubscribe,
        messages.Publish,
        messages.Token,
        messages.Ping,
        messages.Close,
    ):
        assert f"| `{message.__struct_config__.tag}` |" in PAGE
        fields = [field for field in message.__struct_encode_fields__ if field not in ("type", "id")]
        assert all(f"`{field}`" in PAGE for field in fields), fields
