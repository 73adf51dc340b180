"""Small models of image and signal layers, in the common API of Keras 2 and 3, and in that of Keras 3 alone."""

from typing import Any

from tests.graph.keras.zoo import Build, stack

IMAGE, SIGNAL, VOLUME = (7, 9, 4), (9, 4), (5, 6, 4, 4)

COMMON: dict[str, Build] = {
    "conv 1": stack(SIGNAL, lambda k: k.Conv1D(3, 4)),
    "conv 1 causal": stack(SIGNAL, lambda k: k.Conv1D(3, 3, padding="causal", dilation_rate=2)),
    "conv 2": stack(IMAGE, lambda k: k.Conv2D(3, (2, 3), strides=(2, 1), padding="same")),
    "conv 2 with activation": stack(
        IMAGE, lambda k: k.Conv2D(5, 3, dilation_rate=2, use_bias=False, activation="relu")
    ),
    "conv 2 with softmax": stack(IMAGE, lambda k: k.Conv2D(5, 3, activation="softmax")),
    "conv 2 in groups": stack(IMAGE, lambda k: k.Conv2D(6, 3, groups=2)),
    "conv 2 training arguments": stack(
        IMAGE,
        lambda k: k.Conv2D(
            2, 3, kernel_initializer="he_normal", kernel_regularizer="l2", bias_regularizer="l1",
            activity_regularizer="l2", kernel_constraint="max_norm", bias_constraint="non_neg",
        ),
    ),
    "conv 3": stack(VOLUME, lambda k: k.Conv3D(3, (2, 3, 1), padding="same", strides=(1, 2, 2))),
    "conv 1 transposed": stack(SIGNAL, lambda k: k.Conv1DTranspose(3, 4, strides=2)),
    "conv 2 transposed": stack(
        IMAGE, lambda k: k.Conv2DTranspose(3, 3, strides=2, padding="same", activation="tanh")
    ),
    "conv 2 transposed with output padding": stack(
        IMAGE,
        lambda k: k.Conv2DTranspose(
            3, (3, 2), strides=(2, 3), output_padding=(1, 2), use_bias=False
        ),
    ),
    "conv 3 transposed": stack(VOLUME, lambda k: k.Conv3DTranspose(2, 3, strides=2, padding="same")),
    "depthwise 1": stack(SIGNAL, lambda k: k.DepthwiseConv1D(3, depth_multiplier=2)),
    "depthwise 2": stack(
        IMAGE, lambda k: k.DepthwiseConv2D(3, strides=2, padding="same", activation="relu6")
    ),
    "depthwise 2 dilated": stack(
        IMAGE, lambda k: k.DepthwiseConv2D((3, 2), dilation_rate=2, use_bias=False)
    ),
    "separable 1": stack(SIGNAL, lambda k: k.SeparableConv1D(5, 3, depth_multiplier=2)),
    "separable 2": stack(
        IMAGE, lambda k: k.SeparableConv2D(5, 3, strides=2, padding="same", activation="elu")
    ),
    "separable 2 without bias": stack(
        IMAGE, lambda k: k.SeparableConv2D(5, (3, 2), dilation_rate=2, use_bias=False)
    ),
    **{
        f"{name} {rank}": stack(
            shape,
            lambda k, name=name, rank=rank: getattr(k, f"{name}Pooling{rank}D")(
                3, strides=2, padding="same"
            ),
        )
        for name in ("Max", "Average")
        for rank, shape in ((1, SIGNAL), (2, IMAGE), (3, VOLUME))
    },
    "pooling with default strides": stack(IMAGE, lambda k: k.MaxPooling2D((2, 3))),
    **{
        f"global {name} {rank} {keeps}": stack(
            shape,
            lambda k, name=name, rank=rank, keeps=keeps: getattr(k, f"Global{name}Pooling{rank}D")(
                keepdims=keeps
            ),
        )
        for name in ("Max", "Average")
        for rank, shape in ((1, SIGNAL), (2, IMAGE), (3, VOLUME))
        for keeps in (True, False)
    },
    "zero padding 1": stack(SIGNAL, lambda k: k.ZeroPadding1D((1, 2))),
    "zero padding 2": stack(IMAGE, lambda k: k.ZeroPadding2D(((1, 2), (0, 3)))),
    "zero padding 3": stack(VOLUME, lambda k: k.ZeroPadding3D((1, 2, 0))),
    "cropping 1": stack(SIGNAL, lambda k: k.Cropping1D((1, 2))),
    "cropping 2": stack(IMAGE, lambda k: k.Cropping2D(((1, 2), (0, 3)))),
    "cropping 3": stack(VOLUME, lambda k: k.Cropping3D((1, 2, 0))),
    "upsampling 1": stack(SIGNAL, lambda k: k.UpSampling1D(3)),
    "upsampling 2": stack(IMAGE, lambda k: k.UpSampling2D((2, 3))),
    "upsampling 3": stack(VOLUME, lambda k: k.UpSampling3D((2, 1, 3))),
    **{
        f"upsampling 2 {method}": stack(
            IMAGE, lambda k, method=method: k.UpSampling2D((2, 3), interpolation=method)
        )
        for method in ("bilinear", "bicubic", "lanczos3", "lanczos5")
    },
    **{
        f"resizing {method}": stack(
            IMAGE, lambda k, method=method: k.Resizing(5, 13, interpolation=method)
        )
        for method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    },
    "resizing cropped high": stack(
        (9, 4, 2), lambda k: k.Resizing(5, 6, crop_to_aspect_ratio=True)
    ),
    "resizing cropped wide": stack(
        (4, 11, 2), lambda k: k.Resizing(5, 6, crop_to_aspect_ratio=True)
    ),
    "center crop": stack(IMAGE, lambda k: k.CenterCrop(4, 6)),
    "center crop of a small image": stack(IMAGE, lambda k: k.CenterCrop(9, 6)),
    "random crop of equal size": stack(IMAGE, lambda k: k.RandomCrop(7, 9)),
    **{
        f"augmentation {name}": stack(
            IMAGE, lambda k, name=name, given=given: getattr(k, name)(*given)
        )
        for name, given in (
            ("RandomFlip", ()), ("RandomRotation", (0.2,)), ("RandomZoom", (0.2,)),
            ("RandomTranslation", (0.2, 0.2)), ("RandomContrast", (0.2,)),
            ("RandomBrightness", (0.2,)),
        )
    },
    "group normalization": stack(IMAGE, lambda k: k.GroupNormalization(2)),
    "group normalization bare": stack(
        SIGNAL, lambda k: k.GroupNormalization(2, epsilon=0.1, center=False, scale=False)
    ),
    "instance normalization": stack(IMAGE, lambda k: k.GroupNormalization(-1)),
    "group normalization over axis 1": stack((4, 3, 5), lambda k: k.GroupNormalization(2, axis=1)),
    "group normalization over axis -2": stack((3, 4, 5), lambda k: k.GroupNormalization(2, axis=-2)),
    "unit normalization": stack(IMAGE, lambda k: k.UnitNormalization()),
    "unit normalization over two axes": stack(IMAGE, lambda k: k.UnitNormalization(axis=[1, 3])),
    "batch normalization of images": stack(IMAGE, lambda k: k.BatchNormalization()),
    "batch normalization over axis 2": stack(IMAGE, lambda k: k.BatchNormalization(axis=2)),
    "prelu of images": stack(IMAGE, lambda k: k.PReLU(shared_axes=[1, 2])),
}  # fmt: skip

