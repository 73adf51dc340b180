"""Fixtures that more than one room's tests use."""

import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from engine.tuning.clocks import restart_clocks

# The same examples in every run: who runs the tests, or lands a change, does not pay for luck. Look for new
# ones with HYPOTHESIS_PROFILE=explore. No example has a limit of time: what takes a millisecond alone can
# take a second on a busy machine.
ANY_TIME = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fixed", derandomize=True, **ANY_TIME)
settings.register_profile("explore", derandomize=False, print_blob=True, **ANY_TIME)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

REPOSITORY = Path(__file__).resolve().parent.parent


def quiet_tensorflow() -> None:
    """Settings that TensorFlow reads when it is first used, whichever test that is: one thread, no GPU."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


@pytest.fixture(autouse=True)
def restarted_clocks() -> None:
    """With PRUNUS_TUNING_SEED each test meets the same random readings, whichever ran before it."""
    restart_clocks()


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras 3 on TensorFlow: the oracle. Its import warns about its own affairs, which are not ours to fix."""
    quiet_tensorflow()
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras as module
    return module


@pytest.fixture(scope="session")
def tf_keras() -> Any:
    """Keras 2 (tf-keras): the oracle for the older dialects."""
    quiet_tensorflow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf_keras as module
    return module


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real models beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("PRUNUS_SHARED_MODELS", REPOSITORY.parent / "shared" / "models"))
    if not folder.is_dir():
        pytest.skip(f"no real models at {folder}; set PRUNUS_SHARED_MODELS")
    return folder
