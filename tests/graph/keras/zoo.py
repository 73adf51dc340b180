"""Small models in the common API of Keras 2 and 3: every supported layer and argument, and every shape of model."""

from collections.abc import Callable
from typing import Any

Build = Callable[[Any], Any]


def stack(shape: tuple[int, ...], *layers: Callable[[Any], Any]) -> Build:
    """A Sequential model of layers, each given as a function of the `layers` module."""

    def build(keras: Any) -> Any:
        return keras.Sequential([keras.Input(shape), *(make(keras.layers) for make in layers)])

    return build


def merge(name: str, *shapes: tuple[int, ...], **arguments: Any) -> Build:
    """A functional model of one merging layer."""

    def build(keras: Any) -> Any:
        inputs = [keras.Input(shape, name=f"in{index}") for index, shape in enumerate(shapes)]
        return keras.Model(inputs, getattr(keras.layers, name)(**arguments)(inputs))

    return build


LAYERS: dict[str, Build] = {
    "dense": stack((7,), lambda k: k.Dense(5)),
    "dense without bias": stack((7,), lambda k: k.Dense(5, use_bias=False)),
    "dense of rank 3": stack((3, 7), lambda k: k.Dense(5, activation="tanh")),
    "dense with a layer as activation": stack((7,), lambda k: k.Dense(5, activation=k.LeakyReLU())),
    "training arguments": stack(
        (7,),
        lambda k: k.Dense(
            5, kernel_initializer="he_normal", bias_initializer="ones", kernel_regularizer="l2",
            bias_regularizer="l1", activity_regularizer="l2", kernel_constraint="non_neg",
            bias_constraint="max_norm", trainable=False,
        ),
    ),
    "relu layer": stack((9,), lambda k: k.ReLU()),
    "relu layer with all arguments": stack(
        (9,), lambda k: k.ReLU(max_value=1.5, negative_slope=0.2, threshold=0.4)
    ),
    "leaky relu default": stack((9,), lambda k: k.LeakyReLU()),
    "leaky relu": stack((9,), lambda k: k.LeakyReLU(0.07)),
    "elu": stack((9,), lambda k: k.ELU(alpha=0.6)),
    "prelu": stack((3, 4), lambda k: k.PReLU()),
    "prelu shared": stack((3, 4), lambda k: k.PReLU(shared_axes=[1])),
    "prelu all shared": stack((3, 4), lambda k: k.PReLU(shared_axes=[1, 2])),
    "softmax layer": stack((9,), lambda k: k.Softmax()),
    "softmax over axis 1": stack((3, 4), lambda k: k.Softmax(axis=1)),
    "activation layer": stack((9,), lambda k: k.Activation("sigmoid")),
    "linear activation layer": stack((9,), lambda k: k.Dense(3), lambda k: k.Activation("linear")),
    "batch normalization": stack((9,), lambda k: k.BatchNormalization()),
    "batch normalization over axis 1": stack((3, 4), lambda k: k.BatchNormalization(axis=1)),
    "batch normalization bare": stack(
        (9,), lambda k: k.BatchNormalization(center=False, scale=False, epsilon=0.1, momentum=0.5)
    ),
    "batch normalization frozen": stack((9,), lambda k: k.BatchNormalization(trainable=False)),
    "batch normalization without center": stack(
        (9,), lambda k: k.BatchNormalization(center=False)
    ),
    "layer normalization": stack((9,), lambda k: k.LayerNormalization()),
    "layer normalization over axis 1": stack((3, 4), lambda k: k.LayerNormalization(axis=1)),
    "layer normalization over two axes": stack(
        (3, 4, 5), lambda k: k.LayerNormalization(axis=[1, 3], epsilon=1e-5)
    ),
    "layer normalization over negative axes": stack(
        (3, 4), lambda k: k.LayerNormalization(axis=[-2, -1], center=False)
    ),
    "layer normalization bare": stack(
        (9,), lambda k: k.LayerNormalization(center=False, scale=False)
    ),
    "rescaling": stack((9,), lambda k: k.Rescaling(0.25, offset=-1.5)),
    "normalization adapted": stack((9,), lambda k: k.Normalization()),
    "normalization over axis 1": stack((3, 4), lambda k: k.Normalization(axis=1)),
    "normalization over two axes": stack((3, 4), lambda k: k.Normalization(axis=(1, 2))),
    "normalization over no axis": stack((3, 4), lambda k: k.Normalization(axis=None)),
    "normalization given": stack(
        (3,), lambda k: k.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 0.25])
    ),
    "normalization given as scalars": stack(
        (3, 2), lambda k: k.Normalization(mean=1.5, variance=0.5)
    ),
    "normalization inverted": stack((9,), lambda k: k.Normalization(invert=True)),
    "dropout": stack((9,), lambda k: k.Dropout(0.5, noise_shape=(None, 1), seed=3)),
    "spatial dropout 1": stack((3, 4), lambda k: k.SpatialDropout1D(0.5)),
    "spatial dropout 2": stack((3, 4, 2), lambda k: k.SpatialDropout2D(0.5)),
    "spatial dropout 3": stack((3, 4, 2, 2), lambda k: k.SpatialDropout3D(0.5)),
    "gaussian noise": stack((9,), lambda k: k.GaussianNoise(0.5)),
    "gaussian dropout": stack((9,), lambda k: k.GaussianDropout(0.5)),
    "alpha dropout": stack((9,), lambda k: k.AlphaDropout(0.5)),
    "activity regularization": stack((9,), lambda k: k.ActivityRegularization(0.1, 0.2)),
    "identity": stack((9,), lambda k: k.Identity()),
    "flatten": stack((3, 4, 2), lambda k: k.Flatten()),
    "flatten a vector": stack((9,), lambda k: k.Flatten()),
    "flatten channels first": stack((3, 4, 2), lambda k: k.Flatten(data_format="channels_first")),
    "reshape": stack((12,), lambda k: k.Reshape((3, 4))),
    "reshape with a free length": stack((12,), lambda k: k.Reshape((2, -1, 3))),
    "permute": stack((3, 4, 2), lambda k: k.Permute((3, 1, 2))),
    "repeat vector": stack((4,), lambda k: k.RepeatVector(3)),
    "concatenate": merge("Concatenate", (3,), (4,), (1,)),
    "concatenate along axis 1": merge("Concatenate", (3, 2), (4, 2), axis=1),
    "add three": merge("Add", (3,), (3,), (3,)),
    "add broadcasting": merge("Add", (3, 4), (1, 4)),
    "add of other rank": merge("Add", (3, 4), (4,)),
    "subtract": merge("Subtract", (3,), (3,)),
    "multiply": merge("Multiply", (3,), (1,)),
    "average": merge("Average", (3,), (3,), (3,)),
    "maximum": merge("Maximum", (3,), (3,)),
    "minimum": merge("Minimum", (3,), (3,)),
    "dot": merge("Dot", (3,), (3,), axes=1),
    "dot normalized": merge("Dot", (3,), (3,), axes=-1, normalize=True),
    "dot of matrices": merge("Dot", (3, 4), (5, 4), axes=2),
    "dot over two axes": merge("Dot", (3, 4), (5, 3), axes=(1, 2)),
}  # fmt: skip