# Channels first: Keras computes these on a CPU only in Keras 3, which moves them.
CHANNELS_FIRST: dict[str, Build] = {
    "conv 2 first": stack(
        IMAGE, lambda k: k.Conv2D(3, 3, data_format="channels_first", activation="softmax")
    ),
    "conv 2 in a row first": stack(
        IMAGE,
        lambda k: k.Conv2D(3, 3, data_format="channels_first", activation="relu"),
        lambda k: k.BatchNormalization(axis=1),
        lambda k: k.MaxPooling2D(2, data_format="channels_first"),
        lambda k: k.Flatten(data_format="channels_first"),
    ),
    "separable 1 first": stack(SIGNAL, lambda k: k.SeparableConv1D(5, 2, data_format="channels_first")),
    "depthwise 2 first": stack(
        IMAGE, lambda k: k.DepthwiseConv2D(3, data_format="channels_first", padding="same")
    ),
    "global pooling first": stack(
        VOLUME, lambda k: k.GlobalAveragePooling3D(data_format="channels_first", keepdims=True)
    ),
    "global pooling first without axes": stack(
        IMAGE, lambda k: k.GlobalMaxPooling2D(data_format="channels_first")
    ),
    "average pooling first": stack(
        SIGNAL, lambda k: k.AveragePooling1D(2, data_format="channels_first")
    ),
    "zero padding first": stack(
        IMAGE, lambda k: k.ZeroPadding2D(((1, 2), (0, 3)), data_format="channels_first")
    ),
    "zero padding 1 first": stack(
        SIGNAL, lambda k: k.ZeroPadding1D((1, 2), data_format="channels_first")
    ),
    "cropping first": stack(
        VOLUME, lambda k: k.Cropping3D((1, 1, 0), data_format="channels_first")
    ),
    "upsampling first": stack(
        IMAGE, lambda k: k.UpSampling2D((2, 3), data_format="channels_first", interpolation="bilinear")
    ),
    "resizing first": stack(IMAGE, lambda k: k.Resizing(5, 6, data_format="channels_first")),
    "center crop first": stack(IMAGE, lambda k: k.CenterCrop(5, 3, data_format="channels_first")),
}  # fmt: skip


