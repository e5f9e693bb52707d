"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from math import inf, isfinite
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from recurra.errors import ConfigError, TrainingError, TrainingStopped
from recurra.train._batches import Batches
from recurra.train._checkpoint import identify, read_checkpoint, refuse_other, write_checkpoint
from recurra.train._config import TrainingConfig
from recurra.train._diagnosis import not_finite
from recurra.train._finder import find_learning_rate
from recurra.train._interrupts import Interrupts
from recurra.train._optimizer import build_optimizer, clip_gradients
from recurra.train._place import Place
from recurra.train._precision import build_fabric
from recurra.train._progress import Progress
from recurra.train._randomness import capture_randomness, restore_randomness, seed_randomness
from recurra.train._result import TrainingResult
from recurra.train._schedule import learning_rate_at
from recurra.train._weights import Average, copy_weights, evaluating, put_weights, weights_of

_TICK = 0.25  # seconds between two looks at the progress display
_SHARE = 0.05  # of the time that checkpoints may take


class Carry(Protocol):
    """What goes from one batch to the next beside the weights; it is kept in checkpoints, for exact resume."""

    def state_dict(self) -> dict[str, Any]:
        """All there is to it: tensors, plain numbers and text in tuples, lists and dicts."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be again as `state_dict` saw it."""
        ...


