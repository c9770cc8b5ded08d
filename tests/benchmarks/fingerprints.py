"""What a fingerprint costs, beside `pandas.util.hash_pandas_object` and `joblib.hash` of the same value: minima and ratios.

usage: python tests/benchmarks/fingerprints.py [ROUNDS] [WORD]

`WORD` chooses the cases whose name holds it. These machines are shared: read the ratios, not the milliseconds. No test asserts a
time. A peer that needs more than a second is run once.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import joblib
import numpy as np
import pandas as pd

from mlops_jupyter.fingerprint import fingerprint

Case = tuple[str, object]


def cases() -> Iterator[tuple[str, Callable[[], object]]]:
    """Name and maker of each value."""
    rng = np.random.default_rng(0)

    def numbers(rows: int, columns: int) -> pd.DataFrame:
        return pd.DataFrame({f"c{at}": rng.normal(size=rows) for at in range(columns)})

    def holes() -> pd.DataFrame:
        frame = numbers(1_310_720, 10)
        return frame.mask(rng.random(frame.shape) < 0.1)

    def over(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values, copy=False)

    texts = [f"carrier {n % 1_000} {n}" for n in range(1_000_000)]
    yield "100 MB of floats, 10 columns", lambda: numbers(1_310_720, 10)
    yield "100 MB of floats, one in ten NaN", holes
    yield "100 MB of ints, one array", lambda: rng.integers(0, 9, 13_107_200)
    yield "100 MB, frame over a C-ordered array of 10 columns", lambda: over(rng.normal(size=(1_310_720, 10)))
    yield "100 MB, frame over a C-ordered array of 100", lambda: over(rng.normal(size=(131_072, 100)))
    yield "1M strings, Arrow", lambda: pd.Series(texts, dtype="string[pyarrow]")
    yield "1M strings, Arrow, with nulls", lambda: pd.Series([*texts[:-1], None], dtype="string[pyarrow]")
    yield "1M strings, objects", lambda: pd.Series(texts, dtype=object)
    yield "1M strings, objects, with nulls", lambda: pd.Series([*texts[:-1], None], dtype=object)
    yield "1M categories", lambda: pd.Series([text[:11] for text in texts], dtype="category")
    yield "1M moments in microseconds", lambda: pd.Series(np.arange(1_000_000).view("datetime64[us]"))
    yield "1M nullable ints with nulls", lambda: pd.Series(np.arange(1_000_000), dtype="Int64").mask(rng.random(1_000_000) < 0.1)
    yield "50 columns × 1,000 rows, one block", lambda: pd.DataFrame(np.asfortranarray(rng.normal(size=(1_000, 50))))
    yield "2,000 columns × 1,000 rows", lambda: numbers(1_000, 2_000)
    yield "2,000 columns × 1,000 rows, over a C-ordered array", lambda: over(rng.normal(size=(1_000, 2_000)))
    yield "10 columns × 20 rows, mixed", lambda: numbers(20, 8).assign(s="a", t=pd.Timestamp("2020"))
    yield "a list of three", lambda: [1, "a", None]
    yield "a dict of ten", lambda: {f"k{n}": n / 3 for n in range(10)}
    yield "a number", lambda: 7
    yield "an array of ten", lambda: np.arange(10.0)


def more_cases() -> Iterator[tuple[str, Callable[[], object]]]:
    """Those that need another library."""
    try:
        import polars as pl
    except ImportError:
        return
    texts = [f"carrier {n % 1_000} {n}" for n in range(1_000_000)]
    yield "Polars, 100 MB of floats", lambda: pl.DataFrame(np.random.default_rng(0).normal(size=(1_310_720, 10)))
    yield "Polars, 1M strings", lambda: pl.Series("s", texts)
    yield "Polars, 1M strings with nulls", lambda: pl.Series("s", [*texts[:-1], None])
    yield "Polars, 1M categories", lambda: pl.Series("s", [text[:11] for text in texts], dtype=pl.Categorical)


def seconds(run: Callable[[], object], rounds: int) -> float:
    """The least processor time of some rounds: what it takes when nothing else runs."""
    best = float("inf")
    for _ in range(rounds):
        started = time.thread_time()
        run()
        best = min(best, time.thread_time() - started)
        if best > 1:
            break
    return best


def shown(taken: float) -> str:
    """Milliseconds, or microseconds below one."""
    return f"{taken * 1e3:9.2f} ms" if taken >= 1e-3 else f"{taken * 1e6:9.1f} µs"


def main() -> None:
    """One line for each case."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    word = sys.argv[2] if len(sys.argv) > 2 else ""
    print(f"{'':52}{'ours':>12}{'pandas':>14}{'joblib':>14}")
    for name, make in (*cases(), *more_cases()):
        if word not in name:
            continue
        value = make()
        ours = seconds(lambda value=value: fingerprint(value), rounds if rounds < 5 else rounds * 3)  # type: ignore[misc]
        line = f"{name:52}{shown(ours)}"
        peers: list[Callable[[object], object]] = [pd.util.hash_pandas_object, joblib.hash]
        for peer in peers:
            if peer is pd.util.hash_pandas_object and not isinstance(value, pd.DataFrame | pd.Series):
                line += f"{'':14}"
                continue
            try:
                taken = seconds(lambda value=value, peer=peer: peer(value), min(rounds, 3))  # type: ignore[misc]
            except Exception as error:
                line += f"{type(error).__name__:>14}"
            else:
                line += f"{taken / ours:12.0f} ×"
        print(line, flush=True)


if __name__ == "__main__":
    main()
