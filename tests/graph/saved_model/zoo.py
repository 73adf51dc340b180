"""Models of Keras layers that are written as SavedModels by Keras 3 and by Keras 2."""

from collections.abc import Callable
from typing import Any

Build = Callable[[Any], Any]


def _chain(
    shape: tuple[int | None, ...], *makers: Callable[[Any], Any], dtype: str = "float32"
) -> Build:
    def build(keras: Any) -> Any:
        x = given = keras.Input(shape, dtype=dtype)
        for make in makers:
            x = make(keras.layers)(x)
        return keras.Model(given, x)

    return build


def _merges(keras: Any) -> Any:
    layers = keras.layers
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    both = [
        layers.Add()([a, b]),
        layers.Subtract()([a, b]),
        layers.Multiply()([a, b]),
        layers.Average()([a, b]),
        layers.Maximum()([a, b]),
        layers.Minimum()([a, b]),
    ]
    return keras.Model([a, b], layers.Concatenate()(both))


def _dots(keras: Any) -> Any:
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    plain, unit = keras.layers.Dot(1)([a, b]), keras.layers.Dot(1, normalize=True)([a, b])
    return keras.Model([a, b], [plain, unit])


def _attention(keras: Any, attend: Callable[[Any, Any], Any]) -> Any:
    x = keras.Input((6, 8))
    return keras.Model(x, attend(keras.layers, x))


def _states(keras: Any) -> Any:
    x, state = keras.Input((5, 4), name="a"), keras.Input((3,), name="b")
    sequence, last = keras.layers.GRU(3, return_sequences=True, return_state=True)(
        x, initial_state=state
    )
    whole, h, c = keras.layers.LSTM(3, return_sequences=True, return_state=True)(sequence)
    return keras.Model([x, state], [whole, h, c, last])


def _residual(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 1)(x)
    z = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(y))
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(z))
    scaled = layers.Multiply()([z, layers.Reshape((1, 1, 4))(gate)])
    return keras.Model(x, layers.ReLU()(layers.Add()([y, scaled])))


def _activation(name: str) -> Build:
    return _chain((6,), lambda k: k.Dense(5), lambda k: k.Activation(name))


