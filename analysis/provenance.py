"""Where runs were computed, when, in what time, and with which interruptions, as their status files say."""

import json
import time
from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis import markdown_page
from analysis.recorded_run import Run
from collab_ensembles.runs import naming

Environment = dict[str, Any]


def when(runs: Sequence[Run]) -> str:
    """The first and the last day of the computation, in UTC: `2026-11-20 to 2026-11-21`."""
    first, last = (
        time.strftime("%Y-%m-%d", time.gmtime(moment))
        for moment in (min(run.status.started for run in runs), max(run.status.ended for run in runs))
    )
    return first if first == last else f"{first} to {last}"


def environments(run: Run) -> list[Environment]:
    """All that a run was computed in, the earliest first; none where that was not recorded."""
    found: list[Environment] = []
    for environment in (*run.status.earlier_environments, run.status.environment):
        if environment and environment not in found:
            found.append(environment)
    return found


def revisions(runs: Sequence[Run]) -> list[str]:
    """The revisions of the code that the runs were computed with, the earliest first."""
    return list(dict.fromkeys(_shown(each.get("revision")) for each in _all_environments(runs)))


def parts(runs: Sequence[Run]) -> list[str]:
    """Environments, interruptions and times, as parts of a Markdown file.

    Args:
      runs: at least one, all with an environment.
    """
    return [
        "## Environments",
        *_environment_parts(runs),
        "## Interruptions",
        *_interruption_parts(runs),
        "## Times",
        "Minutes of training of a run by the clock, all attempts together, without pauses and lost epochs. Runs can "
        "have shared the machine.",
        markdown_page.table(times(runs)),
    ]


def times(runs: Sequence[Run]) -> pd.DataFrame:
    """Minutes of training by ensemble, and of all runs, as texts."""
    rows = pd.DataFrame(
        {
            "ensemble": [run.config.description() for run in runs],
            "minutes": [run.status.seconds / 60 for run in runs],
        }
    )
    rows = pd.concat([rows, rows.assign(ensemble="all")])
    found = rows.groupby("ensemble", sort=False)["minutes"].agg(["count", "mean", "min", "max", "sum"])
    texts = {name: found[name].map("{:.2f}".format) for name in ("mean", "min", "max", "sum")}
    return pd.DataFrame({"runs": found["count"], **texts}).reset_index()


def _all_environments(runs: Sequence[Run]) -> list[Environment]:
    found: list[Environment] = []
    for run in sorted(runs, key=lambda run: run.status.started):
        found += [environment for environment in environments(run) if environment not in found]
    return found


def _environment_parts(runs: Sequence[Run]) -> list[str]:
    """What is the same everywhere, and, if there are several environments, what is not."""
    found = _all_environments(runs)
    facts = list(dict.fromkeys(fact for environment in found for fact in environment))
    values = {fact: [_shown(environment.get(fact)) for environment in found] for fact in facts}
    common = {fact: texts[0] for fact, texts in values.items() if len(set(texts)) == 1}
    parts = [markdown_page.table(pd.DataFrame({"fact": list(common), "value": list(common.values())}))]
    if len(found) > 1:
        differing = {fact: texts for fact, texts in values.items() if fact not in common}
        numbers = [_numbers(run, found) for run in runs]
        counts = [sum(place + 1 in own for own in numbers) for place in range(len(found))]
        table = pd.DataFrame({"environment": range(1, len(found) + 1), **differing, "runs": counts})
        parts += [
            f"There were {len(found)} environments (a run can have had several), which differ in:",
            markdown_page.table(table),
        ]
    return parts


def _numbers(run: Run, found: Sequence[Environment]) -> list[int]:
    return [found.index(environment) + 1 for environment in environments(run)]


def _interruption_parts(runs: Sequence[Run]) -> list[str]:
    found = _all_environments(runs)
    parts = []
    resumed = [
        f"{naming.describe(run.config)}: after epoch {', '.join(map(str, run.status.resumed))}"
        for run in runs
        if run.status.resumed
    ]
    several = [
        f"{naming.describe(run.config)}: {', '.join(map(str, _numbers(run, found)))}"
        for run in runs
        if len(environments(run)) > 1
    ]
    if resumed:
        parts += ["Stopped or interrupted, and taken up again:", markdown_page.bullets(resumed)]
    if several:
        parts += ["Computed in several environments:", markdown_page.bullets(several)]
    return parts or ["None: each run was computed in one go."]


def _shown(value: object) -> str:
    """A fact for people; `unknown` for None."""
    if value is None:
        return "unknown"
    return json.dumps(value) if isinstance(value, bool | list | dict) else str(value)
