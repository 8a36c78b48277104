"""csxa-colour: symptomatic or healthy on three channels of the middle of films, by ResNet50.

Paper      As for csxa-original: Reddy et al. 2026, JEI.
Data       CSXA with its landmarks, 4963 films. Finding "symptomatic", or else "abnormal".
Split      3722 / 1241 films, as csxa-original.
Network    As csxa-original.
Pictures   As csxa-original, but the three channels are the grey values, the inverted ones and
           the histogram-equalised ones.
Expected   Printed: accuracies of 94.19 to 95.73 over the six variants. 95.73 is what the matrices
           of this one and of csxa-wide come to. This one's is TP 1188 FN 6 TN 0 FP 47: 0 of 47
           healthy films are recognised, balanced accuracy is .497; answering "symptomatic" to
           every film scores 96.21.
Silent     As for csxa-original. The paper names two orders of the channels and not which of
           them its table shows: here grey, inverted, equalised; --reversed-channels gives
           equalised, inverted, grey.
Deviates   As csxa-original.
Hardware   2 CPU cores, 8 GB of memory; a GPU is taken when there is one.
Minutes    About 1100 on those cores, by the processor time of a step: take a GPU.
Command    training run csxa-colour --data CSXA --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.films.channels import Channels, Fit
from training.films.crops import Crop
from training.films.pictures import PicturePlan
from training.recipes import csxa_original, paper
from training.recipes.recipe import Paper
from training.statistics import ConfusionMatrix

NAME = "csxa-colour"
RECIPE = replace(
    csxa_original.RECIPE,
    name=NAME,
    paper=Paper(
        csxa_original.CITATION,
        {"accuracy": 0.9573},
        ConfusionMatrix(1188, 6, 0, 47),
        csxa_original.REMARK,
    ),
    picture=PicturePlan(Crop.CENTRE, Fit.STRETCHED, Channels.COLOUR),
)
run = paper.runner(RECIPE)
