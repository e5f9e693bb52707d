"""The sum over all paths of a linear-chain field and its gradient, by products of matrices of exponentials."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

_SMALLEST = -300.0  # logarithms that lie further below their largest count as this; e^-300 is below any rounding


class LogPartition(torch.autograd.Function):
    """log of the sum over all paths of exp(score), for each row; see `Crf` for scores.

    Forwards alpha_t = (alpha_t-1 E) * exp(x_t), backwards beta_t-1 = E (exp(x_t) * beta_t), E = exp(transitions), each
    divided by its largest number, in float64 (Rabiner, 1989, V.A): one product a step instead of a logarithm of
    exponentials for every pair of labels. The gradient is the marginals: of steps alpha_t beta_t, of pairs of labels
    alpha_t-1 E exp(x_t) beta_t, each over its sum.
    """

    @staticmethod
    def forward(
        ctx: Any,
        scores: Float[Tensor, "batch time label"],
        transitions: Float[Tensor, "label label"],
        first: Float[Tensor, "label"],
        lengths: Int[Tensor, "batch"],
    ) -> Float[Tensor, "batch"]:
        batch, time, labels = scores.shape
        within = (torch.arange(time, device=scores.device)[:, None] < lengths)[..., None]  # (T, B, 1)
        steps = scores.transpose(0, 1).double().masked_fill(~within, 0.0)  # (T, B, L)
        # A label's score may lie far below another's that no path can take: none is lost by its size alone.
        step_peak = steps.amax(2, keepdim=True)
        steps = (steps - step_peak).clamp_(min=_SMALLEST).exp_()
        peak = transitions.amax().double()
        moves = (transitions.double() - peak).clamp_(min=_SMALLEST).exp_()
        first_peak = first.amax().double()
        start = (first.double() - first_peak).clamp_(min=_SMALLEST).exp_()
        alphas = steps.new_empty(time, batch, labels)
        sizes = steps.new_ones(time, batch, 1)
        now = start * steps[0]
        for t in range(time):
            if t:
                now = torch.where(within[t], (now @ moves).mul_(steps[t]), now)
            torch.amax(now, 1, keepdim=True, out=sizes[t])
            now = torch.div(now, sizes[t], out=alphas[t])
        last = alphas[-1].sum(1)
        total = last.log() + sizes.log().sum((0, 2)) + (step_peak * within).sum((0, 2)) + first_peak
        total += peak * (lengths - 1).clamp(min=0)
        ctx.save_for_backward(steps, moves, alphas, sizes, within, last)
        return (total * (lengths > 0)).to(scores.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = gradients
        steps, moves, alphas, sizes, within, last = ctx.saved_tensors
        time = len(steps)
        # Divided by the sizes of the way forward, alpha_t beta_t are the marginals as they are.
        beta = (within[0] * gradient[:, None] / last[:, None]).expand_as(alphas[0]).contiguous()
        betas = torch.empty_like(alphas)
        arrived = torch.zeros_like(alphas)  # exp(x_t) * beta_t over the size of step t, of steps after the first
        across = moves.T.contiguous()
        for t in range(time - 1, -1, -1):
            betas[t] = beta
            if t:
                here = torch.mul(steps[t], beta).div_(sizes[t]).mul_(within[t])
                arrived[t] = here
                beta = torch.where(within[t], here @ across, beta)
        marginals = alphas * betas * within
        pairs = alphas[:-1].flatten(0, 1).T @ arrived[1:].flatten(0, 1) * moves
        dtype = gradient.dtype
        return marginals.transpose(0, 1).to(dtype), pairs.to(dtype), marginals[0].sum(0).to(dtype), None
