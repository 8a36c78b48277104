"""normal-vgg19: normal or abnormal, by VGG19.

Paper      As for normal-vgg16: "normal or abnormal" from Ankara.
Data       331 lateral films, 170 and 161; disputed ones left out; not public. Finding "abnormal".
Split      232 / 50 / 49 films to train, tune and test, by patient and stratified.
Network    VGG19 from ImageNet, its last layer made anew; everything else as for normal-vgg16.
Expected   Printed: accuracy 91.8; the rest of its row was not at hand. By the matrix that fits,
           TP 23 FN 2 TN 22 FP 2, sensitivity is 92.0 and specificity 91.7.
Silent     As for normal-vgg16.
Deviates   As for normal-vgg16.
Hardware   2 CPU cores, 8 GB of memory; a GPU is taken when there is one.
Minutes    About 140 on those cores, by the processor time of a step.
Command    training run normal-vgg19 --data DIR --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.networks.classifiers import Backbone, NetworkPlan
from training.recipes import normal_vgg16, paper
from training.recipes.recipe import Paper
from training.statistics import ConfusionMatrix

NAME = "normal-vgg19"
RECIPE = replace(
    normal_vgg16.RECIPE,
    name=NAME,
    paper=Paper(
        citation=normal_vgg16.CITATION,
        printed={"accuracy": 0.918},
        matrix=ConfusionMatrix(23, 2, 22, 2),
        remark=normal_vgg16.REMARK,
    ),
    network=NetworkPlan(Backbone.VGG19),
)
run = paper.runner(RECIPE)
