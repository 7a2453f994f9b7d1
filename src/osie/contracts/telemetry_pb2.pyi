from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ActionRef(_message.Message):
    __slots__ = ["action_id", "agent_id", "task_id", "workflow_id"]
    ACTION_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    action_id: str
    agent_id: str
    task_id: str
    workflow_id: str
    def __init__(self, workflow_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., task_id: _Optional[str] = ..., action_id: _Optional[str] = ...) -> None: ...

class HeartbeatReply(_message.Message):
    __slots__ = ["stop", "why"]
    STOP_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    stop: bool
    why: str
    def __init__(self, stop: bool = ..., why: _Optional[str] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ["action"]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    action: ActionRef
    def __init__(self, action: _Optional[_Union[ActionRef, _Mapping]] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ["at_unix_s", "sequence", "stream", "text"]
    AT_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    at_unix_s: float
    sequence: int
    stream: str
    text: str
    def __init__(self, sequence: _Optional[int] = ..., at_unix_s: _Optional[float] = ..., stream: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class LogReport(_message.Message):
    __slots__ = ["action", "lines"]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    action: ActionRef
    lines: _containers.RepeatedCompositeFieldContainer[LogLine]
    def __init__(self, action: _Optional[_Union[ActionRef, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[LogLine, _Mapping]]] = ...) -> None: ...

class ProgressReport(_message.Message):
    __slots__ = ["action", "done", "eta_s", "phase", "rate_per_s", "total", "unit"]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ETA_S_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    RATE_PER_S_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    action: ActionRef
    done: int
    eta_s: float
    phase: str
    rate_per_s: float
    total: int
    unit: str
    def __init__(self, action: _Optional[_Union[ActionRef, _Mapping]] = ..., phase: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., unit: _Optional[str] = ..., rate_per_s: _Optional[float] = ..., eta_s: _Optional[float] = ...) -> None: ...

class TelemetryReply(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...
