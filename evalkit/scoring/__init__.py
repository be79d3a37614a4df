"""From trajectories and ground truth to scores, under the rules of a named protocol."""
