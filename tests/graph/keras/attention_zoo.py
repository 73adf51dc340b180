"""Small models of embeddings and attention, in the common API of Keras 2 and 3, and in that of Keras 3 alone."""

from typing import Any

import numpy as np

from tests.graph.keras.zoo import Build

QUERIES, VALUES = (6, 8), (5, 4)
WORDS = 5


def tokens(keras: Any, length: int = 6, name: str = "tokens") -> Any:
    return keras.Input((length,), dtype="int32", name=name)


def flags(keras: Any, *shape: int, name: str = "mask") -> Any:
    return keras.Input(shape, dtype="bool", name=name)


def of(make: Any, *shapes: tuple[int, ...]) -> Build:
    """A model of what `make(layers, *inputs)` gives."""

    def build(keras: Any) -> Any:
        inputs = [keras.Input(shape, name=f"in{place}") for place, shape in enumerate(shapes)]
        return keras.Model(inputs, make(keras.layers, *inputs))

    return build


def of_tokens(make: Any) -> Build:
    """A model of what `make(layers, embedded tokens)` gives; index 0 is padding."""

    def build(keras: Any) -> Any:
        given = tokens(keras)
        embedded = keras.layers.Embedding(WORDS, 8, mask_zero=True)(given)
        return keras.Model(given, make(keras.layers, embedded))

    return build


def masked_attention(shape: tuple[int, ...], make: Any) -> Build:
    """A model of `make(layers, x, y, mask)`."""

    def build(keras: Any) -> Any:
        x, y = keras.Input(QUERIES, name="x"), keras.Input(VALUES, name="y")
        mask = flags(keras, *shape)
        return keras.Model([x, y, mask], make(keras.layers, x, y, mask))

    return build


def _block(k: Any, x: Any, memory: Any = None, *, causal: bool = False) -> Any:
    """A block of a transformer: attention, perhaps to what an encoder made, and two Dense layers."""
    own = k.MultiHeadAttention(2, 4)(x, x, use_causal_mask=causal)
    x = k.LayerNormalization(epsilon=1e-6)(k.Add()([x, own]))
    if memory is not None:
        seen = k.MultiHeadAttention(2, 4)(x, memory)
        x = k.LayerNormalization(epsilon=1e-6)(k.Add()([x, seen]))
    inner = k.Dense(8)(k.Dense(16, activation="gelu")(x))
    return k.LayerNormalization(epsilon=1e-6)(k.Add()([x, k.Dropout(0.1)(inner)]))


def encoder_decoder(keras: Any) -> Any:
    k = keras.layers
    source, target = tokens(keras, 6, "source"), tokens(keras, 4, "target")
    memory = _block(k, k.Embedding(WORDS, 8, mask_zero=True)(source))
    x = _block(k, k.Embedding(WORDS, 8, mask_zero=True)(target), memory, causal=True)
    return keras.Model([source, target], k.Dense(WORDS, activation="softmax")(x))


def vision_transformer(keras: Any) -> Any:
    k = keras.layers
    image = keras.Input((8, 8, 3))
    x = k.Conv2D(8, 4, strides=4)(image)
    x = _block(k, k.Reshape((4, 8))(x))
    return keras.Model(image, k.Dense(3)(k.GlobalAveragePooling1D()(x)))


def recommender(keras: Any) -> Any:
    k = keras.layers
    user, item = keras.Input((1,), name="user"), keras.Input((1,), dtype="int64", name="item")
    sides = [k.Flatten()(k.Embedding(count, 6)(x)) for count, x in ((9, user), (7, item))]
    product = k.Dot(axes=1)(sides)
    deep = k.Dense(8, activation="relu")(k.Concatenate()(sides))
    return keras.Model(
        [user, item], k.Dense(1, activation="sigmoid")(k.Concatenate()([product, deep]))
    )


def _scores(k: Any, x: Any, y: Any) -> list[Any]:
    return list(k.MultiHeadAttention(2, 3)(x, y, return_attention_scores=True))


