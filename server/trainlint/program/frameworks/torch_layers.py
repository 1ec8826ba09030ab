"""What the layers of PyTorch hold."""

from .vocabulary import LayerContents, Switch

_NOTHING = LayerContents(False, False, False)
_WEIGHTS = LayerContents(True, False, False, drawn=True)


def _all(names: str, contents: LayerContents) -> dict[str, LayerContents]:
    return {f"torch.nn.{name}": contents for name in names.split()}


_AFFINE, _AFFINE_SECOND = Switch("affine", 3, True), Switch("affine", 3, False)
_P = Switch("p", 0, 0.5)

LAYERS = {
    **_all(
        "Identity Flatten Unflatten ReLU ReLU6 LeakyReLU RReLU ELU GELU SELU CELU SiLU Mish GLU Hardtanh Hardswish Hardsigmoid "
        "Hardshrink Softshrink Tanhshrink Softplus Softsign Sigmoid LogSigmoid Tanh Threshold Softmax Softmin Softmax2d "
        "LogSoftmax MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d "
        "LPPool2d FractionalMaxPool2d FractionalMaxPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d "
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d "
        "ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d "
        "CircularPad1d CircularPad2d CircularPad3d PixelShuffle PixelUnshuffle ChannelShuffle Upsample UpsamplingNearest2d "
        "UpsamplingBilinear2d Fold Unfold CosineSimilarity PairwiseDistance LocalResponseNorm CrossMapLRN2d",
        _NOTHING,
    ),
    **_all("Linear Bilinear LazyLinear Embedding EmbeddingBag RNNCell LSTMCell GRUCell", _WEIGHTS),
    **_all("Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d", _WEIGHTS),
    **_all("LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d", _WEIGHTS),
    **_all("PReLU", LayerContents(True, False, False)),
    **_all(
        "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm",
        LayerContents(_AFFINE, False, Switch("track_running_stats", 4, True)),
    ),
    **_all("LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d", LayerContents(True, False, Switch("track_running_stats", 3, True))),
    **_all("InstanceNorm1d InstanceNorm2d InstanceNorm3d", LayerContents(_AFFINE_SECOND, False, False)),
    **_all("GroupNorm", LayerContents(_AFFINE, False, False)),
    **_all("LayerNorm RMSNorm", LayerContents(Switch("elementwise_affine", 2, True), False, False)),
    **_all("Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout", LayerContents(False, _P, False)),
    **_all("RNN LSTM GRU", LayerContents(True, Switch("dropout", None, 0.0), False, drawn=True)),
    **_all("MultiheadAttention", LayerContents(True, Switch("dropout", 2, 0.0), False, drawn=True)),
    **_all(
        "TransformerEncoderLayer TransformerDecoderLayer",
        LayerContents(True, Switch("dropout", 3, 0.1), False, drawn=True),
    ),
    **_all("Transformer", LayerContents(True, Switch("dropout", 5, 0.1), False, drawn=True)),
    "torchvision.models.*": LayerContents(True, None, None, drawn=True),
    "torchvision.models.alexnet": LayerContents(True, True, False, drawn=True),
    "timm.create_model": LayerContents(True, None, None, drawn=True),
    **{
        f"torchvision.models.{name}": LayerContents(True, False, True, drawn=True)
        for name in (
            "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d",
            "resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
            "regnet_y_400mf", "regnet_y_800mf", "regnet_x_400mf", "regnet_x_800mf",
        )
    },
    **{
        f"torchvision.models.{name}": LayerContents(True, True, True, drawn=True)
        for name in (
            "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large",
            "inception_v3", "googlenet", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3",
        )
    },
    **{
        f"torchvision.models.{name}": LayerContents(True, True, False, drawn=True)
        for name in ("vgg11", "vgg13", "vgg16", "vgg19", "squeezenet1_0", "squeezenet1_1")
    },
}  # fmt: skip

# Layers that hold what they were given.
CONTAINERS = frozenset(
    f"torch.nn.{name}" for name in ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict")
)
# What a module knows the parts in.
REGISTERING = {"list": "torch.nn.ModuleList", "dictionary": "torch.nn.ModuleDict", "tensor": "torch.nn.Parameter"}
# Bases that bring nothing of their own.
EMPTY_BASES = frozenset(
    {"torch.nn.Module", "torch.nn.modules.Module", "torch.nn.modules.module.Module", "pytorch_lightning.LightningModule",
     "lightning.LightningModule", "lightning.pytorch.LightningModule", "pytorch_lightning.core.LightningModule"}
)  # fmt: skip
