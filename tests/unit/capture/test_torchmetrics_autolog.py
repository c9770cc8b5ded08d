"""What is seen of torchmetrics."""

import pytest

from tests.unit.capture.autolog_notebook import Notebook, values

pytest.importorskip("torchmetrics", reason="torchmetrics is not installed")


def test_computed_values_are_metrics():
    notebook = Notebook()
    drafts = notebook.run("""
        import torch, torchmetrics
        metric = torchmetrics.Accuracy(task="multiclass", num_classes=2)
        for truth in ([0, 1], [1, 1]):
            metric.update(torch.tensor([0, 1]), torch.tensor(truth))
        accuracy = metric.compute()
    """)
    notebook.close()
    assert values(drafts) == {"accuracy": pytest.approx(0.75)}
