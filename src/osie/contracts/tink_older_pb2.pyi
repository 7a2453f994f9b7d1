from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
STATE_FAILED: State
STATE_PENDING: State
STATE_RUNNING: State
STATE_SUCCESS: State
STATE_TIMEOUT: State

class Empty(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class WorkflowAction(_message.Message):
    __slots__ = ["command", "environment", "image", "name", "on_failure", "on_timeout", "pid", "task_name", "timeout", "volumes", "worker_id"]
    COMMAND_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FIELD_NUMBER: _ClassVar[int]
    ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    VOLUMES_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    command: _containers.RepeatedScalarFieldContainer[str]
    environment: _containers.RepeatedScalarFieldContainer[str]
    image: str
    name: str
    on_failure: _containers.RepeatedScalarFieldContainer[str]
    on_timeout: _containers.RepeatedScalarFieldContainer[str]
    pid: str
    task_name: str
    timeout: int
    volumes: _containers.RepeatedScalarFieldContainer[str]
    worker_id: str
    def __init__(self, task_name: _Optional[str] = ..., name: _Optional[str] = ..., image: _Optional[str] = ..., timeout: _Optional[int] = ..., command: _Optional[_Iterable[str]] = ..., on_timeout: _Optional[_Iterable[str]] = ..., on_failure: _Optional[_Iterable[str]] = ..., worker_id: _Optional[str] = ..., volumes: _Optional[_Iterable[str]] = ..., environment: _Optional[_Iterable[str]] = ..., pid: _Optional[str] = ...) -> None: ...

class WorkflowActionList(_message.Message):
    __slots__ = ["action_list"]
    ACTION_LIST_FIELD_NUMBER: _ClassVar[int]
    action_list: _containers.RepeatedCompositeFieldContainer[WorkflowAction]
    def __init__(self, action_list: _Optional[_Iterable[_Union[WorkflowAction, _Mapping]]] = ...) -> None: ...

class WorkflowActionStatus(_message.Message):
    __slots__ = ["action_name", "action_status", "created_at", "message", "seconds", "task_name", "worker_id", "workflow_id"]
    ACTION_NAME_FIELD_NUMBER: _ClassVar[int]
    ACTION_STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    TASK_NAME_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    action_name: str
    action_status: State
    created_at: _timestamp_pb2.Timestamp
    message: str
    seconds: int
    task_name: str
    worker_id: str
    workflow_id: str
    def __init__(self, workflow_id: _Optional[str] = ..., task_name: _Optional[str] = ..., action_name: _Optional[str] = ..., action_status: _Optional[_Union[State, str]] = ..., seconds: _Optional[int] = ..., message: _Optional[str] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., worker_id: _Optional[str] = ...) -> None: ...

class WorkflowActionsRequest(_message.Message):
    __slots__ = ["workflow_id"]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    workflow_id: str
    def __init__(self, workflow_id: _Optional[str] = ...) -> None: ...

class WorkflowContext(_message.Message):
    __slots__ = ["current_action", "current_action_index", "current_action_state", "current_task", "current_worker", "total_number_of_actions", "workflow_id"]
    CURRENT_ACTION_FIELD_NUMBER: _ClassVar[int]
    CURRENT_ACTION_INDEX_FIELD_NUMBER: _ClassVar[int]
    CURRENT_ACTION_STATE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_TASK_FIELD_NUMBER: _ClassVar[int]
    CURRENT_WORKER_FIELD_NUMBER: _ClassVar[int]
    TOTAL_NUMBER_OF_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_ID_FIELD_NUMBER: _ClassVar[int]
    current_action: str
    current_action_index: int
    current_action_state: State
    current_task: str
    current_worker: str
    total_number_of_actions: int
    workflow_id: str
    def __init__(self, workflow_id: _Optional[str] = ..., current_worker: _Optional[str] = ..., current_task: _Optional[str] = ..., current_action: _Optional[str] = ..., current_action_index: _Optional[int] = ..., current_action_state: _Optional[_Union[State, str]] = ..., total_number_of_actions: _Optional[int] = ...) -> None: ...

class WorkflowContextRequest(_message.Message):
    __slots__ = ["boot_id", "worker_id"]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    boot_id: str
    worker_id: str
    def __init__(self, worker_id: _Optional[str] = ..., boot_id: _Optional[str] = ...) -> None: ...

class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
