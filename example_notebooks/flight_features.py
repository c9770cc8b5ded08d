"""What is known of a flight before it leaves, as columns a model can use."""

from __future__ import annotations

import pandas as pd

CATEGORIES = ["carrier", "origin", "dest"]
NUMBERS = ["minute_of_day", "weekday", "distance", "departures_that_hour", "late_rate_dest", "late_rate_carrier_hour"]


def add_calendar(flights: pd.DataFrame) -> pd.DataFrame:
    """Time of day, weekday (Monday is 0), and how busy the airport is in that hour."""
    date = pd.to_datetime(flights[["year", "month", "day"]])
    flights = flights.assign(
        minute_of_day=flights["hour"] * 60 + flights["minute"],
        weekday=date.dt.weekday,
    )
    busy = flights.groupby(["origin", "month", "day", "hour"])["flight"].transform("size")
    return flights.assign(departures_that_hour=busy)


def late_rate(train: pd.DataFrame, flights: pd.DataFrame, by: list[str], weight: float = 50.0) -> pd.Series:
    """Share of late flights in `train` for each group, drawn towards the overall share where a group is small."""
    overall = train["late"].mean()
    groups = train.groupby(by, observed=True)["late"].agg(["sum", "size"])
    smoothed = ((groups["sum"] + weight * overall) / (groups["size"] + weight)).rename("rate")
    return flights.join(smoothed, on=by)["rate"].fillna(overall)


def add_history(train: pd.DataFrame, flights: pd.DataFrame) -> pd.DataFrame:
    """How often the destination, and the carrier at that hour, were late in the training months."""
    return flights.assign(
        late_rate_dest=late_rate(train, flights, ["dest"]),
        late_rate_carrier_hour=late_rate(train, flights, ["carrier", "hour"]),
    )
