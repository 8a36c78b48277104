"""csxa-colour-wide: symptomatic or healthy on three channels of the wider box, by ResNet50.

Paper      As for csxa-original: Reddy et al. 2026, JEI.
Data       CSXA with its landmarks, 4963 films. Finding "symptomatic", or else "abnormal".
Split      3722 / 1241 films, as csxa-original.
Network    As csxa-original.
Pictures   The box of csxa-wide with the three channels of csxa-colour.
Expected   Printed: accuracies of 94.19 to 95.73 over the six variants; this one's was not at hand.
           By the matrix that fits, TP 1178 FN 16 TN 0 FP 47, it is 94.92: 0 of 47 healthy films
           are recognised, balanced accuracy is .493; answering "symptomatic" to every film
           scores 96.21.
Silent     As for csxa-wide and csxa-colour.
Deviates   As csxa-original.
Hardware   2 CPU cores, 8 GB of memory; a GPU is taken when there is one.
Minutes    About 1100 on those cores, by the processor time of a step: take a GPU.
Command    training run csxa-colour-wide --data CSXA --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.films.channels import Channels, Fit
from training.films.crops import Crop
from training.films.pictures import PicturePlan
from training.recipes import csxa_original, paper
from training.recipes.recipe import Paper
from training.statistics import ConfusionMatrix

NAME = "csxa-colour-wide"
RECIPE = replace(
    csxa_original.RECIPE,
    name=NAME,
    paper=Paper(
        csxa_original.CITATION,
        {},
        ConfusionMatrix(1178, 16, 0, 47),
        csxa_original.REMARK,
    ),
    picture=PicturePlan(Crop.WIDE, Fit.STRETCHED, Channels.COLOUR),
)
run = paper.runner(RECIPE)
