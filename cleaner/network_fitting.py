"""Learns a `Network` with rounds from the lines of pages: Adam by hand, for no dependency of the project fits one.

Pages are taken as stretches of neighbouring lines, several to a batch; everything is single precision and the work of
one thread, so the same pages and seed give the same network on the same kind of processor.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from cleaner.network import (
    AROUND,
    LEVELS,
    STEP,
    TOLD,
    Network,
    Round,
    Rows,
    neighbours,
    rounded,
    stretches,
)

__all__ = ["Plan", "fit_network"]

# Of a longer page so many neighbouring lines are learnt from each time, with more weight.
STRETCH = 256
BATCH = 2048  # lines
WARM_UP = 200  # batches until the full rate, which then falls to nothing along half a cosine
BETAS, EPSILON, DECAY, CLIP = (0.9, 0.999), 1e-8, 0.01, 1.0  # decay as in AdamW (Loshchilov and Hutter 2019)
# A unit's largest values are cut off where a thousandth of its lines are, so that most have finer steps.
SETTING_OUT, CUT = 40, 0.999
FAR = 30  # log-odds beyond which single precision knows no doubt

Array: TypeAlias = "npt.NDArray[np.float32]"


class Plan(NamedTuple):
    """How a network is learnt: its units, how many numbers sum up a line for others, its rounds, at which rate, how
    often all pages are gone through, and which share of a round's inputs is left out each time (of the features half
    of that), so that no line is known by few of them (Srivastava et al. 2014, "Dropout").
    """

    units: int
    summary: int
    rounds: int
    rate: float
    epochs: int
    dropout: float = 0.0


def fit_network(
    steps: npt.NDArray[np.int8],
    labels: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
    start: Rows,
    size: Rows,
    plan: Plan,
    seed: int,
) -> tuple[Network, float]:
    """A network, and the log-odds that it begins from.

    ``steps`` are the features of all lines by `cleaner.network.quantized`, and each page to learn from has the
    ``size`` rows from ``start``. The network's ``mean`` and ``scale`` are left empty: those that made the steps.
    """
    rng = np.random.default_rng(seed)
    learnt = _begin(steps.shape[1], plan, rng)
    moments = [(np.zeros_like(part), np.zeros_like(part)) for part in learnt]
    upto = np.concatenate([[0.0], np.cumsum(weight)])
    mean = float((upto[start + size] - upto[start]).sum() / size.sum())
    number = 0
    for epoch in range(plan.epochs):
        batches = _batches(start, size, rng)
        for done, batch in enumerate(batches):
            counts = (weight[batch.rows] * batch.counts / mean).astype(np.float32)
            some = _some(len(batch.rows), learnt, plan, rng) if plan.dropout else None
            slopes = _slopes(learnt, _inputs(steps, batch), labels[batch.rows], counts, batch.start, plan, some)
            progress = (epoch + done / len(batches)) / plan.epochs
            number += 1
            rate = plan.rate * min(1.0, number / WARM_UP) * 0.5 * (1 + np.cos(np.pi * progress))
            _adam(learnt, slopes, moments, rate, number)
    found = [_forward(learnt, _inputs(steps, batch), batch.start, plan) for batch in batches[:SETTING_OUT]]
    highest = [
        [np.quantile(np.abs(np.concatenate(parts)), CUT, axis=0) for parts in zip(*of_batches, strict=True)]
        for of_batches in ([f.units[:-1] for f in found], [f.summary for f in found])
    ]
    return _set_out(learnt, *highest), float(learnt[-1][0])


class _Batch(NamedTuple):
    """Stretches of pages: their rows, what each row counts, and where each stretch begins among them."""

    rows: Rows
    counts: npt.NDArray[np.float64]
    start: Rows


def _batches(start: Rows, size: Rows, rng: np.random.Generator) -> list[_Batch]:
    """Every page once, in chance order."""
    length = np.minimum(size, STRETCH)
    first = start + (rng.random(len(start)) * (size - length + 1)).astype(np.int64)
    order = rng.permutation(len(start))
    batch_of = np.cumsum(length[order]) // BATCH
    out = []
    for pages in np.split(order, np.flatnonzero(np.diff(batch_of)) + 1):
        sizes = length[pages]
        begins = np.cumsum(sizes) - sizes
        rows = np.repeat(first[pages] - begins, sizes) + np.arange(sizes.sum())
        out.append(_Batch(rows, np.repeat(size[pages] / sizes, sizes), begins))
    return out


def _inputs(steps: npt.NDArray[np.int8], batch: _Batch) -> Array:
    out: Array = steps[batch.rows].astype(np.float32)
    out /= STEP
    return out


# What is learnt, as one list: the first weights and biases, of each round those of the summary, of all its inputs and
# its biases, the last weights and bias.
Learnt: TypeAlias = list[Array]


def _begin(features: int, plan: Plan, rng: np.random.Generator) -> Learnt:
    def chance(inputs: int, units: int, spread: float) -> Array:
        out: Array = (rng.standard_normal((inputs, units)) * spread / np.sqrt(inputs)).astype(np.float32)
        return out

    width = plan.units + plan.summary * TOLD
    out = [chance(features, plan.units, 1.4), np.zeros(plan.units, dtype=np.float32)]
    for _ in range(plan.rounds):
        out += [chance(plan.units, plan.summary, 1.0), chance(width, plan.units, 1.4)]
        out.append(np.zeros(plan.units, dtype=np.float32))
    return [*out, chance(plan.units, 1, 0.1), np.zeros(1, dtype=np.float32)]


def _some(rows: int, learnt: Learnt, plan: Plan, rng: np.random.Generator) -> Learnt:
    """What is left of the features and of each round's inputs: 0, or more than 1 so that sums stay the same."""
    kept = [(len(learnt[0]), 1 - plan.dropout / 2)]
    kept += [(len(weight), 1 - plan.dropout) for _, weight, _ in _rounds(learnt, plan)]
    return [
        (rng.random((rows, width), dtype=np.float32) < share).astype(np.float32) / np.float32(share)
        for width, share in kept
    ]


