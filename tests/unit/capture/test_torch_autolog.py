"""What is seen of a training loop that the user wrote with torch."""

import gc
import weakref

import pytest

from tests.unit.capture.autolog_notebook import FUNCTIONS, Notebook, kinds, values

pytest.importorskip("torch", reason="torch is not installed")

SETUP = """
import torch
from torch import nn
from sklearn.metrics import accuracy_score
_ = torch.manual_seed(0)
X = torch.randn(64, 4)
y = (X[:, 0] > 0).long()
def network():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
loss_fn = nn.CrossEntropyLoss()
"""
LOOP = """
net = network()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
losses = []
for epoch in range(5):
    opt.zero_grad()
    loss = loss_fn(net(X), y)
    loss.backward()
    opt.step()
    losses.append(loss.item())
"""


@pytest.fixture
def notebook():
    made = Notebook()
    made.run(SETUP)
    yield made
    made.close()


def test_a_loop_is_a_model_with_its_losses_and_predictions_join(notebook):
    drafts = notebook.run(LOOP)
    model, series = drafts
    assert (model.kind, model.name, model.class_name) == ("model", "net", "torch.nn.modules.container.Sequential")
    assert [model.params[name] for name in ("optimizer", "lr", "momentum")] == ["SGD", 0.1, 0.9]
    assert model.shown == ["optimizer", "lr", "momentum"]
    assert (model.later(), model.details["trained_parameters"]) == ({"steps": "5"}, "58")
    assert (series.name, series.series, series.step) == ("losses", notebook.shell.user_ns["losses"], 5)
    assert series.models == [notebook.key(model)]
    metric, = notebook.run("""
        with torch.no_grad():
            predicted = net(X).argmax(1)
        acc = accuracy_score(y, predicted)
    """)
    assert (metric.name, metric.models) == ("acc", [notebook.key(model)])


def test_only_what_this_cell_collected_is_in_its_series(notebook):
    notebook.run(LOOP)
    model, series = notebook.run("""
        for epoch in range(3):
            loss = loss_fn(net(X), y)
            losses.append(loss.item())
            loss.backward(); opt.step(); opt.zero_grad()
    """)
    assert len(notebook.shell.user_ns["losses"]) == 8
    assert series.series == notebook.shell.user_ns["losses"][5:]
    assert model.later() == {"steps": "3"}


def test_epoch_means_accuracies_and_dictionaries_but_no_clocks(notebook):
    drafts = notebook.run("""
        import time
        net = network()
        opt = torch.optim.AdamW(net.parameters(), weight_decay=0.1)
        schedule = torch.optim.lr_scheduler.StepLR(opt, 1, 0.5)
        history, times, rates = {"train_loss": [], "accuracy": []}, [], []
        for epoch in range(3):
            begun, running = time.time(), 0.0
            for part in range(2):
                loss = loss_fn(net(X[part::2]), y[part::2])
                opt.zero_grad(); loss.backward(); opt.step()
                running += loss.item()
            schedule.step()
            with torch.no_grad():
                correct = (net(X).argmax(1) == y).float().mean()
            history["train_loss"].append(running / 2)
            history["accuracy"].append(correct)
            times.append(time.time() - begun)
            rates.append(schedule.get_last_lr()[0])
    """)
    model, loss, accuracy = drafts
    assert kinds(drafts) == [("model", "net"), ("metric", "train_loss"), ("metric", "accuracy")]
    assert loss.series == notebook.shell.user_ns["history"]["train_loss"]
    assert accuracy.series == [float(value) for value in notebook.shell.user_ns["history"]["accuracy"]]
    assert (model.params["lr"], model.params["weight_decay"]) == (0.001, 0.1)
    assert model.later() == {"steps": "6"}


def test_a_loss_that_no_list_collects_is_one_number(notebook):
    drafts = notebook.run(LOOP.replace("losses.append(loss.item())", "pass"))
    assert values(drafts) == {"loss": pytest.approx(notebook.shell.user_ns["loss"].item())}


