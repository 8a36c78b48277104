"""normal-densenet201: normal or abnormal, by DenseNet201.

Paper      As for normal-vgg16: "normal or abnormal" from Ankara.
Data       331 lateral films, 170 and 161; disputed ones left out; not public. Finding "abnormal".
Split      232 / 50 / 49 films to train, tune and test, by patient and stratified.
Network    DenseNet201 from ImageNet, its last layer made anew; everything else as for normal-vgg16.
Expected   Printed: accuracy 85.7; the rest of its row was not at hand. By the matrix that fits,
           TP 22 FN 3 TN 20 FP 4, sensitivity is 88.0 and specificity 83.3.
Silent     As for normal-vgg16.
Deviates   As for normal-vgg16.
Hardware   2 CPU cores, 8 GB of memory; a GPU is taken when there is one.
Minutes    About 30 on those cores, by the processor time of a step.
Command    training run normal-densenet201 --data DIR --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.networks.classifiers import Backbone, NetworkPlan
from training.recipes import normal_vgg16, paper
from training.recipes.recipe import Paper
from training.statistics import ConfusionMatrix

NAME = "normal-densenet201"
RECIPE = replace(
    normal_vgg16.RECIPE,
    name=NAME,
    paper=Paper(
        citation=normal_vgg16.CITATION,
        printed={"accuracy": 0.857},
        matrix=ConfusionMatrix(22, 3, 20, 4),
        remark=normal_vgg16.REMARK,
    ),
    network=NetworkPlan(Backbone.DENSENET201),
)
run = paper.runner(RECIPE)
