"""The questions: what the common story says, what is put to the test of it, what others found.

Data only. The rules and the arms of a hypothesis stand in the experiment that yields it.
"""

from resinc.report.question import Question, Stated

HE_2015 = "He et al. 2015"
HE_2016 = "He et al. 2016"
VEIT = "Veit et al. 2016, abstract"
BALDUZZI = "Balduzzi et al. 2017, abstract"
YANG = "Yang et al. 2019"
DE_SMITH = "De and Smith 2020"

QUESTIONS = (
    Question(
        "degradation",
        "Does depth make networks train worse?",
        "Very deep plain networks train worse than shallower ones; with shortcuts the training "
        "error keeps falling as layers are added.",
        (
            Stated(
                "degradation.plain",
                "a deep plain network trains worse than a shallower one",
                "yes: training error about 5.8 % at 56 layers, 1.3 % at 20",
                f"{HE_2015}, read off Fig. 6",
                primary=True,
            ),
            Stated(
                "degradation.residual",
                "with shortcuts it does not",
                "yes: about 0.1 % at 56 layers, 0.7 % at 20",
                f"{HE_2015}, read off Fig. 6",
                primary=True,
            ),
            Stated(
                "degradation.interaction",
                "depth hurts plain networks more than residual ones",
                "yes: from 20 to 56 layers about 4.5 points worse, with shortcuts 0.6 better",
                f"{HE_2015}, read off Fig. 6",
                primary=True,
            ),
            Stated(
                "degradation.strictly",
                "residual training loss falls at every step of depth",
                "yes, for the error: about 0.7, 0.2, 0.15 and 0.1 % at 20, 32, 44 and 56 layers",
                f"{HE_2015}, read off Fig. 6",
                datasets=("cifar10",),
            ),
            Stated(
                "degradation.any_rate",
                "no learning rate rescues deep plain networks",
                "beyond about 50 layers networks with BatchNorm and no shortcuts do not train",
                f"{YANG}, Fig. 2, fully connected",
                primary=True,
                datasets=("digits",),
            ),
            Stated(
                "degradation.not_overfitting",
                "what a deep plain network lacks it lacks on its training data",
                "yes: from 20 to 56 layers about 4.5 points worse in training, 3.5 in test",
                f"{HE_2015}, read off Fig. 6",
                datasets=("cifar10",),
            ),
        ),
    ),
    Question(
        "gradient",
        "Does the gradient vanish?",
        "In a deep network the gradient is multiplied at every layer and shrinks to nothing, so "
        "the early layers hardly learn; a shortcut carries it back directly.",
        (
            Stated(
                "gradient.shrinks",
                "without BatchNorm the first layer's gradient falls more than tenfold from 8 to "
                "56 layers",
            ),
            Stated(
                "gradient.fades",
                "without BatchNorm the gradient fades from layer to layer on its way to the input",
            ),
            Stated(
                "gradient.explodes",
                "with BatchNorm it grows instead, by more than 5 % a layer",
                "yes: it grows 1.21-fold a layer",
                f"{YANG}, Theorem 8, fully connected",
            ),
            Stated(
                "gradient.fades_in_training",
                "as training proceeds the early layers of a deep plain network get less gradient "
                "than the late ones",
                primary=True,
            ),
            Stated(
                "gradient.freezes",
                "early layers of a deep plain network learn at less than half the speed of its "
                "late ones, those of a residual network do not",
            ),
            Stated(
                "gradient.flat",
                "with shortcuts the gradient changes less than a quarter as much from layer to "
                "layer",
                primary=True,
            ),
            Stated(
                "gradient.direct",
                "what arrives by the shortcuts alone points the same way as the whole gradient",
                primary=True,
            ),
            Stated(
                "gradient.shattered",
                "gradients of neighbouring examples are more than twice as alike with shortcuts",
                "yes: without shortcuts they end up like white noise, with them far more slowly",
                BALDUZZI,
            ),
            Stated(
                "gradient.short_paths",
                "most of a trained residual network's gradient comes by paths through at most a "
                "third of its blocks",
                "yes: of 110 layers most comes by paths 10 to 34 layers long",
                VEIT,
            ),
            Stated(
                "gradient.isometry",
                "with shortcuts a network passes on small changes of its input more evenly",
            ),
        ),
    ),
    Question(
        "identity",
        "Is it hard to learn to do nothing?",
        "A deeper network could copy a shallower one and let its other layers pass on their input, "
        "yet plain layers do not learn the identity; with a shortcut it is there from the start.",
        (
            Stated(
                "identity.holds",
                "a plain network that identity layers make deeper trains as well as before",
                primary=True,
            ),
            Stated(
                "identity.not_reached",
                "from scratch the same network does not get there",
                "a 56-layer plain network ends about 4.5 points above one of 20 layers",
                f"{HE_2015}, read off Fig. 6",
                primary=True,
            ),
            Stated(
                "identity.start",
                "a plain network that starts near the identity, or linear, trains as well as a "
                "residual one",
                "a start that \"looks linear\" trains very deep plain networks",
                BALDUZZI,
            ),
            Stated(
                "identity.lesion",
                "removing a block costs a plain network more than a residual one",
                "removing a block costs a residual network little",
                VEIT,
                primary=True,
            ),
            Stated(
                "identity.downscaling",
                "without BatchNorm residual networks train as well if their branches are scaled, "
                "from 0",
                "1,000 layers train without BatchNorm, a scale that starts near 0 on every branch",
                f"{DE_SMITH}, introduction",
            ),
            Stated(
                "identity.learned",
                "asked to reproduce its input a plain stack leaves more unexplained than a "
                "residual one",
                datasets=("digits",),
            ),
            Stated(
                "identity.shortcut_kind",
                "whatever is done to the shortcut raises the training loss",
                "yes, for the test error: 6.61 % as it is, 6.91 % up to failure otherwise",
                f"{HE_2016}, Table 1, 110 layers",
                datasets=("digits",),
            ),
        ),
    ),
    Question(
        "bottleneck",
        "Is a 1x1 bottleneck free?",
        "A 1x1 convolution that reduces the channels first saves most of the multiplications and "
        "does not harm what the network learns.",
        (
            Stated(
                "bottleneck.free",
                "a 1x1 reduction before 3x3 and 5x5 costs no accuracy at equal width and depth",
                datasets=("cifar10",),
            ),
            Stated(
                "bottleneck.beats_wider",
                "at equal multiply-adds bottleneck blocks train better than basic ones",
                datasets=("cifar10",),
            ),
        ),
    ),
    Question(
        "nin",
        "What do 1x1 convolutions add?",
        "A 1x1 convolution is a small network at every pixel and makes the features richer; "
        "averaging at the end replaces dense layers that overfit.",
        (
            Stated(
                "nin.mlpconv",
                "mlpconv beats a wider convolution at equal multiply-adds",
            ),
            Stated(
                "nin.average_pooling",
                "global average pooling narrows the gap between training and test against a dense "
                "head",
                "average pooling instead of dense layers gained 0.6 points of accuracy",
                "Szegedy et al. 2014, section 5, ImageNet",
            ),
        ),
    ),
    Question(
        "inception",
        "Is it better to use filters of all sizes?",
        "Do not choose a filter size: try all of them side by side and let the network decide.",
        (
            Stated(
                "inception.all_filters",
                "all filters side by side beat the best single one at equal multiply-adds",
                primary=True,
                datasets=("cifar10",),
            ),
            Stated(
                "inception.every_branch",
                "removing any one branch costs accuracy",
                datasets=("cifar10",),
            ),
            Stated(
                "inception.shortcuts_rescue",
                "shortcuts make a deep inception network trainable",
                "they converge faster; in the end it is mostly size that counts",
                "Szegedy et al. 2016, Fig. 10",
            ),
            Stated(
                "inception.adds",
                "inception branches with shortcuts beat a residual network at equal multiply-adds",
                datasets=("cifar10",),
            ),
        ),
    ),
    Question(
        "auxiliary",
        "Do auxiliary classifiers help?",
        "Classifiers at hidden layers bring the gradient to the early layers and speed up "
        "training.",
        (
            Stated(
                "auxiliary.early",
                "auxiliary heads lower the loss at a quarter of training",
            ),
        ),
    ),
)  # fmt: skip
