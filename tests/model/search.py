"""Breadth first through all states of a model, with the shortest way to a violation."""

from collections import deque

from .session import Model, Violation
from .state import State, show


class Found:
    """What a search came to."""

    def __init__(self, states: int, complete: bool, problem: str = "", trace: list[str] | None = None) -> None:
        self.states = states
        self.complete = complete
        self.problem = problem
        self.trace = trace or []

    def text(self) -> str:
        if not self.problem:
            return f"model: {self.states} states, no violation" + ("" if self.complete else " (not complete)")
        return "\n".join([f"{self.problem}, after {self.states} states:", *self.trace])


def search(model: Model, limit: int = 2_000_000) -> Found:
    """All reachable states, or the first violation."""
    start = model.start()
    seen: dict[State, tuple[State, str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        if len(seen) > limit:
            return Found(len(seen), complete=False)
        state = waiting.popleft()
        try:
            model.check(state)
            steps = list(model.steps(state))
            if not steps:
                model.check_rest(state)
            steps += model.faults(state)
        except Violation as violation:
            return Found(len(seen), True, str(violation), _trace(seen, state))
        for step, after in steps:
            if after not in seen:
                seen[after] = (state, step)
                waiting.append(after)
    return Found(len(seen), complete=True)


def _trace(seen: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    lines = [f"     => {show(state)}"]
    link = seen[state]
    while link is not None:
        before, step = link
        lines.append(f"  {step}")
        link = seen[before]
    lines.reverse()
    return [f"{number + 1:3}{line}" for number, line in enumerate(lines)]
