"""The results of a benchmark as Markdown, with its targets."""

import statistics
from typing import Any

_TARGETS = (
    ("mixed_bfloat16", "stock", 2.0),
    ("float32", "stock", 1.5),
)


def markdown(results: dict[str, Any]) -> str:
    """All results as tables; a missed target says so."""
    machine = results["machine"]
    rounds: dict[str, list[float]] = results["images_per_second"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("tensorflow", "keras", "torch") if name in machine)
    lines = [
        f"{machine['processor']}, {machine['cores']} cores; {versions}. ST and M, 28 x 28 x 1, batches of 64.",
        "Rates are medians over the rounds; ratios are taken within a round, and their medians shown.",
        "",
        "| configuration | images/s | over stock | spread between rounds |",
        "|---|---:|---:|---:|",
    ]
    for name, rates in rounds.items():
        rate = statistics.median(rates)
        spread = (max(rates) - min(rates)) / rate
        over_stock = _ratio(results, name, "stock")
        lines.append(f"| {_DESCRIPTIONS.get(name, name)} | {rate:,.0f} | {over_stock:.2f} | {spread:.0%} |")
    lines += ["", *_limits(results), "", "| target | measured | |", "|---|---:|---|"]
    lines += [f"| {text} | {value} | {'met' if met else '**missed**'} |" for text, value, met in _targets(results)]
    return "\n".join(lines) + "\n"


_DESCRIPTIONS = {
    "stock": "stock Keras layers and optimizer, `fit` on arrays, default threads",
    "one process": "this project, one process",
    "float32": "this project, one single-threaded process a core, float32",
    "mixed_bfloat16": "the same, mixed_bfloat16",
    "no collaboration": "the same in float32, without collaboration",
    "1 members": "1 member (ST), one single-threaded process a core, float32",
    "2 members": "2 members (ST)",
    "4 members": "4 members (ST)",
    "8 members": "8 members (ST)",
    "torch float32": "PyTorch, one single-threaded process a core, float32",
    "torch float32 compiled": "the same, compiled",
    "torch mixed_bfloat16": "the same, bfloat16",
    "torch mixed_bfloat16 compiled": "the same, bfloat16, compiled",
}


def _ratio(results: dict[str, Any], name: str, reference: str) -> float:
    """The median over the rounds, which a slow minute hardly touches."""
    return statistics.median(_ratios(results, name, reference))


def _ratios(results: dict[str, Any], name: str, reference: str) -> list[float]:
    """The ratio of two rates within each round."""
    rounds = results["images_per_second"]
    return [a / b for a, b in zip(rounds[name], rounds[reference], strict=True)]


def _limits(results: dict[str, Any]) -> list[str]:
    limit = results["limit"]
    rates = {name: statistics.median(each) for name, each in results["images_per_second"].items()}
    lines = [f"Arithmetic limit: {limit['flop_per_image'] / 1e6:.0f} MFLOP an image."]
    for dtype, name in (("float32", "float32"), ("bfloat16", "mixed_bfloat16")):
        lines.append(
            f"This machine's matrix products in {dtype}, {limit[f'{dtype}_flop_per_second'] / 1e9:,.0f} GFLOP/s, allow "
            f"{limit[f'{dtype}_images_per_second']:,.0f} images/s; reached: "
            f"{rates[name] / limit[f'{dtype}_images_per_second']:.0%}."
        )
    return lines


def _targets(results: dict[str, Any]) -> list[tuple[str, str, bool]]:
    targets = []
    for name, reference, least in _TARGETS:
        ratio = _ratio(results, name, reference)
        targets.append((f"{name} over {reference}: at least {least}", f"{ratio:.2f}", ratio >= least))
    peers = {
        name: statistics.median(rates)
        for name, rates in results["images_per_second"].items()
        if name.startswith("torch")
    }
    if peers:
        best = max(peers, key=lambda name: peers[name])
        ratio = _ratio(results, "mixed_bfloat16", best)
        targets.append(
            (f"mixed_bfloat16 over the best of PyTorch ({best}): at least 1.05", f"{ratio:.2f}", ratio >= 1.05)
        )
    overhead = _ratio(results, "no collaboration", "float32") - 1
    rounds = [ratio - 1 for ratio in _ratios(results, "no collaboration", "float32")]
    shown = f"{overhead:.1%} (rounds: {min(rounds):.1%} to {max(rounds):.1%})"
    targets.append(("cost of collaboration: at most 2 %", shown, overhead <= 0.02))
    for name, size in results["memory"].items():
        targets.append((f"memory of a process, {name}: at most 1.2 GB", f"{size / 1e9:.2f} GB", size <= 1.2e9))
    return targets
