"""A notebook of thirty cells that does what notebooks do: a table is made, cleaned, looked at, joined, modelled and scored.

`jobs.py` runs it beside papermill. `rows` is its parameter: at the default it takes about ten seconds with the kernel.
"""

from __future__ import annotations

ROWS = 240_000

LONGER = """
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_squared_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
---
generator = np.random.default_rng(7)
trips = pd.DataFrame({
    "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 365, rows), "D"),
    "city": generator.choice(["Berlin", "Lima", "Oslo", "Pune", "Quito"], rows),
    "vehicle": generator.integers(0, 500, rows),
    "distance": generator.gamma(2.0, 4.0, rows),
    "riders": generator.integers(1, 5, rows),
})
---
trips["minutes"] = trips["distance"] * 2.5 + generator.normal(0, 6, rows) + (trips["city"] == "Lima") * 8
---
trips.loc[generator.random(rows) < 0.02, "minutes"] = np.nan
---
trips.head()
---
trips.describe()
---
trips.isna().mean()
---
trips = trips.dropna(subset=["minutes"]).reset_index(drop=True)
---
trips["weekday"] = trips["day"].dt.dayofweek
trips["month"] = trips["day"].dt.month
---
trips["late"] = trips["minutes"] > trips.groupby("city")["minutes"].transform("median") + 5
---
by_city = trips.groupby("city")["minutes"].agg(["mean", "median", "std"]).round(2)
by_city
---
by_month = trips.pivot_table(index="month", columns="city", values="late", aggfunc="mean")
by_month.round(3)
---
fleet = pd.DataFrame({"vehicle": range(500), "age": generator.integers(0, 12, 500), "seats": generator.choice([4, 6], 500)})
---
trips = trips.merge(fleet, on="vehicle", how="left")
---
trips = trips.sort_values(["vehicle", "day"]).reset_index(drop=True)
trips["before"] = trips.groupby("vehicle")["minutes"].shift(1).fillna(trips["minutes"].mean())
---
trips["usual"] = trips.groupby("vehicle")["minutes"].rolling(20, min_periods=1).mean().to_numpy()
---
trips.groupby("age")["minutes"].mean()
---
numbers, words = ["distance", "riders", "weekday", "month", "age", "seats", "before", "usual"], ["city"]
trips[numbers].corr().round(2)
---
train, test = train_test_split(trips, test_size=0.25, random_state=0)
len(train), len(test)
---
prepare = make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(), words))
---
ridge = make_pipeline(prepare, Ridge(alpha=1.0)).fit(train[numbers + words], train["minutes"])
error = mean_squared_error(test["minutes"], ridge.predict(test[numbers + words])) ** 0.5
print(f"minutes off {error:.2f}")
---
linear = make_pipeline(prepare, LogisticRegression(C=1.0, max_iter=300)).fit(train[numbers + words], train["late"])
linear_auc = roc_auc_score(test["late"], linear.predict_proba(test[numbers + words])[:, 1])
print(f"AUC {linear_auc:.3f}")
---
scores = cross_val_score(linear, train[numbers + words], train["late"], cv=3, scoring="roc_auc")
scores.mean()
---
small = train.sample(min(len(train), 20_000), random_state=0)
search = GridSearchCV(linear, {"logisticregression__C": [0.1, 1.0, 10.0]}, cv=3).fit(small[numbers + words], small["late"])
search.best_params_
---
forest = RandomForestClassifier(n_estimators=40, max_depth=10, random_state=0).fit(small[numbers], small["late"])
---
forest_auc = roc_auc_score(test["late"], forest.predict_proba(test[numbers])[:, 1])
print(f"forest AUC {forest_auc:.3f}")
---
pd.Series(forest.feature_importances_, index=numbers).sort_values(ascending=False).round(3)
---
plane = PCA(2, random_state=0).fit_transform(StandardScaler().fit_transform(train[numbers]))
---
groups = KMeans(5, n_init=2, random_state=0).fit_predict(plane[:20_000])
---
best = max(linear_auc, forest_auc)
summary = pd.DataFrame({"model": ["linear", "forest"], "auc": [linear_auc, forest_auc]})
summary
""".strip().split("\n---\n")
