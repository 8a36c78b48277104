"""csm: cervical spondylotic myelopathy from one lateral film.

Paper      Lee, Shin, Chang 2022, BMC Neurology 22:147.
Data       207 patients, 96 with and 111 without myelopathy by MRI, one lateral film each; not
           public. Finding "myelopathy"; data that lack it are trained on "canal-narrowing", or
           else on "abnormal", which the run says aloud.
Split      145 / 62 films, by patient and stratified; other numbers of films in the same
           proportion. The paper names no tuning films: the last epoch's weights are kept, and
           the figure of the log is the AUC on training films.
Network    The 13 convolutions of VGG16, global average pooling, 128, 64 and 1 units, sigmoid;
           Adam 1e-5, batch 8; shear, zoom and shift in width.
Expected   Printed: accuracy 87.1, recall 86.4, precision 88.9, AUC .864 [.780, .949]. What they
           are: only TP 22 FN 7 TN 32 FP 1 fits, and recall and precision are means over both
           classes. Sensitivity is 75.9 and specificity 97.0. The "AUC" is the balanced accuracy:
           its curve was drawn from yes and no, not from scores.
Silent     Crop (here the whole film, stretched: the names of the augmentations are those of
           Keras, whose reader stretches), amounts of augmentation (10 degrees, 10 %, 10 %),
           epochs (50), normalisation (ImageNet's), seed.
Deviates   Nowhere that is known.
Hardware   2 CPU cores, 4 GB of memory; a GPU is taken when there is one.
Minutes    About 150 on those cores, by the processor time of a step.
Command    training run csm --data DIR --out RUN
"""

from __future__ import annotations

from training.films.augmentation import Augmentation
from training.films.channels import Channels, Fit
from training.films.crops import Crop
from training.films.pictures import PicturePlan
from training.networks.classifiers import Backbone, Head, NetworkPlan
from training.recipes import paper
from training.recipes.recipe import OptimiserPlan, Paper, PaperRecipe, Step
from training.statistics import ConfusionMatrix

NAME = "csm"
RECIPE = PaperRecipe(
    name=NAME,
    paper=Paper(
        citation="Lee, Shin, Chang 2022, BMC Neurology 22:147",
        printed={"accuracy": 0.871, "recall": 0.864, "precision": 0.889, "auc": 0.864},
        matrix=ConfusionMatrix(22, 7, 32, 1),
        remark=(
            "The paper's recall and precision are means over both classes, and its AUC is the "
            "balanced accuracy: the curve was drawn from yes and no."
        ),
    ),
    findings=("myelopathy", "canal-narrowing", "abnormal"),
    split={"train": 145, "test": 62},
    picture=PicturePlan(Crop.WHOLE, Fit.STRETCHED, Channels.GREY),
    network=NetworkPlan(Backbone.VGG16, outputs=1, head=Head.POOLED_128_64_1),
    optimiser=OptimiserPlan("adam", 1e-5),
    steps=(Step(epochs=50),),
    batch=8,
    augmentation=Augmentation(shear_degrees=10.0, zoom=0.1, shift_width=0.1),
)
run = paper.runner(RECIPE)
