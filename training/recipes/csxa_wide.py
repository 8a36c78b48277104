"""csxa-wide: symptomatic or healthy on a wider box around the landmarks, by ResNet50.

Paper      As for csxa-original: Reddy et al. 2026, JEI.
Data       CSXA with its landmarks, 4963 films. Finding "symptomatic", or else "abnormal".
Split      3722 / 1241 films, as csxa-original.
Network    As csxa-original.
Pictures   The box around the landmarks and up to 200 pixels above and below it, 100 to either
           side, as far as the film reaches.
Expected   Printed: accuracies of 94.19 to 95.73 over the six variants. 95.73 is what the matrices
           of this one and of csxa-colour come to. This one's is TP 1187 FN 7 TN 1 FP 46: 1 of 47
           healthy films is recognised, balanced accuracy is .508; answering "symptomatic" to
           every film scores 96.21.
Silent     As for csxa-cropped; whether the widening is that of each side (here it is).
Deviates   As csxa-original.
Hardware   2 CPU cores, 6 GB of memory; a GPU is taken when there is one.
Minutes    About 1100 on those cores, by the processor time of a step: take a GPU.
Command    training run csxa-wide --data CSXA --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.films.channels import Channels, Fit
from training.films.crops import Crop
from training.films.pictures import PicturePlan
from training.recipes import csxa_original, paper
from training.recipes.recipe import Paper
from training.statistics import ConfusionMatrix

NAME = "csxa-wide"
RECIPE = replace(
    csxa_original.RECIPE,
    name=NAME,
    paper=Paper(
        csxa_original.CITATION,
        {"accuracy": 0.9573},
        ConfusionMatrix(1187, 7, 1, 46),
        csxa_original.REMARK,
    ),
    picture=PicturePlan(Crop.WIDE, Fit.STRETCHED, Channels.GREY),
)
run = paper.runner(RECIPE)
