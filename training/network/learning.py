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
MINING_FROM, MINING_STEPS = 0.35, 100
"""From this share of the steps on, the hardest adults are chosen anew every so many steps."""


def learn(batches: Batches, steps: int, seed: int, report: Callable[[str], None] = print) -> VoiceNetwork:
    """Train on one core while another makes the next batch: two threads in each operation would wait for each other
    whenever anything else runs on the machine."""
    torch.manual_seed(seed)
    network = VoiceNetwork()
    averaged = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + np.cos(np.pi * step / steps))
    )
    started, running = time.monotonic(), 0.0
    torch.set_num_threads(1)
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as ahead:
        awaited = ahead.submit(batches.draw, PAIRS)
        for step in range(1, steps + 1):
            batch, awaited = awaited.result(), ahead.submit(batches.draw, PAIRS)
            value, odds = _loss(network, batch)
            batches.note(batch, odds)
            if step > MINING_FROM * steps and step % MINING_STEPS == 0:
                batches.mine()
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimiser.step()
            schedule.step()
            _average(averaged, network, min(AVERAGING, step / (step + 20)))
            running = value.item() if step == 1 else 0.98 * running + 0.02 * value.item()
            if step % REPORT_STEPS == 0:
                report(f"step {step} of {steps}: loss {running:.3f}, {time.monotonic() - started:.0f} s")
    return averaged.eval()


def _loss(network: VoiceNetwork, batch: Batch) -> tuple[torch.Tensor, np.ndarray]:
    """The loss and each example's log-odds of a child."""
    logits = network(batch.spectra, batch.speech)
    logs = torch.log_softmax(logits, dim=1)
    right = torch.logsumexp(logs + torch.log(batch.allowed + 1e-9), dim=1)
    loss = -(1 - SMOOTHING) * right.mean() - SMOOTHING * logs.mean()
    odds = child_log_odds(logits).reshape(-1, 2)
    warps = (1 - PITCH_PART) * torch.log(batch.tracts) + PITCH_PART * torch.log(batch.pitches)
    rise = warps.reshape(-1, 2).diff(dim=1)[:, 0]
    ordered = rise.abs() > 0.03
    short_of = rise.abs() * ORDER_SLOPE - rise.sign() * (odds[:, 1] - odds[:, 0])
    order = functional.softplus(short_of[ordered]).sum() / PAIRS
    return loss + ORDER_WEIGHT * order, odds.detach().flatten().numpy()


@torch.no_grad()
def _average(averaged: VoiceNetwork, network: VoiceNetwork, share: float) -> None:
    for kept, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - share)
        else:
            kept.copy_(new)
