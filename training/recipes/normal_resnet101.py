"""normal-resnet101: normal or abnormal, by ResNet101.

Paper      As for normal-vgg16: "normal or abnormal" from Ankara.
Data       331 lateral films, 170 and 161; disputed ones left out; not public. Finding "abnormal".
Split      232 / 50 / 49 films to train, tune and test, by patient and stratified.
Network    ResNet101 from ImageNet, its last layer made anew; everything else as for normal-vgg16.
Expected   Printed: accuracy 89.8; the rest of its row was not at hand. By the matrix that fits,
           TP 21 FN 4 TN 23 FP 1, sensitivity is 84.0 and specificity 95.8.
Silent     As for normal-vgg16.
Deviates   As for normal-vgg16.
Hardware   2 CPU cores, 6 GB of memory; a GPU is taken when there is one.
Minutes    About 45 on those cores, by the processor time of a step.
Command    training run normal-resnet101 --data DIR --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.networks.classifiers import Backbone, NetworkPlan
from training.recipes import normal_vgg16, paper
from training.recipes.recipe import Paper
from training.statistics import ConfusionMatrix

NAME = "normal-resnet101"
RECIPE = replace(
    normal_vgg16.RECIPE,
    name=NAME,
    paper=Paper(
        citation=normal_vgg16.CITATION,
        printed={"accuracy": 0.898},
        matrix=ConfusionMatrix(21, 4, 23, 1),
        remark=normal_vgg16.REMARK,
    ),
    network=NetworkPlan(Backbone.RESNET101),
)
run = paper.runner(RECIPE)