def layer_scale(keras: Any) -> Any:
    x = keras.Input(IMAGE, name="x")
    return keras.Model(x, keras.src.applications.convnext.LayerScale(0.1, 4)(x))


def stochastic_depth(keras: Any) -> Any:
    x = keras.Input(IMAGE, name="x")
    return keras.Model(x, keras.src.applications.convnext.StochasticDepth(0.5)(x))


def scaled_sum(keras: Any) -> Any:
    x, y = keras.Input(IMAGE, name="x"), keras.Input(IMAGE, name="y")
    scaled = keras.src.applications.inception_resnet_v2.CustomScaleLayer(0.17)
    return keras.Model([x, y], scaled([x, y]))


# Layers that networks of keras.applications have for themselves.
APPLICATIONS: dict[str, Build] = {
    "layer scale": layer_scale,
    "stochastic depth": stochastic_depth,
    "scaled sum": scaled_sum,
}

KERAS3: dict[str, Build] = {
    **APPLICATIONS,
    **{
        f"adaptive {name} {rank}": stack(
            shape,
            lambda k, name=name, rank=rank: getattr(k, f"Adaptive{name}Pooling{rank}D")(3),
        )
        for name in ("Max", "Average")
        for rank, shape in ((1, SIGNAL), (2, IMAGE), (3, VOLUME))
    },
    "adaptive first": stack(
        (4, 7, 9),
        lambda k: k.AdaptiveAveragePooling2D((2, 4), data_format="channels_first"),
    ),
    "rms normalization": stack(IMAGE, lambda k: k.RMSNormalization()),
    "rms normalization over two axes": stack(
        IMAGE, lambda k: k.RMSNormalization(axis=[2, 3], epsilon=0.1)
    ),
    "spectral normalization": stack(
        IMAGE,
        lambda k: k.SpectralNormalization(k.Conv2D(3, 3), name="outer"),
        lambda k: k.SpectralNormalization(k.DepthwiseConv2D(2), power_iterations=2),
        lambda k: k.SpectralNormalization(k.Dense(2)),
    ),
    "resizing padded high": stack((9, 4, 2), lambda k: k.Resizing(5, 6, pad_to_aspect_ratio=True)),
    "resizing padded wide": stack((4, 11, 2), lambda k: k.Resizing(5, 6, pad_to_aspect_ratio=True)),
    "resizing antialiased": stack(IMAGE, lambda k: k.Resizing(3, 4, antialias=True)),
    **{
        f"augmentation {name}": stack(
            (7, 9, 3), lambda k, name=name, given=given: getattr(k, name)(*given)
        )
        for name, given in (
            ("AugMix", ()), ("CutMix", ()), ("MixUp", ()), ("RandAugment", ()),
            ("RandomColorDegeneration", (0.2,)), ("RandomColorJitter", ()),
            ("RandomElasticTransform", ()), ("RandomErasing", ()), ("RandomGaussianBlur", ()),
            ("RandomGrayscale", ()), ("RandomHue", (0.2,)), ("RandomInvert", ()),
            ("RandomPerspective", ()), ("RandomPosterization", (2,)), ("RandomSaturation", (0.2,)),
            ("RandomSharpness", (0.2,)), ("RandomShear", (0.2,)), ("Solarization", (0.2,)),
        )
    },
    **CHANNELS_FIRST,
}  # fmt: skip