def shared_layer(keras: Any) -> Any:
    shared = keras.layers.Dense(4, activation="tanh", name="twice")
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    deep = shared(shared(a))
    return keras.Model([a, b], keras.layers.Subtract()([deep, shared(b)]))


def nested_model_used_twice(keras: Any) -> Any:
    layers = keras.layers
    i = keras.Input((4,), name="inner_in")
    inner = keras.Model(i, layers.BatchNormalization()(layers.Dense(3)(i)), name="tower")
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    joined = layers.Concatenate()([inner(a), inner(b)])
    return keras.Model([a, b], layers.Dense(2)(joined))


def deeply_nested(keras: Any) -> Any:
    layers = keras.layers
    core = keras.Sequential(
        [keras.Input((3,)), layers.Dense(3, activation="relu"), layers.BatchNormalization()],
        name="core",
    )
    i = keras.Input((3,), name="mid_in")
    mid = keras.Model(i, layers.Add()([core(i), layers.Dense(3)(core(core(i)))]), name="mid")
    x = keras.Input((5,), name="x")
    y = mid(layers.Dense(3)(x))
    return keras.Model(x, layers.Multiply()([y, mid(y)]), name="outer")


def partly_frozen(keras: Any) -> Any:
    """The order of weights in HDF5 files depends on which layers are trainable."""
    layers = keras.layers
    inner = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, trainable=False),
            layers.BatchNormalization(),
            layers.Dense(4),
            layers.BatchNormalization(trainable=False),
        ],
        name="inner",
    )
    frozen = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.BatchNormalization()])
    frozen.trainable = False
    x = keras.Input((4,), name="x")
    return keras.Model(x, frozen(inner(x)))