class _Found(NamedTuple):
    """What a batch's lines were found to be: whom each is told of, one by one and in stretches; their units before each
    round and at last; the summary, the inputs and the outcome of each round; and the log-odds.
    """

    around: Rows
    low: Rows
    high: Rows
    units: list[Array]
    summary: list[Array]
    inputs: list[Array]
    added: list[Array]
    odds: Array


def _around(start: Rows, rows: int) -> Rows:
    """The lines that each is told of, shape (rows, len(AROUND)); -1 where there is none."""
    page = np.repeat(np.arange(len(start)), np.diff(start, append=rows))
    return np.stack([neighbours(np.arange(rows), page, offset) for offset in AROUND], axis=1)


def _told(units: Array, summary: Array, around: Rows, low: Rows, high: Rows, start: Rows) -> Array:
    """A round's inputs."""
    rows = len(units)
    of_lines = np.concatenate([summary, np.zeros_like(summary[:1])])
    sums = np.concatenate([np.zeros((1, summary.shape[1])), np.cumsum(summary, axis=0, dtype=np.float64)])
    of_stretches = ((sums[high] - sums[low]) / _lines(low, high)).reshape(rows, -1)
    sizes = np.diff(start, append=rows)
    mean = np.add.reduceat(summary, start, axis=0) / sizes[:, None].astype(np.float32)
    told = [units, of_lines[around].reshape(rows, -1), of_stretches, np.repeat(mean, sizes, axis=0)]
    return np.concatenate(told, axis=1, dtype=np.float32)


def _lines(low: Rows, high: Rows) -> Rows:
    """How many lines there are in each stretch, at least 1: shape (lines, stretches, 1)."""
    found: Rows = np.maximum(high - low, 1)[:, :, None]
    return found


def _forward(learnt: Learnt, inputs: Array, start: Rows, plan: Plan, some: Learnt | None = None) -> _Found:
    around, (low, high) = _around(start, len(inputs)), stretches(start, len(inputs))
    units = [np.maximum(inputs @ learnt[0] + learnt[1], 0)]
    summaries, told, added = [], [], []
    for i, (summary, weight, bias) in enumerate(_rounds(learnt, plan)):
        summaries.append(units[-1] @ summary)
        told.append(_told(units[-1], summaries[-1], around, low, high, start))
        if some is not None:
            told[-1] *= some[i + 1]
        added.append(np.maximum(told[-1] @ weight + bias, 0))
        units.append(units[-1] + added[-1])
    return _Found(around, low, high, units, summaries, told, added, (units[-1] @ learnt[-2])[:, 0] + learnt[-1][0])


def _rounds(learnt: Learnt, plan: Plan) -> list[Learnt]:
    return [learnt[3 * i + 2 : 3 * i + 5] for i in range(plan.rounds)]


