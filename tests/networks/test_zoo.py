"""The golden table: every named network has the depth, parameters and cost of its source."""

from pathlib import Path

import pytest

from configs import base
from resinc import networks
from resinc.cost.count import network_cost
from resinc.networks import NETWORKS
from resinc.zoo import ZOO

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"

# Name: weighted depth, parameters and multiply-adds as counted, then what was published of the two
# (text, as printed there; "" where nothing was) and by whom.
GOLDEN = {
    "plain-20": (20, 269_722, 40_551_040, "0.27 M", "", "He et al. 2015"),
    "plain-56": (56, 853_018, 125_485_696, "0.85 M", "", "He et al. 2015"),
    "resnet-20": (20, 269_722, 40_551_040, "0.27 M", "", "He et al. 2015"),
    "resnet-32": (32, 464_154, 68_862_592, "0.46 M", "", "He et al. 2015"),
    "resnet-44": (44, 658_586, 97_174_144, "0.66 M", "", "He et al. 2015"),
    "resnet-56": (56, 853_018, 125_485_696, "0.85 M", "", "He et al. 2015"),
    "resnet-110": (110, 1_727_962, 252_887_680, "1.7 M", "", "He et al. 2015"),
    "resnet-1202": (1202, 19_421_274, 2_829_238_912, "19.4 M", "", "He et al. 2015"),
    "preact-resnet-110": (110, 1_730_522, 253_149_824, "1,730,522", "", "pytorchcv"),
    "preact-resnet-164": (164, 1_703_258, 244_500_992, "1.7 M", "", "He et al. 2016"),
    # The paper prints 10.2 M; what it describes counts to this.
    "preact-resnet-1001": (1001, 10_327_706, 1_487_849_984, "10,327,706", "", "pytorchcv"),
    "wide-resnet-28-10": (26, 36_479_194, 5_243_328_768, "36,479,194", "", "pytorchcv, the paper"),
    "inception-20": (20, 43_470, 6_933_120, "", "", ""),
    "inception-resnet-20": (20, 43_470, 6_933_120, "", "", ""),
    "nin": (9, 966_986, 222_486_528, "966,986", "", "the authors' Caffe model"),
    # A snapshot of float32 numbers has 29 MB.
    "nin-imagenet": (12, 7_595_176, 1_100_188_800, "7.6 M", "", "the authors' snapshot"),
    "plain-18": (18, 11_515_688, 1_794_805_760, "", "1.8 G", "He et al. 2015"),
    "plain-34": (34, 21_623_848, 3_644_493_824, "", "3.6 G", "He et al. 2015"),
    "resnet-18": (18, 11_689_512, 1_814_073_344, "11,689,512", "1.8 G", "torchvision, He et al."),
    "resnet-34": (34, 21_797_672, 3_663_761_408, "21,797,672", "3.6 G", "torchvision, He et al."),
    "resnet-50": (50, 25_557_032, 3_857_973_248, "25,557,032", "3.8 G", "torchvision, He et al."),
    "resnet-101": (101, 44_549_160, 7_570_194_432, "44,549,160", "7.6 G", "torchvision, He et al."),
    "resnet-152": (
        152,
        60_192_808,
        11_282_415_616,
        "60,192,808",
        "11.3 G",
        "torchvision, He et al.",
    ),
    "resnet-50-v1.5": (50, 25_557_032, 4_089_184_256, "25,557,032", "4.089 G", "torchvision"),
    "resnet-101-v1.5": (101, 44_549_160, 7_801_405_440, "44,549,160", "7.801 G", "torchvision"),
    "resnet-152-v1.5": (152, 60_192_808, 11_513_626_624, "60,192,808", "11.514 G", "torchvision"),
    "resnext-50-32x4d": (50, 25_028_904, 4_230_479_872, "25,028,904", "4.23 G", "torchvision"),
    "wide-resnet-50-2": (50, 68_883_240, 11_398_021_120, "68,883,240", "11.398 G", "torchvision"),
    "signs-resnet-50": (50, 23_546_886, 308_178_944, "23,546,886", "", "Keras ResNet50, trainable"),
    "alexnet": (8, 61_100_840, 714_188_480, "61,100,840", "0.714 G", "torchvision"),
    "alexnet-two-groups": (8, 60_965_224, 724_406_816, "60,965,224", "", "Caffe"),
    "googlenet": (22, 13_378_280, 1_582_671_872, "13,378,280", "1.583 G", "Table 1, summed"),
    "googlenet-bn": (22, 13_385_816, 1_582_671_872, "", "", ""),
    "googlenet-torchvision": (
        22,
        13_004_888,
        1_498_376_192,
        "13,004,888",
        "1.498 G",
        "torchvision",
    ),
    "inception-v3": (48, 27_161_264, 5_713_216_096, "27,161,264", "5.713 G", "torchvision"),
    "inception-v3-keras": (48, 23_817_352, 5_713_216_096, "23,817,352", "", "Keras, trainable"),
    "inception-v4": (76, 42_679_816, 12_253_974_624, "42.68 M", "12.28 G", "timm"),
    "inception-resnet-v1": (93, 22_756_328, 6_206_361_696, "", "", ""),
    "inception-resnet-v2": (176, 55_843_464, 13_155_794_016, "55.84 M", "13.18 G", "timm"),
    "inception-resnet-v2-keras": (
        176,
        55_813_192,
        13_155_794_016,
        "55,813,192",
        "",
        "Keras, trainable",
    ),
}


def cost(name):
    entry = ZOO[name]
    section = base.get_config().model
    section.update(entry.model)
    return network_cost(networks.build(section, entry.classes), entry.image)


def number(text):
    """ "25,557,032" -> 25557032; "3.8 G" -> 3.8e9."""
    digits, _, unit = text.replace(",", "").partition(" ")
    return float(digits) * {"": 1, "M": 1e6, "G": 1e9}[unit]


def test_every_named_network_has_a_row_and_every_network_a_name():
    assert set(GOLDEN) == set(ZOO)
    # A stack of blocks alone is nowhere published.
    named = {entry.model.get("name", "cifar") for entry in ZOO.values()}
    assert named == set(NETWORKS) - {"stack"}


@pytest.mark.parametrize("name", ZOO)
def test_cost_is_that_of_the_source(name):
    depth, parameters, multiply_adds, *published, _ = GOLDEN[name]
    counted = cost(name)
    assert (counted.depth, counted.parameters, counted.multiply_adds) == (
        depth,
        parameters,
        multiply_adds,
    )
    for exact, text in zip((parameters, multiply_adds), published, strict=True):
        if "," in text:
            assert exact == number(text)
        elif text:
            # Printed to two or three digits, and cut off rather than rounded in the papers.
            assert exact == pytest.approx(number(text), rel=0.02)


def row(name):
    depth, parameters, multiply_adds, *published, by = GOLDEN[name]
    cells = [name, str(depth), f"{parameters:,}", f"{multiply_adds / 1e6:,.1f} M"]
    said = " and ".join(filter(None, published))
    return f"| {' | '.join([*cells, ZOO[name].source, f'{said} ({by})' if said else '–'])} |"


def test_page_has_the_table():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [row(name) for name in GOLDEN if row(name) not in lines] == []