def test_two_networks_in_one_cell(notebook):
    drafts = notebook.run("""
        a, b = network(), network()
        opt_a, opt_b = torch.optim.SGD(a.parameters(), 0.1), torch.optim.Adam(b.parameters())
        for _ in range(2):
            for net, opt in ((a, opt_a), (b, opt_b)):
                opt.zero_grad(); loss_fn(net(X), y).backward(); opt.step()
        acc_a, acc_b = accuracy_score(y, a(X).argmax(1)), accuracy_score(y, b(X).argmax(1))
    """)
    first, second, *metrics = drafts
    assert [each.params["optimizer"] for each in (first, second)] == ["SGD", "Adam"]
    assert [each.later()["steps"] for each in (first, second)] == ["2", "2"]
    assert [each.subject for each in (first, second)] == [notebook.shell.user_ns["a"], notebook.shell.user_ns["b"]]
    assert [each.models for each in metrics] == [[notebook.key(first)], [notebook.key(second)]]


def test_the_whole_network_is_the_model_also_behind_a_wrapper(notebook):
    drafts = notebook.run("""
        net = network()
        head = net[2]
        wrapped = nn.DataParallel(net)
        opt = torch.optim.SGD(head.parameters(), 0.1)
        loss_fn(wrapped(X), y).backward()
        opt.step()
    """)
    assert drafts[0].subject is notebook.shell.user_ns["net"]


def test_bare_tensors_are_a_model_too(notebook):
    drafts = notebook.run("""
        w = torch.zeros(4, requires_grad=True)
        opt = torch.optim.SGD([w], 0.1)
        for _ in range(2):
            loss = ((X @ w - y) ** 2).mean()
            loss.backward(); opt.step(); opt.zero_grad()
    """)
    assert [(draft.kind, draft.name) for draft in drafts] == [("model", "opt"), ("metric", "loss")]


def test_loops_in_functions_and_classes_are_seen_where_the_interpreter_can(notebook):
    drafts = notebook.run("""
        class Trainer:
            def __init__(self):
                self.net = network()
                self.opt = torch.optim.Adam(self.net.parameters())
                self.losses = []
            def train(self, epochs):
                for _ in range(epochs):
                    loss = loss_fn(self.net(X), y)
                    self.opt.zero_grad(); loss.backward(); self.opt.step()
                    self.losses.append(loss.item())
        trainer = Trainer()
        trainer.train(4)
        def fit(model, epochs):
            optimizer, curve = torch.optim.SGD(model.parameters(), 0.1), []
            for _ in range(epochs):
                loss = loss_fn(model(X), y)
                optimizer.zero_grad(); loss.backward(); optimizer.step()
                curve.append(loss.item())
            return curve
        other = network()
        curve = fit(other, 3)
    """)
    if not FUNCTIONS:
        assert drafts == []
        return
    assert kinds(drafts) == [("model", "Sequential"), ("model", "other"), ("metric", "losses"), ("metric", "curve")]
    assert drafts[2].series == notebook.shell.user_ns["trainer"].losses
    assert drafts[3].series == notebook.shell.user_ns["curve"]


@pytest.mark.parametrize("trained", ["", "loss_fn(network()(X), y).backward()"])
def test_other_things_that_step_are_not_touched(notebook, trained):
    assert notebook.run(f"""
        {trained}
        class Environment:
            steps = 0
            def step(self, action):
                self.steps += 1
                return self.steps
        env = Environment()
        for action in range(1000):
            seen = env.step(action)
    """) == []


def test_nothing_of_the_user_is_kept_alive(notebook):
    notebook.run(LOOP)
    refs = [weakref.ref(notebook.shell.user_ns[name]) for name in ("net", "opt")]
    notebook.drafts.clear()
    notebook.run("del net, opt, loss")
    gc.collect()
    assert [ref() for ref in refs] == [None, None]
