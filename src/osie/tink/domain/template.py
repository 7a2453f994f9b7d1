"""The document that a Template renders to. Keys that it doesn't have are told by osie.tink.domain.keys."""

from collections.abc import Callable, Hashable, Sequence
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from osie.contracts.image_reference import Reference
from osie.tink.domain import engine_words
from osie.tink.domain.hardware import printable

_Item = TypeVar("_Item")


def _text(value: object) -> object:
    """A number or boolean of JSON as text; YAML's are text already, as they were written (scalars.settle)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return "" if value is None else value


def _absent(empty: object) -> Callable[[object], object]:
    return lambda value: empty if value is None else value


def _listed(value: object) -> object:
    """A list without its nulls, which upstream's reader leaves out."""
    return [item for item in value if item is not None] if isinstance(value, list) else _absent(())(value)


def _number(value: object) -> object:
    if isinstance(value, bool):  # which Python, unlike Go, takes for 0 or 1
        raise ValueError("expected a number, found " + ("true" if value else "false"))  # noqa: TRY004 - pydantic's
    return 0 if value is None else value


def _image(text: str) -> str:
    Reference.parse(text)
    return text


def _condition(text: str) -> str:
    if "{{" in text or "}}" in text:
        raise ValueError('expected a pipeline without braces: eq .actions.probe.state "SKIPPED"')
    return text.strip()


def _some(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    # Not min_length: that counts the valid ones, and would tell of a bad item a second time.
    if not items:
        raise ValueError("expected at least one")
    return items


Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[Text, Field(min_length=1, max_length=199)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]
Volumes = Annotated[tuple[Annotated[str, AfterValidator(engine_words.volume)], ...], BeforeValidator(_listed)]
Environment = Annotated[
    dict[str, Text], BeforeValidator(_absent({})), AfterValidator(engine_words.environment)
]
Pid = Annotated[Text, AfterValidator(engine_words.pid)]
Seconds = Annotated[int, Field(ge=0, lt=2**31), BeforeValidator(_number)]  # 0: no limit


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Namespaces(_Form):
    """The container's namespaces, in the engine's words ("host", for instance)."""

    network: Annotated[Text, AfterValidator(engine_words.network)] = ""
    pid: Pid = ""


class ActionForm(_Form):
    """One container to run."""

    name: Name
    image: Annotated[Text, Field(min_length=1), AfterValidator(_image)]
    timeout: Seconds = 0
    command: Texts = ()
    on_timeout: Texts = Field(default=(), alias="on-timeout")
    on_failure: Texts = Field(default=(), alias="on-failure")
    pid: Pid = ""
    namespaces: Annotated[Namespaces, BeforeValidator(_absent({}))] = Namespaces()
    volumes: Volumes = ()
    environment: Environment = {}
    reboot: bool = False  # the machine goes down in it: having booted since is its success
    retries: Annotated[int, Field(ge=0, le=100), BeforeValidator(_number)] = 0  # further attempts
    retry_backoff: Seconds = Field(default=5, alias="retry-backoff")
    condition: Annotated[Text, AfterValidator(_condition)] = Field(default="", alias="if")


class TaskForm(_Form):
    """Actions that one worker runs, one after the other."""

    name: Name
    worker: Annotated[Text, Field(max_length=253), AfterValidator(printable)] = (
        ""  # an agent's id; "": the workflow's hardware
    )
    volumes: Volumes = ()
    environment: Environment = {}
    # None: it is done at once, as upstream's server has it (isTaskSuccessful in tink/server).
    actions: Annotated[tuple[ActionForm, ...], BeforeValidator(_listed)] = ()

    @model_validator(mode="after")
    def _unique(self) -> "TaskForm":
        refuse_duplicates("action", [action.name for action in self.actions])
        for action in self.actions:
            engine_words.refuse_one_target_twice(action.name, [*self.volumes, *action.volumes])
        return self


class TemplateForm(_Form):
    """The whole document."""

    version: Text = ""
    name: Name
    id: Text = ""
    global_timeout: Seconds = 0
    tasks: Annotated[tuple[TaskForm, ...], BeforeValidator(_listed), AfterValidator(_some)]

    @model_validator(mode="after")
    def _unique(self) -> "TemplateForm":
        refuse_duplicates("task", [task.name for task in self.tasks])
        return self


def refuse_duplicates(what: str, names: Sequence[Hashable]) -> None:
    """Raise ValueError that tells the names which occur more than once."""
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"duplicate {what} names: {', '.join(twice)}")
