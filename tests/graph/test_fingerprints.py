"""The hash functions beside TensorFlow's: every length class, several keys, and crossed features."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from graph.fingerprints import crossed, farm_fingerprints, sip_hashes

BUCKETS = 2**62
# Around every length at which the functions take another way, and several blocks.
LENGTHS = (*range(68), 127, 128, 129, 191, 192, 193, 255, 256, 1000)


def texts() -> list[bytes]:
    rng = np.random.default_rng(3)
    return [rng.bytes(length) for length in (*LENGTHS, *LENGTHS)]


def test_farmhash_is_tensorflows_for_every_length() -> None:
    wanted = tf.strings.to_hash_bucket_fast(texts(), BUCKETS).numpy()
    found = farm_fingerprints(texts()) % np.uint64(BUCKETS)
    assert np.array_equal(found.astype(np.int64), wanted)


@given(st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=2))
def test_siphash_is_tensorflows_under_every_key(key: list[int]) -> None:
    wanted = tf.strings.to_hash_bucket_strong(texts(), BUCKETS, key).numpy()
    found = sip_hashes(texts(), (key[0], key[1])) % np.uint64(BUCKETS)
    assert np.array_equal(found.astype(np.int64), wanted)


@given(st.lists(st.tuples(st.binary(max_size=80), st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_crossed_features_are_tensorflows(pairs: list[tuple[bytes, int]]) -> None:
    words, numbers = [[word] for word, _ in pairs], np.array([[number] for _, number in pairs])
    sparse = tf.sparse.cross_hashed([tf.constant(words), tf.constant(numbers)], BUCKETS)
    wanted = tf.sparse.to_dense(sparse).numpy()[:, 0]
    features = [farm_fingerprints([word for word, _ in pairs]), numbers[:, 0].view(np.uint64)]
    found = crossed(features) % np.uint64(BUCKETS)
    assert np.array_equal(found.astype(np.int64), wanted)


def test_no_strings_have_no_hashes() -> None:
    assert len(farm_fingerprints([])) == 0
    assert len(sip_hashes([], (1, 2))) == 0