def several_outputs(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((4,), name="x")
    h = layers.Dense(3, activation="relu", name="hidden")(x)
    return keras.Model(
        x, [layers.Dense(2, name="left")(h), h, layers.Dropout(0.5, name="right")(h)]
    )


def named_outputs(keras: Any) -> Any:
    layers = keras.layers
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    h = layers.Concatenate()([b, a])
    outputs = {"zebra": layers.Dense(2)(h), "ant": layers.Dense(3)(a)}
    return keras.Model({"a": a, "b": b}, outputs)


def nested_several_outputs(keras: Any) -> Any:
    layers = keras.layers
    i, j = keras.Input((4,), name="i"), keras.Input((4,), name="j")
    inner = keras.Model([i, j], [layers.Dense(3)(i), layers.Dense(2)(j)], name="two")
    a = keras.Input((4,), name="a")
    first, second = inner([a, layers.Dense(4)(a)])
    third, _ = inner([a, a])
    return keras.Model(a, layers.Concatenate()([second, first, third]))


def branches(keras: Any) -> Any:
    """Depths that differ per branch, many layers of one class: the order in which Keras lists layers matters."""
    layers = keras.layers
    a, b, c = (keras.Input((6,), name=name) for name in "abc")
    left = layers.Dense(6)(layers.Dense(6)(layers.Dense(6)(a)))
    right = layers.Dense(6)(b)
    middle = layers.Dense(6)(layers.Add()([left, layers.Dense(6)(c)]))
    merged = layers.Concatenate()([layers.Dense(2)(right), layers.Dense(2)(middle)])
    return keras.Model([c, a, b], [layers.Dense(3)(merged), layers.Dense(1)(left)])


def passes_its_input_on(keras: Any) -> Any:
    x = keras.Input((4,), name="x")
    return keras.Model(x, [keras.layers.Dense(2, name="y")(x), x])


def unused_input(keras: Any) -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    return keras.Model([a, b], keras.layers.Dense(2)(keras.layers.Dense(2)(a)))


def layer_shared_across_models(keras: Any) -> Any:
    """The same Dense in two nested models and outside: stored once, where Keras first meets it."""
    layers = keras.layers
    shared = layers.Dense(4, activation="tanh", name="everywhere")
    i, j, x = (keras.Input((4,), name=name) for name in ("i", "j", "x"))
    first = keras.Model(i, shared(i), name="first")
    second = keras.Model(j, layers.Dense(4)(shared(layers.Dense(4)(j))), name="second")
    return keras.Model(x, layers.Dense(2)(shared(second(first(x)))))


def named_inputs_of_a_nested_model(keras: Any) -> Any:
    layers = keras.layers
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    inner = keras.Model({"a": a, "b": b}, layers.Concatenate()([b, layers.Dense(2)(a)]), name="in")
    x, y = keras.Input((4,), name="x"), keras.Input((3,), name="y")
    return keras.Model([x, y], inner({"b": y, "a": x}))


def built_without_a_shape(keras: Any) -> Any:
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.LeakyReLU()], name="late")
    x = keras.Input((4,), name="x")
    return keras.Model(x, model(keras.layers.Dense(4)(model(x))))


def sequential_of_models(keras: Any) -> Any:
    layers = keras.layers
    first = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="first")
    i = keras.Input((3,), name="i")
    second = keras.Model(i, layers.Softmax()(layers.Dense(5)(i)), name="second")
    return keras.Sequential([keras.Input((4,)), first, second, layers.Dense(2)])


def integer_input(keras: Any) -> Any:
    x = keras.Input((4, 2), name="x", dtype="int32")
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(x)))


TOPOLOGIES: dict[str, Build] = {
    build.__name__.replace("_", " "): build
    for build in (
        shared_layer, nested_model_used_twice, deeply_nested, partly_frozen, several_outputs,
        named_outputs, nested_several_outputs, branches, passes_its_input_on, unused_input,
        integer_input,
        named_inputs_of_a_nested_model, built_without_a_shape, sequential_of_models,
    )
}  # fmt: skip

MODELS = LAYERS | TOPOLOGIES
