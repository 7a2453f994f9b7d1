"""The state machine against a model of it that is simple enough to be believed.

The model is a line of actions and a place in it: no ids, few moments, and nothing of how it is stored.
"""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from osie.tink.domain.errors import ConflictError
from osie.tink.domain.states import accept, booted, decide, hand_out, netbooted, report
from osie.tink.domain.states_operator import cancel, retry, run_again
from osie.tink.domain.states_time import GRACE_S, Clock, Patience, expire, listen
from osie.tink.domain.steps import OutOfTurnError, Step
from osie.tink.domain.workflow import Action, ActionState, Cause, State, Task, Workflow, current, runs

AGENTS = ("one", "two")
REPORTS = st.sampled_from([ActionState.RUNNING, ActionState.SUCCESS, ActionState.FAILED, ActionState.TIMEOUT])
LIMIT, BACKOFF_S, TIMEOUT_S, GLOBAL_S = 2, 5, 20, 300


@dataclass
class Line:
    """What a template says of one action."""

    agent: str
    reboot: bool
    retries: int
    hooks: frozenset[str]  # of "FAILED" and "TIMEOUT"
    condition: bool


MOSTLY = st.sampled_from([True, True, True, False])
BOOTS = st.sampled_from(["A", "A", "B", ""])  # of the machine that asks; "": it doesn't tell
LINES = st.builds(
    Line,
    agent=st.sampled_from(AGENTS),
    reboot=st.booleans(),
    retries=st.integers(0, 2),
    hooks=st.frozensets(st.sampled_from(["FAILED", "TIMEOUT"])),
    condition=st.booleans(),
)


def workflow_of(line: list[Line]) -> Workflow:
    """A task for each action: tasks hand over in order, as actions do."""
    tasks = tuple(
        Task(
            f"t{n}",
            f"t{n}",
            each.agent,
            (each.agent,),
            (
                Action(
                    str(n),
                    f"n{n}",
                    "image",
                    TIMEOUT_S,
                    reboot=each.reboot,
                    retries=each.retries,
                    retry_backoff_s=BACKOFF_S,
                    on_failure=("f",) if "FAILED" in each.hooks else (),
                    on_timeout=("t",) if "TIMEOUT" in each.hooks else (),
                    condition="c" if each.condition else "",
                ),
            ),
        )
        for n, each in enumerate(line)
    )
    return Workflow("w", "default", "wf", "hw", "tpl", tasks, GLOBAL_S)