def train(
    network: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor],
    batches: Batches,
    validate: Callable[[nn.Module], float] | None,
    config: TrainingConfig,
    *,
    carry: Carry | None = None,
    frozen: Mapping[str, int] | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    checkpoint_every: float = 15.0,
) -> TrainingResult:
    """Train `network` to a small `loss(network, batch)`, and leave it with the weights that validated best.

    `config.epochs` must be a number by now. `validate` gives a loss, smaller is better; it is called after each epoch
    with the network in evaluation mode and without gradients. Without it the last weights are kept.

    `carry` is what `loss` keeps from one batch to the next, such as the state of a sequence that is longer than a
    batch. Parameters whose names begin with a key of `frozen` stay as they are until so many epochs are done.

    The place in training is written to `checkpoint` every `checkpoint_every` seconds and after each epoch, though not
    more than once a second and for no more than a twentieth of the time. With `resume` training goes on from there,
    to the same weights and history, bit by bit, as if it had never been interrupted; where no checkpoint was written
    yet it starts from the beginning. A checkpoint of a finished training gives its result at once.

    Raises TrainingStopped after Ctrl-C, once the checkpoint is written; TrainingError for a loss or gradient that
    isn't finite; ConfigError for a checkpoint of another config, network or other data.
    """
    if config.epochs is None:
        raise ConfigError("epochs=None: the number of epochs must be chosen before training; pass epochs=10, say.")
    if len(batches) < 1:
        raise ConfigError("There is no batch to train on. Give more rows, or a shorter context or horizon.")
    if resume and checkpoint is None:
        raise ConfigError("resume=True needs a checkpoint to go on from. Name the file as checkpoint=...")
    threads = torch.get_num_threads()
    run = _Run(
        network, loss, batches, validate, config, config.epochs, carry, dict(frozen or {}), checkpoint, progress,
        checkpoint_every,
    )  # fmt: skip
    try:
        with Interrupts() as interrupts:
            with interrupts.immediate():
                run.start(resume=resume)
            return run.run(interrupts)
    except KeyboardInterrupt:
        raise TrainingStopped(run.describe_stop()) from None
    finally:
        torch.set_num_threads(threads)
        run.thaw(inf)
        if progress is not None:
            progress.close()


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[nn.Module, Any], Tensor],
        batches: Batches,
        validate: Callable[[nn.Module], float] | None,
        config: TrainingConfig,
        epochs: int,
        carry: Carry | None,
        frozen: dict[str, int],
        checkpoint: Path | None,
        progress: Progress | None,
        checkpoint_every: float,
    ) -> None:
        self.network = network
        self.batches = batches
        self.validate = validate
        self.config = config
        self.epochs = epochs
        # A schedule that falls to its end is at its best there: half of it without progress is a fair trial.
        self.patience = max(3, epochs // 2) if config.patience is None else config.patience
        self.steps_per_epoch = len(batches)
        self.steps = epochs * self.steps_per_epoch
        self.carry = carry
        self.frozen = frozen
        self.checkpoint = checkpoint
        self.progress = progress
        self.checkpoint_every = checkpoint_every
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.late = [  # parameters that join later, and when
            (parameter, until)
            for name, parameter in network.named_parameters()
            for start, until in frozen.items()
            if name.startswith(start) and parameter.requires_grad
        ]
        self.fabric = build_fabric(config)
        self.place = Place(learning_rate=0.0)
        self.saved: tuple[int, int] | None = None  # epoch and index of the checkpoint on disk
        self.save_seconds = 0.0

        def precise_loss(network: nn.Module, batch: Any) -> Tensor:
            with self.fabric.autocast():
                return loss(network, batch)

        self.loss = precise_loss

    def start(self, *, resume: bool) -> None:
        """Find the first step: of a fresh training, or the one after the checkpoint."""
        config = self.config
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.identity = identify(
            self.network,
            config,
            steps_per_epoch=self.steps_per_epoch,
            first_batch=self.batches.batch(0, 0),
            frozen=self.frozen,
        )
        self.resumed = resume and self.checkpoint is not None and self.checkpoint.exists()
        if self.resumed:
            assert self.checkpoint is not None
            state = read_checkpoint(self.checkpoint)
            refuse_other(self.checkpoint, state["identity"], self.identity)
            self.place = Place.from_state(state["place"])
            self.optimizer = build_optimizer(self.parameters, config, learning_rate=self.place.learning_rate)
            self.optimizer.load_state_dict(state["optimizer"])
            put_weights(self.network, state["weights"])
            # Sums over threads depend on how many there are; the machine may have changed.
            torch.set_num_threads(state["threads"])
            restore_randomness(state["randomness"])
            self.average = self._build_average(state["average"])
            if self.carry is not None:
                self.carry.load_state_dict(state["carry"])
            self.saved = (self.place.epoch, self.place.index)
        else:
            seed_randomness(config.seed)
            self.thaw(0)
            rate, curve = config.learning_rate, None
            if rate == "auto":
                curve = find_learning_rate(self.network, self.loss, self.batches, config)
                rate = curve.suggestion
            self.place = Place(learning_rate=rate, learning_rate_curve=curve)
            self.optimizer = build_optimizer(self.parameters, config, learning_rate=rate)
            self.average = self._build_average(None)
        self.started = perf_counter() - self.place.seconds
        self.saved_at = perf_counter()

    def thaw(self, epochs: float) -> None:
        """Let the parameters learn whose time has come after so many epochs, and no others."""
        for parameter, until in self.late:
            parameter.requires_grad_(epochs >= until)

    def _build_average(self, means: list[Tensor] | None) -> Average | None:
        decay = self.config.average
        return Average(self.parameters, decay=decay, means=means) if decay else None

    def _averaged(self) -> AbstractContextManager[None]:
        """The network as it would be kept."""
        return nullcontext() if self.average is None else self.average.in_place()

    def run(self, interrupts: Interrupts) -> TrainingResult:
        """All epochs that are left."""
        place, progress = self.place, self.progress
        if progress is not None:
            done = place.epoch * self.steps_per_epoch + place.index
            progress.start(
                epochs=self.epochs,
                steps_per_epoch=self.steps_per_epoch,
                batch_size=self.config.batch_size,
                done=done,
            )
            if self.resumed:
                progress.note(f"resumed after step {done} of {self.steps}")
            elif (curve := place.learning_rate_curve) is not None:
                progress.note(f"learning rate {curve.suggestion:.2g} found: {curve.reason}")
        while not place.finished:
            self._run_steps(interrupts)
            self._end_epoch(interrupts)
        if interrupts.pending:
            raise KeyboardInterrupt
        if place.best_weights:
            put_weights(self.network, place.best_weights)
        result = self._result()
        if progress is not None:
            progress.finish(result)
        return result

    def _run_steps(self, interrupts: Interrupts) -> None:
        """The steps that are left of this epoch; everything in here is paid for at each step."""
        place, config, optimizer, parameters = self.place, self.config, self.optimizer, self.parameters
        network, loss, backward, clip = self.network, self.loss, self.fabric.backward, config.clip
        epoch, average = place.epoch, self.average
        network.train()
        self.thaw(epoch)
        wake = self._wake()
        for index in range(place.index, self.steps_per_epoch):
            rate = self._learning_rate(index)
            for group in optimizer.param_groups:
                group["lr"] = rate
            for parameter in parameters:
                parameter.grad = None
            batch = self.batches.batch(epoch, index)
            value = loss(network, batch)
            number = value.item()
            if not isfinite(number):
                raise self._not_finite(number, None, batch)
            backward(value)
            norm = clip_gradients(parameters, clip)
            if not isfinite(norm):
                raise self._not_finite(number, norm, batch)
            optimizer.step()
            if average is not None:
                average.follow(epoch * self.steps_per_epoch + index)
            place.finish_step(number, norm)
            if perf_counter() >= wake:
                wake = self._look_up()
            if interrupts.pending:
                self._save()
                raise KeyboardInterrupt

    def _end_epoch(self, interrupts: Interrupts) -> None:
        """Validate, remember the best weights, decide whether to go on."""
        place, progress = self.place, self.progress
        validation = None
        if self.validate is not None:
            if progress is not None:
                progress.validating(epoch=place.epoch + 1)
            randomness = capture_randomness()
            try:
                with interrupts.immediate(), self._averaged(), evaluating(self.network):
                    validation = float(self.validate(self.network))
            except KeyboardInterrupt:
                restore_randomness(randomness)
                self._save()
                raise
            if not isfinite(validation):
                raise TrainingError(
                    f"The validation loss is {validation} after epoch {place.epoch + 1} of {self.epochs}, though the "
                    "training losses were finite. Look for missing, infinite or constant values in the validation part."
                )
        record = place.finish_epoch(validation, self._learning_rate(self.steps_per_epoch - 1))
        is_best = validation is not None and validation < place.best_loss
        if validation is None or is_best:
            place.best_epoch = record.epoch
            place.best_loss = record.loss if validation is None else validation
        if is_best or (self.validate is None and self.average is not None):
            with self._averaged():
                place.best_weights = copy_weights(self.network)
        stale = place.epoch - place.best_epoch
        place.stopped_early = 0 < self.patience <= stale and place.epoch < self.epochs
        place.finished = place.stopped_early or place.epoch == self.epochs
        if progress is not None:
            progress.epoch(record, is_best=is_best)
        # An epoch can take milliseconds; a second without a checkpoint costs a killed run one second.
        if place.finished or perf_counter() >= self.saved_at + min(self._save_interval(), max(1.0, self._save_pause())):
            self._save()

    def _look_up(self) -> float:
        """Save and show what is due; when to look up again."""
        place = self.place
        if perf_counter() >= self.saved_at + self._save_interval():
            self._save()
        if self.progress is not None:
            self.progress.step(epoch=place.epoch + 1, index=place.index, loss=place.loss_sum / place.index)
        return self._wake()

    def _wake(self) -> float:
        tick = perf_counter() + _TICK
        return min(tick, self.saved_at + self._save_interval()) if self.checkpoint is not None else tick

    def _save_pause(self) -> float:
        return self.save_seconds / _SHARE

    def _save_interval(self) -> float:
        return max(self.checkpoint_every, self._save_pause()) if self.checkpoint_every else 0.0

    def _save(self) -> None:
        place = self.place
        start = perf_counter()
        place.seconds = start - self.started
        if self.checkpoint is not None:
            write_checkpoint(
                self.checkpoint,
                {
                    "identity": self.identity,
                    "place": place.state(),
                    "weights": weights_of(self.network),
                    "average": None if self.average is None else self.average.means,
                    "optimizer": self.optimizer.state_dict(),
                    "carry": None if self.carry is None else self.carry.state_dict(),
                    "randomness": capture_randomness(),
                    "threads": torch.get_num_threads(),
                },
            )
            self.saved = (place.epoch, place.index)
        self.saved_at = perf_counter()
        self.save_seconds = self.saved_at - start

    def _learning_rate(self, index: int) -> float:
        step = self.place.epoch * self.steps_per_epoch + index
        peak = self.place.learning_rate
        return learning_rate_at(self.config.schedule, step, steps=self.steps, peak=peak, epochs=self.epochs)

    def _not_finite(self, loss: float, norm: float | None, batch: Any) -> TrainingError:
        place = self.place
        earlier = None
        if place.index:
            earlier = self.batches.batch(place.epoch, place.index - 1)
        elif place.epoch:
            earlier = self.batches.batch(place.epoch - 1, self.steps_per_epoch - 1)
        step = place.epoch * self.steps_per_epoch + place.index
        return not_finite(
            loss=loss,
            norm=norm,
            norms=place.norms,
            learning_rate=self._learning_rate(place.index),
            place=f"epoch {place.epoch + 1} of {self.epochs}, step {step} of {self.steps}, batch {place.index}",
            batch=batch,
            earlier_batch=earlier,
        )

    def _result(self) -> TrainingResult:
        place = self.place
        return TrainingResult(
            history=tuple(place.history),
            best_epoch=place.best_epoch,
            best_loss=place.best_loss,
            steps=place.epoch * self.steps_per_epoch,
            seconds=place.seconds,
            stopped_early=place.stopped_early,
            learning_rate=place.learning_rate,
            learning_rate_curve=place.learning_rate_curve,
            resumed=self.resumed,
        )

    def describe_stop(self) -> str:
        """What Ctrl-C leaves, and how to go on."""
        place = self.place
        stopped = f"Training was stopped in epoch {min(place.epoch + 1, self.epochs)} of {self.epochs}."
        if self.checkpoint is None:
            return f"{stopped} Nothing was kept, since no checkpoint was asked for; start again."
        if self.saved is None:
            return f"{stopped} No step was done yet, so nothing is lost: run it again."
        step = self.saved[0] * self.steps_per_epoch + self.saved[1]
        return (
            f"{stopped} The place after step {step} of {self.steps} is kept in {self.checkpoint}: repeat the command "
            "with --resume (in Python: resume=True) to go on from there."
        )
