"""What metrics are, for people who read a report and never asked for one."""

TERMS = {
    "accuracy": "The share of answers that are right.",
    "bits_per_character": "How many bits a character costs when the model guesses it; less is better, and 1 bit means "
    "as unsure as between two equally likely characters.",
    "ece": "Expected calibration error (Guo et al., 2017): by how much confidence and the share of right answers "
    "differ, on average. 0 means that of all answers given with 80 % confidence 80 % are right.",
    "entity_f1": "The harmonic mean of precision and recall of entities; an entity counts if its first word, its last "
    "word and its type are right.",
    "entity_precision": "The share of entities found that are right.",
    "entity_recall": "The share of true entities that were found.",
    "log_loss": "The mean of minus the logarithm of the probability given to what was true: being sure of something "
    "wrong costs most.",
    "macro_f1": "F1, the harmonic mean of precision and recall, averaged over classes: rare classes count as much as "
    "frequent ones.",
    "micro_f1": "The harmonic mean of precision and recall over all labels together.",
    "perplexity": "Among how many equally likely tokens the model is as unsure as it was, on average; less is better.",
    "subset_accuracy": "The share of texts of which every label is right and none is missing.",
    "unknown_accuracy": "Accuracy on words that the training part doesn't have.",
}
