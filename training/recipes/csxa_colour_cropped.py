"""csxa-colour-cropped: symptomatic or healthy on three channels of the landmarks' box, by ResNet50.

Paper      As for csxa-original: Reddy et al. 2026, JEI.
Data       CSXA with its landmarks, 4963 films. Finding "symptomatic", or else "abnormal".
Split      3722 / 1241 films, as csxa-original.
Network    As csxa-original.
Pictures   The box of csxa-cropped with the three channels of csxa-colour.
Expected   Printed: accuracies of 94.19 to 95.73 over the six variants; this one's was not at hand.
           By the matrix that fits, TP 1175 FN 19 TN 1 FP 46, it is 94.76: 1 of 47 healthy films
           is recognised, balanced accuracy is .503; answering "symptomatic" to every film
           scores 96.21.
Silent     As for csxa-cropped and csxa-colour.
Deviates   As csxa-original.
Hardware   2 CPU cores, 8 GB of memory; a GPU is taken when there is one.
Minutes    About 1100 on those cores, by the processor time of a step: take a GPU.
Command    training run csxa-colour-cropped --data CSXA --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.films.channels import Channels, Fit
from training.films.crops import Crop
from training.films.pictures import PicturePlan
from training.recipes import csxa_original, paper
from training.recipes.recipe import Paper
from training.statistics import ConfusionMatrix

NAME = "csxa-colour-cropped"
RECIPE = replace(
    csxa_original.RECIPE,
    name=NAME,
    paper=Paper(
        csxa_original.CITATION,
        {},
        ConfusionMatrix(1175, 19, 1, 46),
        csxa_original.REMARK,
    ),
    picture=PicturePlan(Crop.KEYPOINTS, Fit.STRETCHED, Channels.COLOUR),
)
run = paper.runner(RECIPE)
