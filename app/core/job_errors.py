"""What ends a job, or the loading of a model, besides what `app.core.errors` has.

JobError
├── SandboxUnavailableError     the sandbox is required, and the kernel lacks a part of it
├── JobDiskError                the job's files together are over the limit
└── KernelCompilerError         the process that compiles kernels did not do so
"""

from app.core.errors import JobError


class SandboxUnavailableError(JobError):
    """A part of the sandbox that the settings require cannot be had here."""

    slug = "sandbox-unavailable"
    title = "Uploads cannot be confined here"


class JobDiskError(JobError):
    """The files of the job take more room than its limit."""

    slug = "job-disk-limit"
    title = "The job needed too much disk"


class KernelCompilerError(JobError):
    """The process that compiles the kernels of a model ended without doing so."""

    slug = "kernels-not-compiled"
    title = "The model's kernels could not be compiled"
