"""What native libraries write, through entry points that the redirection knows."""

from __future__ import annotations

import os

from .registry import LIBRARIES, attack


@attack(LIBRARIES)
def torch_save() -> None:
    import torch

    torch.save({"weight": torch.ones(3)}, "model.pt")
    assert torch.load("model.pt")["weight"].sum() == 3
    assert torch.load("model.pt", mmap=True)["weight"].sum() == 3
    torch.save([1], "new.pt", _use_new_zipfile_serialization=False)
    assert torch.load("new.pt") == [1]


@attack(LIBRARIES)
def torch_jit_save() -> None:
    import torch

    script = torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2))
    torch.jit.save(script, "model.pt")
    torch.jit.load("model.pt")
    script.save("new.pt")
    assert os.path.getsize("new.pt") > 100


@attack(LIBRARIES)
def h5py_file() -> None:
    import h5py

    with h5py.File("data.h5", "a") as file:
        file["items"][0] = 9
        file["new"] = [1, 2]
    with h5py.File("data.h5", "r") as file:
        assert file["items"][0] == 9
        assert list(file) == ["items", "new"]
    with h5py.File("data.h5", "w") as file:
        assert list(file) == []


@attack(LIBRARIES)
def numpy_arrays() -> None:
    import numpy

    mapped = numpy.load("array.npy", mmap_mode="r+")
    mapped[0] = 9
    mapped.flush()
    assert numpy.load("array.npy")[0] == 9
    numpy.save("array.npy", numpy.zeros(4))
    numpy.zeros(4).tofile("file.txt")
    assert numpy.fromfile("file.txt").sum() == 0


@attack(LIBRARIES)
def safetensors_file() -> None:
    import torch
    from safetensors.torch import load_file, save_file

    save_file({"weight": torch.ones(3)}, "model.pt")
    assert load_file("model.pt")["weight"].sum() == 3


@attack(LIBRARIES)
def data_loader_workers() -> None:
    import torch

    data = torch.utils.data.TensorDataset(torch.arange(64.0))
    loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=2)
    assert sum(float(batch.sum()) for (batch,) in loader) == 2016
