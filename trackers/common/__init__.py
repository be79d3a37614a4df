"""What every learned tracker shares: crops, post-processing, batching, second modality, weights."""
