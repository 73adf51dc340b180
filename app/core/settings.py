"""Settings of the service: every limit with its unit in its name. `environment.py` reads them from variables."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]


class Settings(BaseModel):
    """All that can be configured; immutable once read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="TCP port to listen on; 0 takes a free one.",
    )
    data_dir: Path = Field(
        default=Path("data"), description="Folder of models, jobs, object cache and database."
    )
    allowed_hosts: str = Field(
        default="",
        description="Names by which the service may be called, beside localhost and its address:"
        " separated by commas; * checks neither Host nor Origin.",
    )
    lost_keep_days: PositiveFloat = Field(
        default=14.0, description="Days that folders set aside in `lost/` are kept."
    )
    demo: bool = Field(
        default=False, description="Upload the demo model at the first start with no models."
    )
    log_format: Literal["text", "json"] = Field(default="text", description="Form of log lines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level that is logged; debug includes each prediction."
    )

    connections_max: int = Field(
        default=0,
        ge=0,
        description="Connections open at a time; 0 takes what the limit on open files allows,"
        " at most 4,096.",
    )
    head_timeout_seconds: PositiveFloat = Field(
        default=10.0,
        description="From the first byte of a request, or a new connection, to its complete head.",
    )
    keep_alive_seconds: PositiveFloat = Field(
        default=75.0, description="From an answer to the next request on a connection."
    )
    write_timeout_seconds: PositiveFloat = Field(
        default=30.0, description="In this time a client must take at least 1 KiB/s of its answer."
    )

    upload_max_bytes: PositiveInt = Field(default=2 * GIB, description="One uploaded model file.")
    calibration_max_bytes: PositiveInt = Field(
        default=512 * MIB, description="One uploaded calibration or labels file."
    )
    form_field_max_bytes: PositiveInt = Field(
        default=64 * KIB, description="One form field that is not a file, such as the recipe."
    )
    upload_timeout_seconds: PositiveFloat = Field(
        default=1800.0, description="Time for a whole upload to arrive."
    )
    upload_idle_timeout_seconds: PositiveFloat = Field(
        default=30.0, description="Longest pause between two pieces of an upload."
    )
    upload_parallel_max_uploads: PositiveInt = Field(
        default=8, description="Uploads arriving at a time before 503 is answered."
    )
    upload_min_bytes_per_second: PositiveInt = Field(
        default=64 * KIB,
        description="Bytes a second below which an upload ends for another when no place is free.",
    )
    upload_rate_seconds: PositiveFloat = Field(
        default=10.0, description="Time over which the rate of an upload is measured."
    )
    wait_max_seconds: PositiveFloat = Field(
        default=600.0, description="Longest `?wait=` of an upload."
    )

    predict_body_max_bytes: PositiveInt = Field(
        default=64 * MIB, description="Body of one prediction request."
    )
    predict_json_max_bytes: PositiveInt = Field(
        default=1 * MIB,
        description="Body of one JSON prediction, and the arrays that it is answered with.",
    )
    predict_read_timeout_seconds: PositiveFloat = Field(
        default=30.0, description="Time for the body of one prediction to arrive."
    )
    predict_decoded_max_bytes: PositiveInt = Field(
        default=256 * MIB,
        description="Arrays of one prediction: of a .npz request, unpacked, and of the answer.",
    )
    predict_conversion_max_bytes: PositiveInt = Field(
        default=512 * MIB,
        description="Large bodies and answers that are converted or wait for it, before 503 is answered.",
    )
    predict_batch_max_samples: PositiveInt = Field(
        default=8192, description="Samples in one prediction request."
    )
    predict_pending_max_requests: PositiveInt = Field(
        default=512, description="Predictions waiting or running before 503 is answered."
    )
    predict_queue_max_seconds: PositiveFloat = Field(
        default=0.5,
        description="Longest time that a prediction may be expected to wait before 503 is answered.",
    )
    threads: int | None = Field(
        default=None, ge=1, description="Threads that compute one prediction; default one per core."
    )
    predict_threads: int = Field(
        default=0, ge=0, description="Predictions that run at a time; 0 takes one per core."
    )
    size_max_length: PositiveInt = Field(
        default=65_536, description="Largest length of an axis that varies in length."
    )
    size_max_operations: PositiveInt = Field(
        default=200_000_000_000,
        description="Most operations for one sample, about, of a model whose inputs vary in size.",
    )
    sizes_max_kept: PositiveInt = Field(
        default=16, description="Sizes of its inputs that a loaded model keeps ready."
    )
    sizes_max_bytes: PositiveInt = Field(
        default=512 * 1024 * 1024,
        description="Memory of all sizes that a loaded model keeps ready, and the most that one size may take.",
    )
    size_pending_max_requests: PositiveInt = Field(
        default=32,
        description="Predictions that wait for a new size to be made ready before 503 is answered.",
    )
    predict_inline_max_seconds: float = Field(
        default=0.0002,
        ge=0,
        description="A prediction measured to be faster than this runs on the event loop itself.",
    )

    load_max_seconds: PositiveFloat = Field(
        default=300.0, description="Time for loading one model into the service."
    )
    model_memory_max_bytes: PositiveInt = Field(
        default=8 * GIB, description="Memory of all loaded models together."
    )

    job_queue_max_jobs: PositiveInt = Field(
        default=16, description="Jobs waiting before an upload is answered with 503."
    )
    job_parallel_max_jobs: PositiveInt = Field(default=1, description="Jobs run at a time.")
    job_timeout_seconds: PositiveFloat = Field(
        default=1800.0, description="Wall-clock time of one job."
    )
    job_cpu_max_seconds: PositiveInt = Field(default=3600, description="CPU time of one job.")
    compile_cpu_max_seconds: PositiveInt = Field(
        default=120, description="CPU time for compiling the kernels of one model."
    )
    job_memory_max_bytes: PositiveInt = Field(
        default=8 * GIB, description="Address space of one job's process."
    )
    job_file_max_bytes: PositiveInt = Field(
        default=4 * GIB, description="Largest file that a job may write."
    )
    job_disk_max_bytes: PositiveInt = Field(
        default=12 * GIB, description="All files of one job together, the upload included."
    )
    job_open_files_max: PositiveInt = Field(
        default=256, description="Files a job may hold open at a time."
    )
    job_threads_max: PositiveInt = Field(
        default=512, description="Threads that a job may have at a time."
    )
    sandbox: Literal["required", "best-effort"] = Field(
        default="best-effort",
        description="Whether uploads are refused where the kernel lacks a part of the sandbox.",
    )
    job_history_max_jobs: PositiveInt = Field(
        default=1000, description="Finished jobs that are remembered."
    )
    job_tune_seconds: PositiveFloat = Field(
        default=5.0, description="Time for measuring kernels in one job."
    )
    retune: bool = Field(
        default=True,
        description="Tune models again that were tuned for another CPU or fewer threads.",
    )
    job_pause_stage: str = Field(
        default="", description="For debugging: a job stops for a while when it enters this stage."
    )
    job_pause_seconds: PositiveFloat = Field(
        default=60.0, description="For debugging: how long a job stops at `job_pause_stage`."
    )

    refresh_seconds: PositiveFloat = Field(
        default=1.0, description="How often changes by other processes on the data are looked for."
    )
    shutdown_drain_seconds: float = Field(
        default=0.0, ge=0, description="After SIGTERM: time that /health/ready says 503 first."
    )
    shutdown_read_seconds: PositiveFloat = Field(
        default=1.0,
        description="After the port is closed: longest time that open connections are still read.",
    )
    shutdown_grace_seconds: PositiveInt = Field(
        default=10, description="After SIGTERM: time for requests under way to finish."
    )
