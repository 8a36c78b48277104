"""The one training loop: plain PyTorch that every recipe trains its networks with.

A recipe says what is learnt by a `Task`, and how long by `LoopSettings`; `fit` does the rest::

    class Reading:                                     # a Task
        def __init__(self, network, films, tuning): ...
        def __len__(self):
            return len(self.films)
        def loss(self, rows, chance):                  # rows: int64 (n,), this step's films
            images, truth = batch_to(self.network, self.films.images[rows], self.films.truth[rows])
            return binary_cross_entropy_with_logits(self.network(augmented(images, chance)), truth)
        def figure(self):                              # on the tuning films, higher is better
            return area_under_curve(...)
        def optimiser(self):
            return torch.optim.Adam(self.network.parameters(), 1e-4)
        def schedule(self, optimiser, steps_per_epoch, epochs):
            return Schedule(StepLR(optimiser, 8, 0.2), every="epoch")

    history = fit(Reading(...), LoopSettings(epochs=20, batch=16, seed=1), folder=run.path)

Afterwards ``task.network`` holds the weights of the best epoch by ``figure`` (of equals the
latest; ``keep="last"`` takes the last epoch instead), in eval mode and on its device.

What `fit` keeps to:

- **Chance.** All of it in step s of epoch e follows from (seed, name, e, s, process): the
  generator that ``loss`` is given, and the global seeds of PyTorch, NumPy and ``random``, set anew
  before each step. ``numpy_chance`` makes a NumPy generator of the one given. A task keeps no
  generator and no counter of its own; what it draws while it is built follows from its recipe's
  seed. Then a run that was stopped and resumed ends with the same bits as one that was not, on
  the same device with the same number of threads. Networks are to be made from a seed too:
  different starting weights are refused on resuming.
- **Steps.** Films come in an order drawn anew each epoch, in steps of ``batch``; the last, shorter
  step is left out where it would give a process a single film, which batch norm cannot take. A
  task that has a method ``order(chance)`` (see `Ordered`) draws its rows itself, for instance as
  many of each class.
- **Validation** is once an epoch, on the tuning films, with the network in eval mode and without
  gradients. It is not done within an epoch: a recipe whose paper validates every so many steps
  says how many steps its epoch has.
- **Files**, when there is a ``folder``: ``checkpoints/<name>.progress`` after each epoch, replaced
  by ``checkpoints/<name>.safetensors`` (the weights kept, with the history) at the end;
  ``logs/<name>.csv``; TensorBoard scalars in ``tensorboard/<name>``. With ``resume=True`` a
  finished fit is read and not repeated, an unfinished one goes on behind its last whole epoch, and
  one begun with other settings, films, starting weights or optimiser is refused by name. An epoch
  that was interrupted begins again. Reading a checkpoint never runs code from it.
- **Several processes**: under ``torchrun`` each takes its part of every step's films
  (``rows[rank::processes]``) and gradients are averaged over all of them, so that ``batch`` counts
  the films of all processes together, and two processes take the steps that one would. Batch norm
  is the exception: each process normalises by its own part. Process 0 alone evaluates, reports and
  writes; ``leads()`` tells a recipe whether it is that one.

A recipe begins or goes on with its folder by `RunFolder`, which locks it and keeps ``run.json``::

    plan = RunPlan("csm", asdict(settings), seed=1, data=films.digest(), contract=__doc__)
    with RunFolder.opened(out, plan, resume=resume, report=stages.say) as run:
        history = fit(task, settings, folder=run.path, data=plan.data, report=stages.say)
        if leads():
            write_predictions(run.path / PREDICTIONS, ...)
"""

from __future__ import annotations

from training.loop.chance import compute_alike
from training.loop.checkpoint import read_weights
from training.loop.fit import fit
from training.loop.history import Epoch, History, read_history
from training.loop.processes import leads
from training.loop.run_folder import RunFolder, RunPlan, RunRecord, Status, read_run
from training.loop.task import (
    LoopSettings,
    Ordered,
    Schedule,
    Task,
    batch_to,
    device_of,
    numpy_chance,
)

__all__ = [
    "Epoch",
    "History",
    "LoopSettings",
    "Ordered",
    "RunFolder",
    "RunPlan",
    "RunRecord",
    "Schedule",
    "Status",
    "Task",
    "batch_to",
    "compute_alike",
    "device_of",
    "fit",
    "leads",
    "numpy_chance",
    "read_history",
    "read_run",
    "read_weights",
]
