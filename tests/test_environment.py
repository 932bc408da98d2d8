"""Facts on the machine, and the advice that follows from them."""

import builtins
import io
from typing import Any

import pytest

from collab_ensembles import environment


@pytest.mark.parametrize(
    ("precision", "devices", "features", "warned"),
    [
        ("mixed_bfloat16", ["CPU"], "sse4_2 avx512f", True),
        ("mixed_bfloat16", ["cpu"], "sse4_2 avx512f", True),
        ("mixed_bfloat16", ["CPU"], "avx512f amx_bf16", False),
        ("mixed_bfloat16", ["CPU"], "avx512_bf16", False),
        ("mixed_bfloat16", ["CPU", "GPU"], "sse4_2", False),
        ("mixed_bfloat16", ["NVIDIA H100 80GB HBM3"], "sse4_2", False),
        ("float32", ["CPU"], "sse4_2", False),
    ],
)
def test_who_trains_in_bfloat16_on_a_processor_without_it_is_warned(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    precision: str,
    devices: list[str],
    features: str,
    warned: bool,
) -> None:
    really_open = builtins.open

    def opened(path: Any, *arguments: Any, **options: Any) -> Any:
        return io.StringIO(features) if path == "/proc/cpuinfo" else really_open(path, *arguments, **options)

    monkeypatch.setattr(environment, "_devices", lambda: devices)
    monkeypatch.setattr(builtins, "open", opened)
    environment.warn_of_slow_bfloat16(precision)
    assert ("no bfloat16 instructions" in caplog.text) is warned
