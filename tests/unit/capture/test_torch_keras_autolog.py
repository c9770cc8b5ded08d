"""What is seen of Keras, on the backend that is installed: torch, else JAX. (Named for torch: it runs where a backend is.)"""

import importlib.util
import os

import pytest

from tests.unit.capture.autolog_notebook import FUNCTIONS, Notebook, kinds, values

BACKEND = next((name for name in ("torch", "jax") if importlib.util.find_spec(name)), "tensorflow")
os.environ.setdefault("KERAS_BACKEND", BACKEND)
pytest.importorskip("keras", reason="Keras is not installed")

SETUP = """
import keras, numpy as np
from sklearn.metrics import roc_auc_score
rng = np.random.default_rng(0)
x = rng.normal(size=(80, 3)).astype("float32")
y = (x[:, 0] > 0).astype("float32")
x_test, y_test = x[60:], y[60:]
def network(rate=0.01):
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    made.compile(optimizer=keras.optimizers.Adam(rate), loss="binary_crossentropy", metrics=["accuracy"])
    return made
"""


@pytest.fixture
def notebook():
    made = Notebook()
    made.run(SETUP)
    yield made
    made.close()


def test_a_fit_is_a_model_with_its_history_and_predictions_join(notebook):
    drafts = notebook.run("""
        net = network()
        history = net.fit(x, y, epochs=3, batch_size=16, validation_data=(x_test, y_test), verbose=0)
        auc = roc_auc_score(y_test, net.predict(x_test, verbose=0).ravel())
    """)
    model = drafts[0]
    assert (model.kind, model.name, model.class_name.rpartition(".")[2]) == ("model", "net", "Sequential")
    assert model.params == {"optimizer": "Adam", "loss": "binary_crossentropy", "learning_rate": 0.01, "epochs": 3,
                            "batch_size": 16}  # fmt: skip
    assert [(data.name, data.role, data.fingerprint.shape) for data in model.datasets] == [("x", "X", (80, 3)), ("y", "y", (80,))]
    history = notebook.shell.user_ns["history"].history
    assert {draft.name: list(draft.series) for draft in drafts[1:-1]} == history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert drafts[-1].name == "auc"
    assert all(draft.models == [notebook.key(model)] for draft in drafts[1:])


def test_evaluate_names_its_metrics(notebook):
    notebook.run("net = network()\n_ = net.fit(x, y, verbose=0)")
    model = next(draft for draft in notebook.drafts if draft.kind == "model")
    drafts = notebook.run("""
        loss, acc = net.evaluate(x_test, y_test, verbose=0)
        found = net.evaluate(x_test, y_test, verbose=0, return_dict=True)
    """)
    assert set(values(drafts)) == {"loss[x_test]", "accuracy[x_test]", "found.loss", "found.accuracy"}
    assert values(drafts)["accuracy[x_test]"] == pytest.approx(notebook.shell.user_ns["acc"])
    assert all(draft.models == [notebook.key(model)] for draft in drafts)


def test_two_networks_in_one_cell_and_a_callback_of_the_user(notebook):
    drafts = notebook.run("""
        class Watch(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                roc_auc_score(y_test, self.model.predict(x_test, verbose=0).ravel())
        slow, fast = network(0.001), network(0.1)
        a = slow.fit(x, y, epochs=1, verbose=0, callbacks=[Watch()])
        b = fast.fit(x, y, epochs=1, verbose=0)
    """)
    models = [draft for draft in drafts if draft.kind == "model"]
    assert [(draft.name, draft.params["learning_rate"]) for draft in models] == [("slow", 0.001), ("fast", 0.1)]
    assert {draft.name for draft in drafts if draft.kind == "metric"} == {"loss", "accuracy"}


def test_a_model_class_of_the_user_and_a_function(notebook):
    drafts = notebook.run("""
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(1)
            def call(self, inputs):
                return self.dense(inputs)
        def train(epochs):
            net.compile("sgd", "mse")
            return net.fit(x, y, epochs=epochs, verbose=0)
        net = Net()
        history = train(2)
    """)
    assert kinds(drafts) == ([("model", "net"), ("metric", "loss")] if FUNCTIONS else [])
    assert kinds(notebook.run("again = net.fit(x, y, verbose=0)")) == [("model", "net"), ("metric", "loss")]