ACTIVATIONS = (
    "relu", "elu", "selu", "softplus", "softsign", "swish", "hard_sigmoid", "exponential", "mish", "tanh", "sigmoid",
    "softmax",
)  # fmt: skip
MODELS: dict[str, Build] = {
    "mlp": _chain((8,), lambda k: k.Dense(16, activation="relu"), lambda k: k.Dense(4, activation="softmax")),
    "dense over positions": _chain((5, 8), lambda k: k.Dense(6, activation="tanh"), lambda k: k.Flatten(), lambda k: k.Dense(4)),
    "dense over pixels": _chain((2, 5, 8), lambda k: k.Dense(6), lambda k: k.GlobalAveragePooling2D()),
    "convolutions": _chain(
        (12, 12, 3), lambda k: k.Conv2D(8, 3, padding="same", activation="relu"), lambda k: k.MaxPooling2D(),
        lambda k: k.Conv2D(8, 3, strides=2), lambda k: k.BatchNormalization(), lambda k: k.ReLU(max_value=6),
        lambda k: k.Flatten(), lambda k: k.Dense(3),
    ),
    "groups": _chain((8, 8, 4), lambda k: k.Conv2D(8, 3, groups=2)),
    "depthwise": _chain(
        (12, 12, 3), lambda k: k.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), lambda k: k.SeparableConv2D(5, 3),
        lambda k: k.LeakyReLU(), lambda k: k.GlobalMaxPooling2D(),
    ),
    "strided depthwise": _chain(
        (12, 12, 3), lambda k: k.ZeroPadding2D(((0, 1), (0, 1))), lambda k: k.DepthwiseConv2D(3, strides=2)
    ),
    "signals": _chain(
        (20, 4), lambda k: k.Conv1D(8, 3, padding="causal"), lambda k: k.Conv1D(8, 5, strides=2, padding="same"),
        lambda k: k.MaxPooling1D(2), lambda k: k.GlobalAveragePooling1D(),
    ),
    "separable signals": _chain((20, 4), lambda k: k.SeparableConv1D(8, 3)),
    "transposed": _chain(
        (5, 5, 3), lambda k: k.Conv2DTranspose(4, 3, strides=2, padding="same"), lambda k: k.Conv2DTranspose(4, 3, strides=2)
    ),
    "transposed signals": _chain((6, 3), lambda k: k.Conv1DTranspose(4, 3, strides=2, padding="same")),
    "volumes": _chain(
        (6, 6, 6, 2), lambda k: k.Conv3D(3, 3, padding="same"), lambda k: k.MaxPooling3D(2), lambda k: k.AveragePooling3D(1),
        lambda k: k.GlobalAveragePooling3D(),
    ),
    "upsampling": _chain(
        (4, 4, 3), lambda k: k.UpSampling2D(2), lambda k: k.UpSampling2D(2, interpolation="bilinear"),
        lambda k: k.Cropping2D(1),
    ),
    "upsampled signals": _chain((4, 3), lambda k: k.UpSampling1D(2), lambda k: k.ZeroPadding1D(1), lambda k: k.Cropping1D(1)),
    "resizing": _chain((8, 8, 3), lambda k: k.Resizing(5, 7)),
    "rescaling": _chain((8, 8, 3), lambda k: k.Rescaling(1 / 255.0, offset=-1.0), lambda k: k.AveragePooling2D(2, padding="same")),
    "normalization": _chain((3,), lambda k: k.Normalization(mean=[1.0, 2, 3], variance=[1.0, 2, 3]), lambda k: k.Dense(2)),
    "batch normalization": _chain(
        (6,), lambda k: k.BatchNormalization(), lambda k: k.Dense(2), lambda k: k.BatchNormalization(scale=False),
        lambda k: k.BatchNormalization(center=False),
    ),
    "batch normalization of positions": _chain((5, 6), lambda k: k.BatchNormalization(), lambda k: k.BatchNormalization(axis=1)),
    "layer normalization": _chain((5, 6), lambda k: k.LayerNormalization()),
    "layer normalization of images": _chain((5, 4, 6), lambda k: k.LayerNormalization(axis=[1, 2, 3])),
    "dilated": _chain((14, 14, 3), lambda k: k.Conv2D(8, 3, padding="same", dilation_rate=2), lambda k: k.Conv2D(4, 3, dilation_rate=2)),
    "dilated depthwise": _chain((12, 12, 3), lambda k: k.DepthwiseConv2D(3, padding="same", dilation_rate=2)),
    "dilated signals": _chain((20, 4), lambda k: k.Conv1D(8, 3, padding="same", dilation_rate=2), lambda k: k.AveragePooling1D(2)),
    "gelu": _activation("gelu"),
    "dot": _dots,
    "attention": lambda keras: _attention(keras, lambda k, x: k.MultiHeadAttention(2, 4)(x, x)),
    "dot-product attention": lambda keras: _attention(keras, lambda k, x: k.Attention()([x, x])),
    "additive attention": lambda keras: _attention(keras, lambda k, x: k.AdditiveAttention()([x, x])),
    "einsum": _chain((6, 8), lambda k: k.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de")),
    "lstm": _chain((5, 4), lambda k: k.LSTM(3, return_sequences=True), lambda k: k.LSTM(2)),
    "lstm from the end": _chain((5, 4), lambda k: k.LSTM(3, go_backwards=True, activation="relu", use_bias=False)),
    "gru": _chain((5, 4), lambda k: k.GRU(3, return_sequences=True), lambda k: k.GRU(2, reset_after=False)),
    "simple rnn": _chain((5, 4), lambda k: k.SimpleRNN(3)),
    "bidirectional": _chain((5, 4), lambda k: k.Bidirectional(k.LSTM(3))),
    "states": _states,
    "time distributed": _chain((5, 8), lambda k: k.TimeDistributed(k.Dense(3))),
    "prelu": _chain((5, 6), lambda k: k.PReLU(), lambda k: k.PReLU(shared_axes=[1])),
    "shapes": _chain(
        (12,), lambda k: k.Reshape((3, 4)), lambda k: k.Permute((2, 1)), lambda k: k.Flatten(), lambda k: k.RepeatVector(3),
        lambda k: k.Reshape((-1,)),
    ),
    "embedding": _chain((7,), lambda k: k.Embedding(10, 4), lambda k: k.Flatten(), lambda k: k.Dense(2), dtype="int32"),
    "only training": _chain((6,), lambda k: k.Dropout(0.5), lambda k: k.GaussianNoise(0.1), lambda k: k.Dense(2)),
    "merges": _merges,
    "residual": _residual,
    **{f"activation {name}": _activation(name) for name in ACTIVATIONS},
}  # fmt: skip
