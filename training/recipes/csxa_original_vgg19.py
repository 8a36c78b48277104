"""csxa-original-vgg19: symptomatic or healthy on the middle of CSXA's films, by VGG19.

Paper      As for csxa-original: Reddy et al. 2026, JEI.
Data       CSXA, 4963 films. Finding "symptomatic", or else "abnormal".
Split      3722 / 1241 films, as csxa-original.
Network    VGG19 from ImageNet with two outputs; everything else as csxa-original.
Expected   Printed: accuracy 92.74. What it is: TP 1148 FN 46 TN 3 FP 44: 3 of 47 healthy films are
           recognised, balanced accuracy is .513; answering "symptomatic" to every film scores
           96.21.
Silent     As for csxa-original.
Deviates   As csxa-original.
Hardware   2 CPU cores, 10 GB of memory; a GPU is taken when there is one.
Minutes    About 6500 on those cores, by the processor time of a step: take a GPU.
Command    training run csxa-original-vgg19 --data CSXA --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.networks.classifiers import Backbone, NetworkPlan
from training.recipes import csxa_original, paper
from training.recipes.recipe import Paper
from training.statistics import ConfusionMatrix

NAME = "csxa-original-vgg19"
RECIPE = replace(
    csxa_original.RECIPE,
    name=NAME,
    paper=Paper(
        csxa_original.CITATION,
        {"accuracy": 0.9274},
        ConfusionMatrix(1148, 46, 3, 44),
        csxa_original.REMARK,
    ),
    network=NetworkPlan(Backbone.VGG19),
)
run = paper.runner(RECIPE)
