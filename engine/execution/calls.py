"""What one call of an executable uses while it runs, and keeps for the next one."""

from collections.abc import Callable

from engine.core.target import Target
from engine.execution.forms import Form
from engine.execution.native import NativePlan
from engine.execution.pool import PROCESS_POOL, ThreadPool
from engine.execution.workspace import Workspace
from engine.kernels.driver import Request
from engine.machine_code.object_cache import ObjectCache


class Call:
    """A workspace and the native function that computes its request.

    Attributes:
        run: takes the inputs, then the outputs; C-contiguous arrays of the form made ready for. Releases
            the GIL.
        form: the form that it was made ready for; None at first.
        pool: the pool that a form wanted last; None if none did.
        workspace: memory.
    """

    __slots__ = ("_native", "form", "pool", "run", "workspace")

    def __init__(self, native: NativePlan, inputs: int, outputs: int) -> None:
        """Allocate memory for a plan and so many arrays."""
        self.workspace = Workspace(native.arena_bytes, inputs, outputs)
        self.run: Callable[..., object] = native.builtin(self.workspace)
        self.form: Form | None = None
        self.pool: ThreadPool | None = None
        self._native = native

    def make_ready(self, form: Form, target: Target, cache: ObjectCache) -> None:
        """Be ready for a form.

        Args:
            form: the form of the next call.
            target: the CPU to make a pool for, if the process has none.
            cache: the same.

        Raises:
            CodegenError: the pool's code could not be compiled or loaded.
        """
        native, wanted = self._native, form.help
        self.form = None  # if anything fails
        if wanted is None:
            plan, function = native.address, native.run_address
        else:
            plan = native.address if wanted.chunk else native.shared_address
            function = native.share_address
            self.pool = PROCESS_POOL.of(wanted.helpers, target, cache)
            self.workspace.let_help(wanted, self.pool.address, native.helper_arenas)
        block = self.workspace.block
        block[Request.PLAN] = plan
        block[Request.SAMPLES] = form.samples
        block[Request.FUNCTION] = function
        self.form = form
