"""The native driver: tiles by remaining samples, contexts, order of steps."""

import ctypes

import numpy as np
import pytest

from engine.core.arrays import aligned_zeros
from engine.core.functions import FusedActivation
from engine.core.target import Isa, available_isas, host_target
from engine.kernels.abi import KernelSpec
from engine.kernels.driver import SYMBOL, Request, emit_driver
from engine.kernels.elementwise import activation_spec
from engine.kernels.layout import pack_spec, unpack_spec
from engine.kernels.registry import emit, fields_of
from engine.machine_code.linking import load_kernels
from engine.machine_code.object_cache import ObjectCache

ELEMENTS = 21


class Plan:
    """A plan that computes relu of a user array in tiles of the given lanes."""

    def __init__(self, isa: Isa, tile_lanes: list[int], choice: list[int]) -> None:
        relu = activation_spec(isa, FusedActivation.RELU)
        specs = {
            lanes: (pack_spec(isa, lanes, "float32"), relu, unpack_spec(isa, lanes))
            for lanes in tile_lanes
        }
        modules = {spec.symbol: emit(spec) for group in specs.values() for spec in group}
        modules[SYMBOL] = emit_driver(isa)
        self.library = load_kernels(modules, host_target(isa), ObjectCache())
        self.keep: list[np.ndarray] = []
        tiles = []
        for lanes in tile_lanes:
            ints = {"slot": 0, "elements": ELEMENTS, "x": 0, "y": 0}
            flat = {**ints, "elements": ELEMENTS * lanes, "p0": 0, "p1": 0, "p2": 0}
            steps = [
                value
                for spec, given in zip(specs[lanes], (ints, flat, ints), strict=True)
                for value in (self.library.address(spec.symbol), self.args(spec, given))
            ]
            tiles += [lanes, 3, self.table(steps), 3, self.table([1, 1, 1])]
        self.address = self.table([len(choice) - 1, self.table(choice), self.table(tiles), 0])
        self.arena = aligned_zeros(ELEMENTS * max(tile_lanes) + 16)

    def args(self, spec: KernelSpec, given: dict[str, int]) -> int:
        return self.table([given[field.name] for field in fields_of(spec)])

    def table(self, numbers: list[int]) -> int:
        self.keep.append(np.array(numbers, np.int64))
        return int(self.keep[-1].ctypes.data)

    def run(self, x: np.ndarray, first: int, samples: int) -> np.ndarray:
        y = np.full_like(x, np.nan)
        addresses = self.table([x.ctypes.data, y.ctypes.data])
        fields = dict.fromkeys(Request, 0)
        fields[Request.PLAN] = self.address
        fields[Request.ARENA] = self.arena.ctypes.data
        fields[Request.INPUTS] = addresses
        fields[Request.OUTPUTS] = addresses + 8
        fields[Request.FIRST_SAMPLE] = first
        fields[Request.SAMPLES] = samples
        request = self.table([fields[field] for field in Request])
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.library.address(SYMBOL))(request)
        return y


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("samples", [0, 1, 2, 3, 4, 15, 16, 17, 31, 32, 33, 100])
def test_every_sample_is_computed_once(isa: Isa, samples: int) -> None:
    wide = 2 * isa.vector_floats
    # One or two samples one by one, more in tiles.
    choice = [0, 0, 0] + [1] * (isa.vector_floats - 2) + [2] * isa.vector_floats
    plan = Plan(isa, [1, isa.vector_floats, wide], choice)
    x = np.random.default_rng(0).normal(size=(samples + 5, ELEMENTS)).astype(np.float32)
    y = plan.run(x, 3, samples)
    np.testing.assert_array_equal(y[3 : 3 + samples], np.maximum(x[3 : 3 + samples], 0))
    assert np.isnan(y[:3]).all()
    assert np.isnan(y[3 + samples :]).all()