COMMON: dict[str, Build] = {
    "embedding": of_tokens(lambda k, x: k.Flatten()(x)),
    "self attention": of(lambda k, x: k.MultiHeadAttention(2, 3)(x, x), QUERIES),
    "cross attention": of(lambda k, x, y: k.MultiHeadAttention(2, 3)(x, y), QUERIES, VALUES),
    "three tensors": of(
        lambda k, x, y, z: k.MultiHeadAttention(2, 3, value_dim=5)(x, z, key=y),
        QUERIES, VALUES, (5, 7),
    ),
    "without bias": of(
        lambda k, x: k.MultiHeadAttention(3, 2, use_bias=False, output_shape=5)(x, x), QUERIES
    ),
    "causal": of(
        lambda k, x: k.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True), QUERIES
    ),
    "dropout": of_tokens(
        lambda k, x: k.MultiHeadAttention(2, 3, dropout=0.3)(x, x, use_causal_mask=True)
    ),
    "scores": of(_scores, QUERIES, VALUES),
    "masked scores": of_tokens(
        lambda k, x: list(
            k.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True, use_causal_mask=True)
        )
    ),
    "padding": of_tokens(lambda k, x: k.MultiHeadAttention(2, 3)(x, x)),
    "padding and causal": of_tokens(
        lambda k, x: k.MultiHeadAttention(2, 3)(x, x, x, use_causal_mask=True)
    ),
    "mask": masked_attention((6, 5), lambda k, x, y, m: k.MultiHeadAttention(2, 3)(x, y, attention_mask=m)),
    "mask of keys": masked_attention(
        (1, 5), lambda k, x, y, m: k.MultiHeadAttention(2, 3)(x, y, attention_mask=m)
    ),
    "mask of heads": masked_attention(
        (2, 6, 5), lambda k, x, y, m: k.MultiHeadAttention(2, 3)(x, y, attention_mask=m)
    ),
    "mask and causal": masked_attention(
        (6, 5),
        lambda k, x, y, m: k.MultiHeadAttention(2, 3)(x, y, attention_mask=m, use_causal_mask=True),
    ),
    "two axes": of(
        lambda k, x, y: k.MultiHeadAttention(2, 3)(x, y), (2, 3, 8), (4, 2, 8)
    ),
    "one of two axes": of(
        lambda k, x: k.MultiHeadAttention(2, 3, attention_axes=(2,))(x, x), (3, 4, 8)
    ),
    "first of two axes": of(
        lambda k, x: k.MultiHeadAttention(2, 3, attention_axes=(1,))(x, x), (3, 4, 8)
    ),
    "dot attention": of(lambda k, x, y: k.Attention()([x, y]), (6, 4), VALUES),
    "dot attention of three": of(
        lambda k, x, y, z: k.Attention(use_scale=True)([x, y, z]), (6, 4), (5, 3), VALUES
    ),
    "dot attention with padding": of_tokens(
        lambda k, x: list(
            k.Attention(use_scale=True)([x, x], return_attention_scores=True, use_causal_mask=True)
        )
    ),
    "concat attention": of(
        lambda k, x, y: k.Attention(score_mode="concat", use_scale=True)([x, y]), (6, 4), VALUES
    ),
    "additive attention": of(lambda k, x, y: k.AdditiveAttention()([x, y]), (6, 4), VALUES),
    "additive attention without scale": of_tokens(
        lambda k, x: k.AdditiveAttention(use_scale=False)([x, x])
    ),
    "einsum dense": of(
        lambda k, x: k.EinsumDense("abc,cde->abde", (None, 3, 4), bias_axes="de", activation="relu")(x),
        QUERIES,
    ),
    "einsum dense of two axes": of(
        lambda k, x: k.EinsumDense("abcd,cde->abe", (None, 7), bias_axes="e")(x), (6, 3, 4)
    ),
    "einsum dense without bias": of(lambda k, x: k.EinsumDense("ab,bc->ac", 7)(x), (8,)),
    "einsum dense turned": of(
        lambda k, x: k.EinsumDense("abc,dcb->ad", 5, bias_axes="d")(x), QUERIES
    ),
    "einsum dense, some with bias": of(
        lambda k, x: k.EinsumDense("abc,cde->abed", (None, 4, 3), bias_axes="d")(x), QUERIES
    ),
    "einsum dense, bias by place": of(
        lambda k, x: k.EinsumDense("abc,cd->abd", (6, 3), bias_axes="bd")(x), QUERIES
    ),
    "einsum dense along an axis": of(
        lambda k, x: k.EinsumDense("abc,bd->adc", (3, 8), bias_axes="d")(x), QUERIES
    ),
    "einsum dense by place": of(
        lambda k, x: k.EinsumDense("abc,bcd->abd", (6, 3), bias_axes="d")(x), QUERIES
    ),
    "einsum dense, any axes": of(
        lambda k, x: k.EinsumDense("...x,xy->...y", 3, bias_axes="y")(x), (2, 3, 4)
    ),
    "encoder and decoder": encoder_decoder,
    "vision transformer": vision_transformer,
    "recommender": recommender,
}  # fmt: skip


def tied(keras: Any) -> Any:
    given = tokens(keras)
    layer = keras.layers.ReversibleEmbedding(WORDS, 8, mask_zero=True)
    x = _block(keras.layers, layer(given), causal=True)
    return keras.Model(given, layer(x, reverse=True))


def untied(keras: Any) -> Any:
    given = tokens(keras)
    layer = keras.layers.ReversibleEmbedding(WORDS, 8, tie_weights=False, logit_soft_cap=0.7)
    return keras.Model(given, layer(layer(given), reverse=True))


def _gated(k: Any, x: Any) -> Any:
    return k.GroupQueryAttention(3, 4, 2, use_gate=True)(x, x, use_causal_mask=True)


KERAS3: dict[str, Build] = {
    "gate": of(lambda k, x, y: k.MultiHeadAttention(2, 3, value_dim=5, use_gate=True)(x, y), QUERIES, VALUES),
    "window": of(lambda k, x: k.MultiHeadAttention(2, 3, sliding_window=2)(x, x), QUERIES),
    "causal window": of_tokens(
        lambda k, x: k.MultiHeadAttention(2, 3, sliding_window=2)(x, x, use_causal_mask=True)
    ),
    "output of two axes": of(
        lambda k, x: k.MultiHeadAttention(2, 3, output_shape=(2, 3))(x, x), QUERIES
    ),
    "grouped": of(lambda k, x, y: k.GroupQueryAttention(3, 6, 2)(x, y), QUERIES, (5, 8)),
    "grouped, one head": of_tokens(
        lambda k, x: k.GroupQueryAttention(3, 4, 1, use_bias=False, dropout=0.2)(x, x)
    ),
    "grouped and gated": of(_gated, QUERIES),
    "grouped scores": of(
        lambda k, x: list(k.GroupQueryAttention(3, 4, 2)(x, x, return_attention_scores=True)), QUERIES
    ),
    "tied": tied,
    "untied": untied,
}  # fmt: skip


def attention_inputs(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs with masks in which some see nothing, and one sample of padding only."""
    rng = np.random.default_rng(5)
    for name, array in inputs.items():
        if array.dtype == np.bool_:
            inputs[name] = rng.random(array.shape) < 0.7
            inputs[name][1] = False
        elif array.dtype.kind in "iu":
            array[1] = 0
    return inputs