KERAS2: dict[str, Build] = {
    **{
        f"upsampling 2 {method}": stack(
            IMAGE, lambda k, method=method: k.UpSampling2D((2, 3), interpolation=method)
        )
        for method in ("area", "gaussian", "mitchellcubic")
    },
    **{
        f"resizing {method}": stack(
            IMAGE, lambda k, method=method: k.Resizing(5, 13, interpolation=method)
        )
        for method in ("area", "gaussian", "mitchellcubic")
    },
    "names with slashes": stack(
        IMAGE,
        lambda k: k.Conv2D(3, 3, name="block_1/conv"),
        lambda k: k.BatchNormalization(name="block_1/norm/1"),
    ),
    "random crop": stack(IMAGE, lambda k: k.RandomCrop(5, 6)),
    "random height": stack(IMAGE, lambda k: k.RandomHeight(0.2)),
    "random width": stack(IMAGE, lambda k: k.RandomWidth(0.2)),
    "cropping first": CHANNELS_FIRST["cropping first"],
    "zero padding first": CHANNELS_FIRST["zero padding first"],
    "global pooling first": CHANNELS_FIRST["global pooling first"],
}


def squeeze_and_excitation(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input(IMAGE, name="x")
    h = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    s = layers.GlobalAveragePooling2D(keepdims=True)(h)
    s = layers.Conv2D(2, 1, activation="relu")(s)
    s = layers.Conv2D(6, 1, activation="sigmoid")(s)
    return keras.Model(x, layers.Multiply()([h, s]))


def residual(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input(IMAGE, name="x")
    h = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x)))
    h = layers.Add()([x, layers.Conv2D(4, 3, padding="same")(h)])
    h = layers.AveragePooling2D(2)(layers.Activation("relu")(h))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


def unet2d(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((8, 12, 3), name="x")
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
    c = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(b))
    c = layers.Conv2DTranspose(6, 2, strides=2)(layers.Dropout(0.5)(c))
    b = layers.Conv2D(6, 3, padding="same")(layers.Concatenate()([b, c]))
    b = layers.UpSampling2D(interpolation="bilinear")(layers.LeakyReLU()(b))
    return keras.Model(x, layers.Conv2D(2, 1, activation="softmax")(layers.Concatenate()([a, b])))


def unet1d(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((16, 2), name="x")
    a = layers.Conv1D(4, 5, padding="same", activation="relu")(x)
    b = layers.Conv1D(6, 5, padding="same", activation="relu")(layers.MaxPooling1D()(a))
    b = layers.UpSampling1D()(layers.SpatialDropout1D(0.2)(b))
    return keras.Model(x, layers.Conv1D(1, 1)(layers.Concatenate()([a, b])))


def autoencoder(keras: Any) -> Any:
    layers = keras.layers
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(5),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(64, activation="relu"),
            layers.Reshape((4, 4, 4)),
            layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="sigmoid"),
        ],
        name="decoder",
    )
    return keras.Sequential([keras.Input((8, 8, 3)), encoder, decoder])


def volumes(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input(VOLUME, name="x")
    h = layers.Conv3D(6, 3, padding="same")(x)
    h = layers.MaxPooling3D()(layers.ReLU()(layers.BatchNormalization()(h)))
    h = layers.GlobalAveragePooling3D()(layers.Conv3D(4, 2, activation="elu")(h))
    return keras.Model(x, layers.Dense(2)(h))


NETWORKS: dict[str, Build] = {
    build.__name__: build
    for build in (squeeze_and_excitation, residual, unet2d, unet1d, autoencoder, volumes)
}