class Model(RuleBasedStateMachine):
    """`place` actions are done; the next one may wait, be handed out, run, or have its hook run."""

    @initialize(line=st.lists(LINES, min_size=1, max_size=4))
    def start(self, line: list[Line]) -> None:
        """Any workflow of up to four actions."""
        self.line = line
        step = accept(workflow_of(line), 0.0)
        self.workflow, self.history = step.workflow, list(step.changes)
        self.now = 1.0
        self.seen_ids: list[str] = []
        self.skipped: set[int] = set()
        self.fresh(0)

    def fresh(self, place: int) -> None:
        """The model at an action that has not been tried."""
        self.place, self.attempt, self.ready_at = place, 1, 0.0
        self.running = self.handed = self.decided = False
        self.handed_boot = ""  # in which it was handed out, before it ran
        self.hook, self.hook_since = "", 0.0  # the outcome that the hook waits to give
        self.since = 0.0
        self.ended, self.boots = "", 0
        self.began_at: float | None = None

    def take(self, step: Step) -> None:
        """The next state, and its events behind the others."""
        self.workflow = step.workflow
        self.history += step.changes
        turn = current(self.workflow)
        if turn is not None and turn.action.id not in self.seen_ids:
            self.seen_ids.append(turn.action.id)

    @property
    def over(self) -> bool:
        """It ended."""
        return bool(self.ended)

    @property
    def now_at(self) -> Line:
        """What it is at."""
        return self.line[self.place]

    @property
    def undecided(self) -> bool:
        """The condition must be looked at first."""
        return self.now_at.condition and not self.decided

    def advance(self) -> None:
        """The model's action is done."""
        began_at = self.began_at
        self.fresh(self.place + 1)
        self.began_at = began_at
        if self.place == len(self.line):
            self.ended = "SUCCESS"

    def fall(self, outcome: str) -> None:
        """The model's action did not succeed."""
        if self.hook:
            self.ended = self.hook
        elif self.attempt <= self.now_at.retries:
            wait_s = BACKOFF_S * 2 ** (self.attempt - 1)
            self.attempt, self.running, self.handed = self.attempt + 1, False, False
            self.handed_boot, self.ready_at = "", self.now + wait_s
        elif outcome in self.now_at.hooks:
            self.hook, self.running, self.hook_since = outcome, False, self.now
        else:
            self.ended = outcome

    def runs_now(self) -> None:
        """The model's action, or hook, begins."""
        if not self.running:
            self.running, self.since = True, self.now
        if self.began_at is None:
            self.began_at = self.now

    def whose(self, right: bool) -> str:
        """The agent whose turn it is, or the other one."""
        mine = self.line[min(self.place, len(self.line) - 1)].agent
        return mine if right else AGENTS[1 - AGENTS.index(mine)]

    @rule(right=MOSTLY, holds=st.booleans(), fine=MOSTLY, boot=BOOTS)
    def ask(self, right: bool, holds: bool, fine: bool, boot: str) -> None:
        """An agent gets the next action if it is its own, due and wanted.

        In another boot than the one that a running reboot was handed out to, that is done so.
        """
        agent, faulty = self.whose(right), not fine
        while not self.over and self.now_at.agent == agent and self.undecided:
            turn = current(self.workflow)
            assert turn is not None
            fault = "no such key" if faulty else ""
            self.take(decide(self.workflow, turn.action.id, holds=holds, fault=fault, at=self.now))
            if self.began_at is None and (faulty or not holds):
                self.began_at = self.now
            if faulty:
                self.ended = "FAILED"
            elif holds:
                self.decided = True
            else:
                self.skipped.add(self.place)
                self.advance()
        self.ask_plainly(agent, boot)

    def ask_plainly(self, agent: str, boot: str) -> None:
        """The same without conditions."""
        try:
            step, turn = hand_out(self.workflow, {agent}, self.now, boot)
        except OutOfTurnError:
            assert self.now_at.agent != agent or self.now < self.ready_at
            return
        self.take(step)
        while not self.over and self.running and self.now_at.agent == agent and self.now_at.reboot:
            if self.hook or (boot and boot == self.handed_boot):
                break
            self.advance()
        if self.over or self.now_at.agent != agent or self.undecided:
            assert turn is None
        else:
            assert turn is not None
            assert (
                turn.action.name
                == f"n{self.place}" + ({"FAILED": ".on-failure", "TIMEOUT": ".on-timeout", "": ""}[self.hook])
            )
            assert turn.action.attempt == (1 if self.hook else self.attempt)
            self.handed = True
            if not self.running:
                self.handed_boot = boot

    @rule(state=REPORTS)
    def tell(self, state: ActionState) -> None:
        """A report on the run whose turn it is moves it."""
        turn = current(self.workflow)
        if turn is None or (not self.over and self.undecided and not self.hook):
            return
        if self.over and state is ActionState.RUNNING:
            self.refused(turn.task.agents, turn.action.id)
            return
        self.take(report(self.workflow, turn.task.agents, turn.action.id, state, self.now))
        if self.over:
            return
        self.runs_now()
        if state is ActionState.SUCCESS and self.hook:
            self.ended = self.hook
        elif state is ActionState.SUCCESS:
            self.advance()
        elif state is not ActionState.RUNNING:
            self.fall(state.value)

    @rule(boot=BOOTS, then=BOOTS)
    def lose(self, boot: str, then: str) -> None:
        """A worker asks, says that it begins, and is killed: the next one asks, perhaps in another boot."""
        self.ask(right=True, holds=True, fine=True, boot=boot)
        self.tell(ActionState.RUNNING)
        self.ask(right=True, holds=True, fine=True, boot=then)

    @precondition(lambda self: not self.over)
    @rule(
        state=st.sampled_from([ActionState.FAILED, ActionState.TIMEOUT]),
        seconds=st.sampled_from([70.0, 400.0]),
    )
    def leave(self, state: ActionState, seconds: float) -> None:
        """A run ends badly, and nobody comes for what follows: another attempt, a hook."""
        self.ask(right=True, holds=True, fine=True, boot="")
        self.tell(state)
        if not self.over:
            self.wait(seconds)

    @precondition(lambda self: bool(getattr(self, "seen_ids", None)))
    @rule(data=st.data(), state=REPORTS)
    def tell_late(self, data: st.DataObject, state: ActionState) -> None:
        """That a run ended which is over changes nothing, whenever it is told; that it begins is refused."""
        turn = current(self.workflow)
        late = [i for i in self.seen_ids if turn is None or i != turn.action.id]
        if not late:
            return
        run = data.draw(st.sampled_from(late))
        names = {i: task for i, task, _ in runs(self.workflow)}
        agents = next(task.agents for task in self.workflow.tasks if task.name == names[run])
        if state is ActionState.RUNNING:
            self.refused(agents, run)
        else:
            assert report(self.workflow, agents, run, state, self.now).changes == ()

    def refused(self, agents: tuple[str, ...], run: str) -> None:
        """An agent may not begin this run."""
        try:
            report(self.workflow, agents, run, ActionState.RUNNING, self.now)
        except OutOfTurnError:
            return
        raise AssertionError("it was taken")

    @rule(right=MOSTLY, osie=MOSTLY)
    def boot(self, right: bool, osie: bool) -> None:
        """A boot completes a reboot that was begun; too many without a success end the workflow."""
        agent = self.whose(right)
        self.take(booted(self.workflow, {agent}, self.now, LIMIT))
        if not self.over and self.now_at.agent == agent:
            if self.now_at.reboot and not self.hook and (self.handed or self.running):
                self.runs_now()
                self.advance()
            elif self.boots >= LIMIT:
                self.ended = "FAILED"
                assert self.workflow.cause is Cause.LOOP
        if osie:
            self.take(netbooted(self.workflow, {agent}))
            if not self.over and self.now_at.agent == agent:
                self.boots += 1

    @precondition(lambda self: not self.over)  # nothing waits in one that ended
    @rule(seconds=st.sampled_from([1.0, 4.0, 30.0, 70.0, 400.0]))
    def wait(self, seconds: float) -> None:
        """Time passes. What is overdue ends; what isn't does not."""
        self.now += seconds
        before = self.workflow.state
        self.take(listen(self.workflow, None, Clock(self.now), Patience()))
        assert self.workflow.state is before  # silence alone moves nothing
        self.take(expire(self.workflow, Clock(self.now)))
        bound = TIMEOUT_S + GRACE_S
        if self.running and self.now - self.since > bound:
            self.fall("TIMEOUT")
        elif self.running and self.hook:
            pass  # what has begun to clean up may end
        elif self.began_at is not None and self.now - self.began_at > GLOBAL_S + GRACE_S:
            self.ended = "TIMEOUT"
            assert self.workflow.cause is Cause.GLOBAL_TIMEOUT
        elif self.hook and self.now - self.hook_since > bound:
            self.ended = self.hook

    @precondition(lambda self: not self.over and self.now > 100)
    @rule()
    def stop(self) -> None:
        """An operator cancels: what has not ended fails at once."""
        self.take(cancel(self.workflow, self.now, who="operator"))
        self.ended = "FAILED"
        assert self.workflow.cause is Cause.CANCELLED

    @rule(back=st.integers(0, 3))
    def go_on(self, back: int) -> None:
        """An operator retries, from where it failed or before."""
        target = max(0, self.place - back)
        try:
            step = retry(self.workflow, self.now, who="operator", action=f"n{target}" if back else "")
        except ConflictError:
            assert self.ended not in {"FAILED", "TIMEOUT"}
            return
        self.take(step)
        self.skipped = {place for place in self.skipped if place < target}
        self.fresh(target)

    @rule()
    def again(self) -> None:
        """An operator runs it again."""
        run = self.workflow.run
        try:
            self.take(run_again(self.workflow, self.now, who="operator"))
        except ConflictError:
            assert not self.over
            return
        assert self.workflow.run == run + 1
        self.skipped = set()
        self.fresh(0)

    @invariant()
    def agrees(self) -> None:
        """The workflow's state is what the model says."""
        if not hasattr(self, "line"):
            return
        states = [action.state for task in self.workflow.tasks for action in task.actions]
        done = [ActionState.SKIPPED if n in self.skipped else ActionState.SUCCESS for n in range(self.place)]
        assert states[: self.place] == done
        assert all(state is ActionState.PENDING for state in states[self.place + 1 :])
        if self.over:
            assert self.workflow.state.value == self.ended
            return
        assert self.workflow.state is (State.PENDING if self.began_at is None else State.RUNNING)
        assert self.workflow.cause is Cause.NONE
        assert self.workflow.boots == self.boots
        turn = current(self.workflow)
        assert turn is not None
        assert turn.action.state is (ActionState.RUNNING if self.running else ActionState.PENDING)
        assert states[self.place].value == (self.hook or turn.action.state.value)

    @invariant()
    def ids_are_never_used_again(self) -> None:
        """Every run of every action, then and now, has an id of its own."""
        ids = [run for run, _, _ in runs(self.workflow)] if hasattr(self, "line") else []
        assert len(ids) == len(set(ids))

    @invariant()
    def history_is_a_chain(self) -> None:
        """Each event begins where the one before it ended: none is lost, none is told twice."""
        last: dict[str | None, str | None] = {}
        for change in getattr(self, "history", []):
            hooked = change.action is not None and ".on-" in change.action
            key = change.action_id if hooked else change.action
            assert change.before == last.get(key, "PENDING" if change.action else None)
            last[key] = change.after


Model.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestModel = Model.TestCase
