"""Boosted trees of LightGBM as flat arrays, which `tree_kernels` evaluates without the library."""

from typing import TYPE_CHECKING, NotRequired, TypedDict

import numpy as np

from prep.stages.shared.trees.tree_kernels import Trees

if TYPE_CHECKING:
    import lightgbm


class Node(TypedDict):
    """A node of a tree as LightGBM writes it; a leaf has only its value."""

    split_feature: NotRequired[int]
    threshold: NotRequired[float]
    left_child: NotRequired["Node"]
    right_child: NotRequired["Node"]
    leaf_value: NotRequired[float]


def export(booster: "lightgbm.Booster") -> Trees:
    """Return the trees as flat arrays, the children of a node beside each other."""
    roots: list[int] = []
    depths: list[int] = []
    features: list[int] = []
    thresholds: list[np.float32] = []
    lefts: list[int] = []
    values: list[float] = []
    for tree in booster.dump_model()["tree_info"]:
        level: list[Node] = [tree["tree_structure"]]
        roots.append(len(lefts))
        depths.append(-1)
        while level:
            below: list[Node] = []
            following = len(lefts) + len(level)
            for node in level:
                if "left_child" in node:
                    features.append(node["split_feature"])
                    thresholds.append(float32_below(node["threshold"]))
                    values.append(0.0)
                    lefts.append(following + len(below))
                    below += [node["left_child"], node["right_child"]]
                else:
                    features.append(0)
                    thresholds.append(np.float32(np.inf))
                    values.append(node["leaf_value"])
                    lefts.append(len(lefts))
            level = below
            depths[-1] += 1
    return Trees(
        np.array(roots, np.uint32),
        np.array(depths, np.uint8),
        np.array(features, np.uint16),
        np.array(thresholds, np.float32),
        np.array(lefts, np.uint32),
        np.array(values, np.float32),
    )


def float32_below(threshold: float) -> np.float32:
    """Return the greatest float32 that is at most a number: it splits float32 values at the same place."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))
