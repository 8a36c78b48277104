"""normal-vgg16: normal or abnormal, by VGG16.

Paper      "Normal or abnormal" from Ankara: osteoarthritic change, lost lordosis or a narrowed
           disc against none of them, with VGG16, VGG19, ResNet101 and DenseNet201.
Data       331 lateral films, 170 and 161; films on which readers disagreed are left out (here:
           films whose label is unknown); not public. Finding "abnormal".
Split      232 / 50 / 49 films to train, tune and test, by patient and stratified.
Network    VGG16 from ImageNet, its last layer made anew; C1 to C7 cut out and padded with white
           to the left and right to a square, 224 pixels, grey in three channels; gradient descent
           with momentum .9, rate 3e-4 times .2 after each 8 epochs, L2 .004, batch 16, 20 epochs.
           The paper validates every 16 steps; an epoch of 232 films has 15, and here it ends
           with a validation.
Expected   Printed: accuracy 93.9, sensitivity 95.8, specificity 92.0, precision 92.0. What they
           are: one matrix, TP 23 FN 2 TN 23 FP 1, read the wrong way round. "Sensitivity" is the
           positive predictive value, "specificity" the negative one, "precision" the sensitivity.
           Sensitivity is 92.0 and specificity 95.8. With 25 of 25 found, the lower bound would
           still be .887: no such test can show 95 %.
Silent     Augmentation (claimed, not named: here a mirror image half the time and up to 10
           degrees of rotation), normalisation (ImageNet's), which epoch is kept (here the best
           AUC on the tuning films), seed, how C1 was found. C1 carries no landmark: the crop
           begins 2.5 vertebral pitches above the lower edge of C2, and takes one vertebral depth
           in front and 2.75 behind for the spinous processes.
Deviates   Landmarks come from the data or from a bundle, not from a reader's crop.
Hardware   2 CPU cores, 8 GB of memory; a GPU is taken when there is one.
Minutes    About 100 on those cores, by the processor time of a step.
Command    training run normal-vgg16 --data DIR --out RUN
"""

from __future__ import annotations

from training.films.augmentation import Augmentation
from training.films.channels import Channels, Fit
from training.films.crops import Crop
from training.films.pictures import PicturePlan
from training.networks.classifiers import Backbone, NetworkPlan
from training.recipes import paper
from training.recipes.recipe import OptimiserPlan, Paper, PaperRecipe, Step
from training.statistics import ConfusionMatrix

NAME = "normal-vgg16"
CITATION = "Normal or abnormal cervical films, Ankara"
REMARK = (
    "The paper's table is transposed: its sensitivity is the PPV, its specificity the NPV, its "
    "precision the sensitivity."
)
RECIPE = PaperRecipe(
    name=NAME,
    paper=Paper(
        citation=CITATION,
        printed={
            "accuracy": 0.939,
            "sensitivity": 0.958,
            "specificity": 0.920,
            "precision": 0.920,
        },
        matrix=ConfusionMatrix(23, 2, 23, 1),
        remark=REMARK,
    ),
    findings=("abnormal",),
    split={"train": 232, "tuning": 50, "test": 49},
    picture=PicturePlan(Crop.C1_TO_C7, Fit.WHITE_BORDERS, Channels.GREY),
    network=NetworkPlan(Backbone.VGG16),
    optimiser=OptimiserPlan("sgdm", 3e-4, 0.2, 8, momentum=0.9, weight_decay=0.004),
    steps=(Step(epochs=20),),
    batch=16,
    augmentation=Augmentation(flip_horizontal=0.5, rotations=(10.0,)),
)
run = paper.runner(RECIPE)
