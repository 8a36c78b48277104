"""foraminal: foraminal stenosis by ResNet50 behind a spatial transformer, fine-tuned in steps.

Paper      Electronics 2023, 12(1):195.
Data       Cervical films of one hospital, how many is not stated; not public. Finding
           "foraminal-stenosis"; data that lack it are trained on "spondylosis", or else on
           "abnormal", which the run says aloud.
Split      Not stated: here 70 / 10 / 20 % to train, tune and test, by patient and stratified.
Network    A spatial transformer before ResNet50 from ImageNet; the region of interest is found
           first, its histogram equalised, and mirrored half the time. Fine-tuned in steps.
Expected   Printed, in the abstract: over plain ResNet50 (foraminal-baseline) accuracy +5.3 to 6.9
           points, F1 +5.2 to 6.5, specificity +5.4 to 9.2, sensitivity +0.8 to 4.3. Counts of
           films were not at hand, so no matrix can be found behind them.
Silent     Nearly everything. Region of interest: from the landmarks, the bodies of C2 to C7 with
           half a pitch above and below and one vertebral depth behind, where the foramina lie,
           padded with white to a square. The transformer: two convolutions and 32 units, begun as
           the identity. Steps: 5 epochs for transformer and last layer (rate 1e-3), 5 with the
           last stage (1e-4), 5 with the last two (1e-4), 10 with everything (1e-5); a stage that
           rests keeps its batch statistics. Adam, batch 16; the best AUC on the tuning films is
           kept within each step.
Deviates   The paper's network saw other cervical films between ImageNet and these; here the steps
           go over the same films.
Hardware   2 CPU cores, 6 GB of memory; a GPU is taken when there is one.
Minutes    About 90 for each 1000 films on those cores, by the processor time of a step.
Command    training run foraminal --data DIR --out RUN
"""

from __future__ import annotations

from training.films.augmentation import Augmentation
from training.films.channels import Channels, Fit
from training.films.crops import Crop
from training.films.pictures import PicturePlan
from training.networks.classifiers import Backbone, NetworkPlan
from training.recipes import paper
from training.recipes.recipe import OptimiserPlan, Paper, PaperRecipe, Step

NAME = "foraminal"
_NEW = ("spatial", "backbone.fc")
RECIPE = PaperRecipe(
    name=NAME,
    paper=Paper(
        citation="Electronics 2023, 12(1):195",
        printed={},
        matrix=None,
        remark=(
            "The paper prints gains over plain ResNet50 only: accuracy 5.3 to 6.9 points, F1 5.2 "
            "to 6.5, specificity 5.4 to 9.2, sensitivity 0.8 to 4.3. Compare with "
            "foraminal-baseline."
        ),
    ),
    findings=("foraminal-stenosis", "spondylosis", "abnormal"),
    split={"train": 0.7, "tuning": 0.1, "test": 0.2},
    picture=PicturePlan(Crop.FORAMINA, Fit.WHITE_BORDERS, Channels.EQUALISED),
    network=NetworkPlan(Backbone.RESNET50, spatial_transformer=True),
    optimiser=OptimiserPlan("adam", 1e-4),
    steps=(
        Step(5, _NEW, 1e-3),
        Step(5, (*_NEW, "backbone.layer4")),
        Step(5, (*_NEW, "backbone.layer4", "backbone.layer3")),
        Step(10, None, 1e-5),
    ),
    batch=16,
    augmentation=Augmentation(flip_horizontal=0.5),
)
run = paper.runner(RECIPE)
