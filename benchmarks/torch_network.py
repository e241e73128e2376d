"""The same network in PyTorch, stepping through bins in Python as lfads-torch does.

Cells with the reset gate before the recurrent product cannot use cuDNN's loop, so encoders and
generator go bin by bin, and autograd goes back through every operation. Dropout, ramps, L2 and logs
are left out, which favours this reference.
"""

from __future__ import annotations

import time

import torch
from torch import nn
from torch.nn import functional

from benchmarks.step_cases import Case


class Cell(nn.Module):
    """One step of a GRU whose reset gate acts before the recurrent product."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.gates = nn.Linear(inputs + units, 2 * units)
        self.candidate = nn.Linear(inputs + units, units)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        r, u = torch.sigmoid(self.gates(torch.cat([x, h], -1))).chunk(2, -1)
        c = torch.tanh(self.candidate(torch.cat([x, r * h], -1)))
        return torch.clamp(u * h + (1 - u) * c, -5, 5)


def _run(cell: Cell, x: torch.Tensor, h: torch.Tensor, *, back: bool = False) -> list[torch.Tensor]:
    states = []
    for t in reversed(range(len(x))) if back else range(len(x)):
        h = cell(x[t], h)
        states.append(h)
    return states[::-1] if back else states


class Network(nn.Module):
    """LFADS without what favours no one."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        self.ic = nn.ModuleList(Cell(case.channels, case.ic_enc) for _ in range(2))
        self.ic_heads = nn.Linear(2 * case.ic_enc, 2 * case.gen)
        self.gen = Cell(max(case.co, 1), case.gen)
        self.fac = nn.Linear(case.gen, case.factors, bias=False)
        self.out = nn.Linear(case.factors, case.channels)
        if case.co:
            self.ci = nn.ModuleList(Cell(case.channels, case.ci_enc) for _ in range(2))
            self.con = Cell(2 * case.ci_enc + case.factors, case.con)
            self.co_heads = nn.Linear(case.con, 2 * case.co)

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        """Return the cost of counts (bins, trials, channels)."""
        case, n = self.case, counts.shape[1]

        def zeros(units: int) -> torch.Tensor:
            return counts.new_zeros(n, units)

        first = zeros(case.ic_enc)
        last = [_run(self.ic[0], counts, first)[-1], _run(self.ic[1], counts, first, back=True)[0]]
        mean, logvar = self.ic_heads(torch.cat(last, -1)).chunk(2, -1)
        gen = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        cost = _kl(mean, logvar)
        states, u = [], zeros(1)
        if case.co:
            first = zeros(case.ci_enc)
            both = _run(self.ci[0], counts, first), _run(self.ci[1], counts, first, back=True)
            encoded = [torch.cat(pair, -1) for pair in zip(*both, strict=True)]
            con, factors = zeros(case.con), self.fac(gen)
        for t in range(len(counts)):
            if case.co:
                con = self.con(torch.cat([encoded[t], factors], -1), con)
                mean, logvar = self.co_heads(con).chunk(2, -1)
                u = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
                cost = cost + _kl(mean, logvar)
            gen = self.gen(u, gen)
            factors = self.fac(gen)
            states.append(factors)
        rates = self.out(torch.stack(states))
        recon = functional.poisson_nll_loss(rates, counts, reduction="none").sum((0, 2))
        return (recon + cost).mean()


def _kl(mean: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    return 0.5 * (torch.exp(logvar) + mean**2 - 1 - logvar).sum(-1)


def seconds_per_step(case: Case, *, steps: int) -> float:
    """Return the wall time of a training step."""
    where = "cuda" if torch.cuda.is_available() else "cpu"
    model = Network(case).to(where)
    counts = torch.as_tensor(case.counts()).transpose(0, 1).contiguous().to(where)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, eps=0.1)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = model(counts)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 200.0)
        optimizer.step()
        return float(loss.detach())

    step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - start) / steps
