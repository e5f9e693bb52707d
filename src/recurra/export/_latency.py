from __future__ import annotations

from statistics import median
from time import perf_counter_ns

from recurra.bundle import Bundle
from recurra.export._layout import composition_of, lay_out
from recurra.export._samples import sample
from recurra.runtime import Network

_CALLS = 200
_WARM = 20


def step_microseconds(bundle: Bundle) -> tuple[float, str]:
    """The median time that the runtime takes for one step of one sequence, or for one window; and which of these."""
    layout = lay_out(composition_of(bundle))
    network = Network(layout.composition, bundle.quantised())
    inputs = sample(layout, batch=1, longer=0, seed=0)
    streams = not layout.composition.obstacles()
    states = [network.begin()] if streams else []
    if streams:
        inputs = {name: array[:, 0] for name, array in inputs.items()}
    times = []
    for _ in range(_WARM + _CALLS):
        start = perf_counter_ns()
        if streams:
            network.step(inputs, states)
        else:
            network.run(inputs)
        times.append(perf_counter_ns() - start)
    return median(times[_WARM:]) / 1000, "step" if streams else "window"
