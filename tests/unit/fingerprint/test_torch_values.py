"""Identity of torch tensors and modules: values, dtype, shape, gradients; nothing moved, nothing changed."""

import copy
import warnings

import numpy as np
import pytest

from mlops_jupyter.fingerprint import fingerprint, footprint

torch = pytest.importorskip("torch", reason="torch tensors")


def digest(value):
    found = fingerprint(value)
    assert found.digest is not None
    assert found.coverage == 1.0
    return found.digest


def tensors():
    torch.manual_seed(0)
    yield torch.randn(5)
    yield torch.randn(3, 70_000)
    yield torch.tensor(3)
    yield torch.zeros(0, 3)
    yield torch.tensor([True, False])
    yield torch.randn(4, 4).to(torch.bfloat16)
    yield torch.randn(4, dtype=torch.complex64)
    yield torch.eye(3).to_sparse()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls this layout a beta
        yield torch.eye(3).to_sparse_csr()
    yield torch.nn.Parameter(torch.randn(2, 2))
    yield torch.empty(2, 3, device="meta")


@pytest.mark.parametrize("tensor", list(tensors()), ids=lambda tensor: f"{tensor.dtype}{tuple(tensor.shape)}{tensor.layout}")
def test_a_tensor_is_its_values_not_its_memory(tensor):
    assert digest(tensor) == digest(tensor)
    assert digest(tensor) == digest(copy.deepcopy(tensor) if isinstance(tensor, torch.nn.Parameter) else tensor.clone())
    if tensor.layout is torch.strided and tensor.dim() == 2 and tensor.is_leaf and not tensor.requires_grad:
        assert digest(tensor) == digest(tensor.t().contiguous().t())


def test_different_tensors_are_told_apart():
    base = torch.tensor([1.0, 2.0, 3.0, 4.0])
    others = [base.double(), base.reshape(2, 2), base + 1, base.flip(0), base.to(torch.bfloat16), base.clone().requires_grad_(),
              base.to_sparse(), torch.empty(4, device="meta"), base.int(), torch.tensor([1.0, 2.0, 3.0])]  # fmt: skip
    assert len({digest(each) for each in [base, *others]}) == len(others) + 1
    assert digest(torch.tensor([1 + 2j]).conj()) == digest(torch.tensor([1 - 2j]))


def test_a_vector_is_the_same_column_as_in_numpy():
    values = np.arange(5.0)
    assert fingerprint(torch.from_numpy(values)).logical == fingerprint(values).logical
    assert not fingerprint(torch.from_numpy(values)).same_as(fingerprint(values))


def test_every_change_in_place_is_seen():
    tensor = torch.zeros(200_000)
    before = digest(tensor)
    tensor[199_999] = 1
    assert digest(tensor) != before


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 1))


def test_a_module_is_its_parameters_buffers_and_mode():
    first, second = network(), network()
    assert digest(first) == digest(second)
    assert fingerprint(first).kind == "model"
    second.eval()
    assert digest(first) != digest(second)
    second.train()
    with torch.no_grad():
        second[0].weight[0, 0] += 1
    assert digest(first) != digest(second)


def test_training_is_seen_step_by_step():
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    seen = [(digest(model), digest(optimizer))]
    loss = model(torch.randn(16, 4)).sum()
    seen.append((digest(model), digest(optimizer)))
    loss.backward()
    seen.append((digest(model), digest(optimizer)))
    optimizer.step()
    seen.append((digest(model), digest(optimizer)))
    assert len({model for model, _ in seen}) == 4  # batch statistics, gradients, weights
    assert seen[2][1] != seen[3][1]


def test_looking_changes_nothing_and_warns_of_nothing():
    model = network()
    inputs = torch.randn(16, 4, requires_grad=True)
    loss = model(inputs).sum()
    state, version = torch.get_rng_state(), inputs._version
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (model, inputs, loss, loss.grad_fn, model.parameters(), [loss]):
            fingerprint(value)
            footprint(value)
    assert torch.equal(state, torch.get_rng_state())
    assert inputs._version == version
    assert loss.requires_grad
    loss.backward()
    assert inputs.grad is not None


def test_a_generator_is_its_state():
    first, second = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    assert digest(first) == digest(second)
    torch.rand(1, generator=second)
    assert digest(first) != digest(second)


def overlap(a, b):
    return any(x < v and u < y for x, y in footprint(a).ranges for u, v in footprint(b).ranges)


def test_shared_memory_is_seen():
    values = np.arange(10.0)
    tensor = torch.from_numpy(values)
    assert overlap(values, tensor)
    assert overlap(tensor, tensor[3:])
    assert overlap(tensor.numpy(), tensor.view(2, 5))
    assert not overlap(values, tensor.clone())
    layer = torch.nn.Linear(2, 2)
    assert overlap(layer, layer.weight.detach())
    assert footprint(layer).ids & footprint(torch.nn.Sequential(layer)).ids


class Trap(torch.Tensor):
    armed = False

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        assert not Trap.armed
        return super().__torch_function__(func, types, args, kwargs or {})


def test_a_subclass_with_code_of_its_own_is_not_asked():
    trap = torch.zeros(3).as_subclass(Trap)
    Trap.armed = True
    try:
        found = fingerprint(trap)
        footprint([trap])
    finally:
        Trap.armed = False
    assert found.digest is None or found.coverage < 1


def test_data_sets_and_loaders():
    data = torch.utils.data.TensorDataset(torch.arange(6.0).reshape(3, 2), torch.arange(3))
    loader = torch.utils.data.DataLoader(data, batch_size=2)
    other = torch.utils.data.DataLoader(data, batch_size=3)
    assert digest(data) == digest(copy.deepcopy(data))
    assert fingerprint(loader).digest != fingerprint(other).digest
    assert fingerprint(iter(loader)).kind == "iterator"


def test_a_loss_shares_the_parameters_that_backward_fills() -> None:
    layer = torch.nn.Linear(2, 1)
    loss = layer(torch.ones(1, 2)).pow(2).sum()
    assert footprint(loss).ids & footprint(layer.weight).ids
    assert not footprint(loss.detach()).ids & footprint(layer.weight).ids
