"""Collapsed Gibbs sampling for latent Dirichlet allocation (Griffiths & Steyvers 2004)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models.networks.arguments import check_positive, check_seed, check_size


def lda_gibbs(
    x: ArrayLike,
    topics: int,
    *,
    concentration: float = 1.0,
    topic_concentration: float = 0.1,
    sweeps: int = 200,
    kept: int = 100,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The posterior mean of the topics, by a chain over the topic of each word.

        p(z_i = k | the others) proportional to (n_kv + b) / (n_k + V b) * (n_dk + a)

    with counts of the other words, a = concentration and b = topic_concentration. Mixtures and
    topics are integrated out. Labels of topics may swap in a longer chain; in one of some hundred
    sweeps they do not.

    Args:
        x: counts, documents by words, (N, V).
        topics: K.
        concentration: of the prior of a document's mixture.
        topic_concentration: of the prior of a topic.
        sweeps: over all words.
        kept: how many of the last ones are averaged.
        seed: seed of the chain.

    Returns:
        Topics, (K, V).

    Raises:
        ValueError: if an argument is out of range, or x has no counts.
    """
    counts = np.asarray(x)
    if counts.ndim != 2 or not ((counts >= 0) & (counts == np.round(counts))).all():
        raise ValueError("x must hold counts, documents by words: whole numbers, 0 or more.")
    check_size("topics", topics)
    if not 1 <= check_size("kept", kept) <= check_size("sweeps", sweeps):
        raise ValueError(f"kept must be at most sweeps, got {kept} and {sweeps}.")
    a = check_positive("concentration", concentration)
    b = check_positive("topic_concentration", topic_concentration)
    random = np.random.default_rng(check_seed(seed))
    rows, columns = counts.nonzero()
    times = counts[rows, columns].astype(int)
    documents, words = np.repeat(rows, times), np.repeat(columns, times)
    z = random.integers(topics, size=len(words))
    by_word = np.zeros((counts.shape[1], topics))
    by_document = np.zeros((len(counts), topics))
    np.add.at(by_word, (words, z), 1)
    np.add.at(by_document, (documents, z), 1)
    in_all, mean = by_word.sum(0), np.zeros_like(by_word)
    for sweep in range(sweeps):
        for i, u in enumerate(random.random(len(words))):
            word, document, old = words[i], documents[i], z[i]
            for table in (by_word[word], by_document[document], in_all):
                table[old] -= 1
            mass = (by_word[word] + b) / (in_all + len(by_word) * b) * (by_document[document] + a)
            heap = mass.cumsum()
            new = min(int(heap.searchsorted(u * heap[-1])), topics - 1)
            z[i] = new
            for table in (by_word[word], by_document[document], in_all):
                table[new] += 1
        if sweep >= sweeps - kept:
            mean += (by_word + b) / (in_all + len(by_word) * b) / kept
    return mean.T
