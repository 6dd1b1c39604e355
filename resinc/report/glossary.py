"""What the words of the page mean, for a reader who knows only the common story."""

from resinc.report.outcome import Outcome

MEANINGS = (
    (Outcome.SUPPORTED, "the rule holds."),
    (Outcome.REVERSED, "the opposite of the sentence holds, by the same rule."),
    (
        Outcome.IMMATERIAL,
        "the difference is smaller than the sentence says, and not its opposite: it lies inside "
        "the margin. Of a sentence that claims much, as a quarter, it can be large all the same.",
    ),
    (Outcome.UNDECIDED, "none of these, or a planned run is unfinished."),
    (
        Outcome.UNTESTABLE,
        "the comparison means nothing in this setting, for instance because even the network that "
        "others are compared with has not learned its task.",
    ),
)
GLOSSARY = (
    (
        "Training error",
        "the share of the training images that a network gets wrong. A network that is bad on "
        "these has not learned its task; one that is good on these and bad on new images has "
        "learned them by heart.",
    ),
    (
        "BatchNorm",
        "brings what leaves a layer to mean 0 and variance 1 over the images of a batch, then "
        "scales and shifts it by two learned numbers per channel.",
    ),
    (
        "Shortcut",
        "carries the input of a block past its layers and adds it to what they compute. A network "
        "with shortcuts is called residual, one without plain.",
    ),
    (
        "Branch",
        "one of several layers, or rows of layers, that work on the same input side by side; an "
        "inception module puts their outputs together.",
    ),
    (
        "Lesion",
        "a block is taken out of a trained network, to see how much worse it gets.",
    ),
    (
        "Seed",
        "the number that decides a run's random weights and order of images: runs with other seeds "
        "show how much is chance.",
    ),
    (
        "Permutation test",
        "asks how often a difference as large would come about if the runs of both networks were "
        "shuffled and dealt out anew. Rarely: then it is hardly chance.",
    ),
    (
        "Interval",
        "the range in which the true difference lies, as far as so many runs can tell; more runs "
        "make it narrower.",
    ),
)
