"""The training loop: cross-entropy over the classes an example may have, order within pairs, averaged weights."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch.nn import functional

from training.network.batches import Batch, Batches
from training.network.model import VoiceNetwork, child_log_odds

PAIRS = 32
REPORT_STEPS = 50
RATE = 3e-3
WEIGHT_DECAY = 0.05
WARM_UP = 100
AVERAGING = 0.998
SMOOTHING = 0.02
"""Of the target that goes to the other classes: speakers of 12 are not children beyond doubt, nor is every warp."""
ORDER_WEIGHT = 0.3
ORDER_SLOPE = 8.0
"""Nats that the score should rise by for each unit of log warp: 1.3 for a warp of 1.18, 2.6 for one of 1.38."""
PITCH_PART = 0.2
"""Of the warp that counts for the order is pitch, the rest is the tract: children differ from women in both, but in
pitch little (Hillenbrand 1995, own analysis: AUC 0.69 against 0.88)."""
BFLOAT16 = torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
"""Where the processor multiplies in bfloat16, a step takes two thirds of its time; elsewhere it would take longer."""
MINING_FROM, MINING_STEPS = 0.35, 100
"""From this share of the steps on, the hardest adults are chosen anew every so many steps."""


def learn(
    batches: Batches,
    steps: int,
    seed: int,
    start: VoiceNetwork | None = None,
    report: Callable[[str], None] = print,
) -> VoiceNetwork:
    """Train a new network, or ``start`` once more, for one cycle of the learning rate; its averaged weights.

    It takes two cores: each takes half of a batch through its own copy of the network and the gradients are added.
    Two threads inside each operation would wait for each other whenever anything else runs on the machine."""
    torch.manual_seed(seed)
    network = copy.deepcopy(start).train() if start else VoiceNetwork()
    averaged, twin = copy.deepcopy(network), copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + np.cos(np.pi * step / steps))
    )
    started, running = time.monotonic(), 0.0
    torch.set_num_threads(1)
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as beside:
        awaited = beside.submit(batches.draw, PAIRS)
        for step in range(1, steps + 1):
            batch = awaited.result()
            other = beside.submit(_backward, twin, batch, slice(PAIRS, 2 * PAIRS))
            value, odds = _backward(network, batch, slice(0, PAIRS))
            awaited = beside.submit(batches.draw, PAIRS)
            others_value, others_odds = other.result()
            for own, theirs in zip(network.parameters(), twin.parameters(), strict=True):
                own.grad = (own.grad + theirs.grad) / 2
            torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            _average(averaged, network, min(AVERAGING, step / (step + 20)))
            with torch.no_grad():
                for own, theirs in zip(network.parameters(), twin.parameters(), strict=True):
                    theirs.copy_(own)
            batches.note(batch, np.concatenate([odds, others_odds]))
            if step > MINING_FROM * steps and step % MINING_STEPS == 0:
                batches.mine()
            value = (value + others_value) / 2
            running = value if step == 1 else 0.98 * running + 0.02 * value
            if step % REPORT_STEPS == 0:
                report(f"step {step} of {steps}: loss {running:.3f}, {time.monotonic() - started:.0f} s")
    return averaged.eval()


def _backward(network: VoiceNetwork, batch: Batch, half: slice) -> tuple[float, np.ndarray]:
    """Gradients of one half of the batch, its loss, and each example's log-odds of a child."""
    network.zero_grad(set_to_none=True)
    value, odds = _loss(network, batch, half)
    value.backward()
    return value.item(), odds


def _loss(network: VoiceNetwork, batch: Batch, half: slice) -> tuple[torch.Tensor, np.ndarray]:
    with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
        logits = network(batch.spectra[half], batch.speech[half]).float()
    logs = torch.log_softmax(logits, dim=1)
    right = torch.logsumexp(logs + torch.log(batch.allowed[half] + 1e-9), dim=1)
    loss = -(1 - SMOOTHING) * right.mean() - SMOOTHING * logs.mean()
    odds = child_log_odds(logits).reshape(-1, 2)
    warps = (1 - PITCH_PART) * torch.log(batch.tracts[half]) + PITCH_PART * torch.log(batch.pitches[half])
    rise = warps.reshape(-1, 2).diff(dim=1)[:, 0]
    ordered = rise.abs() > 0.03
    short_of = rise.abs() * ORDER_SLOPE - rise.sign() * (odds[:, 1] - odds[:, 0])
    order = functional.softplus(short_of[ordered]).sum() / len(odds)
    return loss + ORDER_WEIGHT * order, odds.detach().flatten().numpy()


@torch.no_grad()
def _average(averaged: VoiceNetwork, network: VoiceNetwork, share: float) -> None:
    for kept, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - share)
        else:
            kept.copy_(new)
