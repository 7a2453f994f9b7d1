"""The state machine against a model of it that is simple enough to be believed."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from osie.tink.states import accept, booted, hand_out, report
from osie.tink.steps import OutOfTurnError, Step
from osie.tink.workflow import Action, ActionState, State, Task, Workflow

AGENTS = ("one", "two")
REPORTS = st.sampled_from([ActionState.RUNNING, ActionState.SUCCESS, ActionState.FAILED, ActionState.TIMEOUT])


class Model(RuleBasedStateMachine):
    """Actions are a line of (agent, is a reboot); `done` of them succeeded, and the next may be running."""

    @initialize(
        shape=st.lists(
            st.tuples(st.sampled_from(AGENTS), st.lists(st.booleans(), min_size=1, max_size=3)),
            min_size=1,
            max_size=3,
        )
    )
    def start(self, shape: list[tuple[str, list[bool]]]) -> None:
        """Any workflow of up to three tasks."""
        self.line = [(agent, reboot) for agent, reboots in shape for reboot in reboots]
        tasks, number = [], 0
        for agent, reboots in shape:
            ids = range(number, number + len(reboots))
            actions = tuple(
                Action(str(i), f"n{i}", "image", 0, reboot=r) for i, r in zip(ids, reboots, strict=True)
            )
            tasks.append(Task(f"t{number}", f"t{number}", agent, (agent,), actions))
            number += len(reboots)
        step = accept(Workflow("w", "default", "wf", "hw", "tpl", tuple(tasks)), 0.0)
        self.workflow, self.history = step.workflow, list(step.changes)
        self.done, self.running, self.handed, self.failed, self.at = 0, False, False, "", 1.0

    def take(self, step: Step) -> None:
        """The next state, and its events behind the others."""
        self.workflow = step.workflow
        self.history += step.changes
        self.at += 1

    def over(self) -> bool:
        """Nothing more can happen."""
        return bool(self.failed) or self.done == len(self.line)

    def succeed(self) -> None:
        """The model's next action is done."""
        self.done, self.running, self.handed = self.done + 1, False, False

    @rule(agent=st.sampled_from(AGENTS))
    def ask(self, agent: str) -> None:
        """An agent gets the next action if it is its own; a reboot that runs is done by that."""
        try:
            step, turn = hand_out(self.workflow, {agent}, self.at)
        except OutOfTurnError:
            assert self.line[self.done][0] != agent
            return
        self.take(step)
        while not self.over() and self.running and self.line[self.done] == (agent, True):
            self.succeed()
        if self.over() or self.line[self.done][0] != agent:
            assert turn is None
        else:
            assert turn is not None
            assert turn.action.id == str(self.done)
            self.handed = True

    @rule(ahead=st.integers(-1, 1), state=REPORTS)
    def tell(self, ahead: int, state: ActionState) -> None:
        """A report moves the action whose turn it is, and no other."""
        number = self.done + ahead
        if not 0 <= number < len(self.line):
            return
        try:
            step = report(self.workflow, {self.line[number][0]}, str(number), state, self.at)
        except OutOfTurnError:
            assert ahead == 1
            return
        self.take(step)
        if self.over() or ahead == -1:
            assert step.changes == ()
            return
        assert ahead == 0
        if state is ActionState.RUNNING:
            self.running = True
        elif state is ActionState.SUCCESS:
            self.succeed()
        else:
            self.failed = state.value

    @rule(agent=st.sampled_from(AGENTS))
    def boot(self, agent: str) -> None:
        """A boot completes the machine's reboot if that was begun, and nothing else."""
        self.take(booted(self.workflow, {agent}, self.at))
        if not self.over() and self.line[self.done] == (agent, True) and (self.handed or self.running):
            self.succeed()

    @invariant()
    def agrees(self) -> None:
        """The workflow's state is what the model says."""
        if not hasattr(self, "line"):
            return
        states = [action.state for task in self.workflow.tasks for action in task.actions]
        assert states[: self.done] == [ActionState.SUCCESS] * self.done
        if self.failed:
            assert self.workflow.state.value == states[self.done].value == self.failed
        elif self.done == len(self.line):
            assert self.workflow.state is State.SUCCESS
        else:
            assert self.workflow.state is (State.RUNNING if self.done or self.running else State.PENDING)
            assert states[self.done] is (ActionState.RUNNING if self.running else ActionState.PENDING)

    @invariant()
    def history_is_a_chain(self) -> None:
        """Each event begins where the one before it ended: none is lost, none is told twice."""
        last: dict[str | None, str | None] = {}
        for change in getattr(self, "history", []):
            assert change.before == last.get(change.action_id, "PENDING" if change.action_id else None)
            last[change.action_id] = change.after


Model.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestModel = Model.TestCase
