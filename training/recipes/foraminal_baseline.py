"""foraminal-baseline: foraminal stenosis by plain ResNet50, what foraminal is held against.

Paper      As for foraminal: Electronics 2023, 12(1):195.
Data       As for foraminal.
Split      As for foraminal: with the same seed the same films.
Network    ResNet50 from ImageNet, all of it trained at once; the same region of interest, but no
           equalised histogram, no mirror images, no spatial transformer, no steps.
Expected   Less than foraminal: accuracy by 5.3 to 6.9 points, F1 5.2 to 6.5, specificity 5.4 to
           9.2, sensitivity 0.8 to 4.3. Counts of films were not at hand.
Silent     As for foraminal; how long the plain network was trained (here as many epochs, 25, with
           Adam 1e-4).
Deviates   As foraminal.
Hardware   2 CPU cores, 6 GB of memory; a GPU is taken when there is one.
Minutes    About 90 for each 1000 films on those cores, by the processor time of a step.
Command    training run foraminal-baseline --data DIR --out RUN
"""

from __future__ import annotations

from dataclasses import replace

from training.films.augmentation import Augmentation
from training.films.channels import Channels, Fit
from training.films.crops import Crop
from training.films.pictures import PicturePlan
from training.networks.classifiers import Backbone, NetworkPlan
from training.recipes import foraminal, paper
from training.recipes.recipe import Step

NAME = "foraminal-baseline"
RECIPE = replace(
    foraminal.RECIPE,
    name=NAME,
    picture=PicturePlan(Crop.FORAMINA, Fit.WHITE_BORDERS, Channels.GREY),
    network=NetworkPlan(Backbone.RESNET50),
    steps=(Step(foraminal.RECIPE.epochs),),
    augmentation=Augmentation(),
)
run = paper.runner(RECIPE)
