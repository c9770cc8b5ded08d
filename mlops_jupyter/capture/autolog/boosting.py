"""What boosting libraries have in common: a dictionary of params and a number of rounds, and one score per round and data set."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_jupyter.capture.autolog.telling import Teller, argument, datasets, params
from mlops_jupyter.capture.autolog.words import group, number, numbers
from mlops_jupyter.capture.observer import Draft, ObservedCall


def trained(teller: Teller, call: ObservedCall, *, data: str, details: dict[str, str], default_rounds: int) -> str:
    """The model that `train(params, data, num_boost_round, …)` gave. Returns its key."""
    given = argument(call, "params")
    known = params(given) if isinstance(given, dict) else {}
    rounds = argument(call, "num_boost_round", default_rounds)
    stopping = argument(call, "early_stopping_rounds")
    shown = [*known, *(["num_boost_round"] if rounds != default_rounds else [])]
    known["num_boost_round"] = number(rounds)
    if stopping is not None:
        known["early_stopping_rounds"] = number(stopping)
        shown.append("early_stopping_rounds")
    return teller.model(call, Draft(
        kind="model", name="booster", subject=call.result, params=known, shown=shown, details=details,
        datasets=datasets(call, {data: "X"}),
    ))  # fmt: skip


def rounds(teller: Teller, call: ObservedCall, history: object, model: str) -> None:
    """`{data set: {metric: [value per round]}}` as series `metric[data set]`."""
    for data, metrics in history.items() if isinstance(history, dict) else ():
        for name, values in metrics.items() if isinstance(metrics, dict) else ():
            teller.series(call, numbers(values), f"{name}[{data}]", model)


def validated(teller: Teller, call: ObservedCall, table: Mapping[str, list[float]], *, data: str) -> None:
    """`{"test-auc-mean": [value per round], "test-auc-std": …}`: the means are series, the last deviation a detail."""
    given = argument(call, "params")
    known = params(given) if isinstance(given, dict) else {}
    for column, values in table.items():
        label, _, kind = column.rpartition("-")
        if kind != "mean" or not values:
            continue
        spread = table.get(f"{label}-std", table.get(f"{label}-stdv", []))
        teller.observer.observe(Draft(
            kind="metric", name=f"{call.site.target or 'cv'}.{label}", value=values[-1], step=len(values), series=values,
            key=group(call.loop_key), site=call.site, params=known, shown=list(known), datasets=datasets(call, {data: "X"}),
            details={"std": repr(spread[-1])} if spread else {},
        ))  # fmt: skip
