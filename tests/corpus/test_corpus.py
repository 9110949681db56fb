"""The enumerated corpus, in its short form: all changes, a sample of the lengths."""

import json
from pathlib import Path

import pytest

from build_scripts import corpus
from tests.core.plain import build_frame
from tests.support.figures import Figure
from tests.tools import needs_clang

CASES = 5_000_000


@needs_clang
@pytest.mark.timeout(400)
def test_no_changed_frame_is_read_wrongly(figure: Figure) -> None:
    done = corpus.run()
    assert done.returncode == 0, done.stdout + done.stderr
    figure(done.stdout)
    assert corpus.cases(done.stdout) >= CASES


def test_frames_of_the_specification_are_found_wherever_they_stand(tmp_path: Path) -> None:
    first, second = build_frame(payload=b"one"), build_frame(flags=0, payload=b"")
    vectors = tmp_path / "frames.json"
    inside = {"name": "f1", "frame": first.hex(), "more": [{"hex": second.hex()}], "payload": first.hex()[2:], "seq": 5}
    vectors.write_text(json.dumps([inside, {"cut": first[:-1].hex()}]), encoding="utf-8")
    target = corpus.golden_file(vectors)
    assert target is not None
    frames = sorted([first, second])
    assert target.read_bytes() == b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames)
    target.unlink()
    assert corpus.golden_file(tmp_path / "none.json") is None