def _slopes(
    learnt: Learnt,
    inputs: Array,
    labels: npt.NDArray[np.int64],
    counts: Array,
    start: Rows,
    plan: Plan,
    some: Learnt | None = None,
) -> Learnt:
    """The gradient of the mean log loss of a batch, in the order of ``learnt``."""
    if some is not None:
        inputs = inputs * some[0]
    found = _forward(learnt, inputs, start, plan, some)
    p = 1 / (1 + np.exp(-np.clip(found.odds, -FAR, FAR)))
    wrong = counts * (p - labels).astype(np.float32) / np.float32(BATCH)
    rows, own, width = len(inputs), plan.units, plan.summary
    sizes = np.diff(start, append=rows)
    around = found.around[:, ::-1]  # whom a line tells
    out = [(wrong @ found.units[-1])[:, None], wrong.sum(keepdims=True)]
    by_units = wrong[:, None] * learnt[-2][:, 0]
    for i, (summary, weight, _) in reversed(list(enumerate(_rounds(learnt, plan)))):
        by_sum = by_units * (found.added[i] > 0)
        by_input = by_sum @ weight.T
        if some is not None:
            by_input *= some[i + 1]
        ends = [width * len(AROUND), -width]
        of_lines, of_stretches, of_page = np.split(by_input[:, own:], ends, axis=1)
        told = np.zeros((rows + 1, len(AROUND), width), dtype=np.float32)
        told[:rows] = of_lines.reshape(rows, -1, width)
        by_mean = np.add.reduceat(of_page, start, axis=0) / sizes[:, None].astype(np.float32)
        by_summary = np.repeat(by_mean, sizes, axis=0)
        for place in range(len(AROUND)):
            by_summary += told[around[:, place], place]
        by_summary += _by_stretches(of_stretches.reshape(rows, -1, width), found.low, found.high)
        out = [found.units[i].T @ by_summary, found.inputs[i].T @ by_sum, by_sum.sum(axis=0), *out]
        by_units = by_units + by_input[:, :own] + by_summary @ summary.T
    by_units = by_units * (found.units[0] > 0)
    return [inputs.T @ by_units, by_units.sum(axis=0), *out]


def _by_stretches(slopes: npt.NDArray[np.floating[Any]], low: Rows, high: Rows) -> Array:
    """What the slopes of the means of stretches make of the slopes of the lines in them."""
    rows, _, width = slopes.shape
    share = (slopes / _lines(low, high)).reshape(-1, width)
    change = np.zeros((rows + 1, width))  # from each line to the next
    for i in range(width):
        change[:, i] = np.bincount(low.ravel(), share[:, i], rows + 1)
        change[:, i] -= np.bincount(high.ravel(), share[:, i], rows + 1)
    found: Array = np.cumsum(change, axis=0)[:-1].astype(np.float32)
    return found


def _adam(learnt: Learnt, slopes: Learnt, moments: list[tuple[Array, Array]], rate: float, number: int) -> None:
    """One step, in place (Kingma and Ba 2015), of slopes whose common length is cut to `CLIP`."""
    length = np.sqrt(sum(float(np.vdot(part, part)) for part in slopes))
    factor = np.float32(min(1.0, CLIP / (length + EPSILON)))
    first, second = BETAS
    for part, slope, (mean, square) in zip(learnt, slopes, moments, strict=True):
        slope = slope * factor
        mean += np.float32(1 - first) * (slope - mean)
        square += np.float32(1 - second) * (slope * slope - square)
        step = (mean / np.float32(1 - first**number)) / (
            np.sqrt(square / np.float32(1 - second**number)) + np.float32(EPSILON)
        )
        part -= np.float32(rate) * (step + np.float32(DECAY) * part)


def _set_out(
    learnt: Learnt, of_units: list[npt.NDArray[np.float64]], of_summary: list[npt.NDArray[np.float64]]
) -> Network:
    """What was learnt as whole numbers and the sizes of their steps; ``of_…`` are the largest values of each round."""
    whole, step = rounded(learnt[0][None].astype(np.float64))
    rounds = []
    for i, (high, high_summary) in enumerate(zip(of_units, of_summary, strict=True)):
        summary, weight, bias = learnt[3 * i + 2 : 3 * i + 5]
        level, summary_level = (np.where(top > 0, LEVELS / np.maximum(top, 1e-6), 0) for top in (high, high_summary))
        whole_summary, summary_step = rounded(_by_step(summary, level))
        whole_weight, unit = rounded(_by_step(weight, np.concatenate([level, *[summary_level] * TOLD])))
        rounds.append(
            Round(
                level.astype(np.float32),
                whole_summary[0].astype(np.float32),
                (summary_step * summary_level).astype(np.float32),
                whole_weight[0].astype(np.float32),
                unit,
                bias,
            )
        )
    none = np.zeros(0, dtype=np.float32)
    return Network(
        none, none, whole.astype(np.float32), step / np.float32(STEP), learnt[1], learnt[-2][:, 0], tuple(rounds)
    )


def _by_step(weight: Array, level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights for inputs that have so many steps, shape (1, inputs, units); 0 for inputs that have none."""
    return np.where(level > 0, 1 / np.maximum(level, 1e-9), 0)[None, :, None] * weight
